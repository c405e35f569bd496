#include "broker/http/server.h"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <optional>
#include <type_traits>

namespace lvt::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Protocol = asio::generic::stream_protocol;
using boost::system::error_code;
using Plain = beast::basic_stream<Protocol>;
using Encrypted = asio::ssl::stream<Plain>;

/// How long a client that was refused may take to hear it, and what it may say meanwhile.
constexpr std::chrono::seconds kLeaveTimeout{5};
constexpr std::size_t kForgottenBytesMax = 1024 * 1024;
constexpr std::size_t kForgottenAtOnce = 16 * 1024;
constexpr const char* kTooLong =
    R"({"error":"bad_request","reason":"Exceeded HTTP request body size limit"})";

Verb verb_of(beast::http::verb verb) {
    switch (verb) {
        case beast::http::verb::get:
            return Verb::get;
        case beast::http::verb::head:
            return Verb::head;
        case beast::http::verb::put:
            return Verb::put;
        case beast::http::verb::post:
            return Verb::post;
        case beast::http::verb::delete_:
            return Verb::del;
        case beast::http::verb::options:
            return Verb::options;
        default:
            return Verb::other;
    }
}

bool is_malformed(const error_code& error) {
    return error.category() == beast::http::make_error_code(beast::http::error{}).category() &&
           error != beast::http::error::end_of_stream &&
           error != beast::http::error::partial_message;
}

}  // namespace

/// Everything that handlers of the io_context hold on to.
class Server::State : public std::enable_shared_from_this<State> {
public:
    /// One client.
    class Session {
    public:
        virtual ~Session() = default;
        /// The operation under way fails.
        virtual void close() = 0;
    };
    using Sessions = std::list<std::shared_ptr<Session>>;

    State(asio::io_context& io, ServerOptions options, Handler& handler)
        : io(io), options(options), handler(&handler) {}

    void adopt(int fd, Peer peer, ssl_st* tls);
    void close();

    asio::io_context& io;
    const ServerOptions options;
    /// Null once closed.
    Handler* handler;
    /// Who has not been given what it asked for yet, and who has. In each those that wait for a request, the longest first; then
    /// those that have one in hand.
    Sessions strangers;
    Sessions known;

private:
    void make_room();
    template <class Connected>
    void begin(std::shared_ptr<Connected> session);
};

namespace {

/// Reads a request, hands it on, writes the answer, reads the next. `Stream`: Plain or Encrypted.
template <class Stream, class State>
class StreamSession final : public State::Session,
                            public std::enable_shared_from_this<StreamSession<Stream, State>> {
public:
    static constexpr bool kEncrypted = std::is_same_v<Stream, Encrypted>;

    StreamSession(std::shared_ptr<State> server, Stream stream, Peer peer)
        : server_(std::move(server)), stream_(std::move(stream)), peer_(std::move(peer)) {}

    void start() {
        among_ = &server_->strangers;
        place_ = among_->insert(among_->end(), this->shared_from_this());
        read();
    }
    void close() override { cut(); }

private:
    Plain& socket() { return beast::get_lowest_layer(stream_); }
    const Plain& socket() const { return beast::get_lowest_layer(stream_); }

    void read() {
        parser_.emplace();
        parser_->header_limit(server_->options.header_bytes_max);
        parser_->body_limit(server_->options.body_bytes_max);
        socket().expires_after(server_->options.header_timeout);
        beast::http::async_read_header(
            stream_,
            buffer_,
            *parser_,
            [self = this->shared_from_this()](error_code error, std::size_t) {
                if (error) return self->refuse(error);
                self->busy();
                self->ask_for_admission();
            });
    }

    /// Those that say nothing go before it.
    void busy() {
        if (place_) among_->splice(among_->end(), *among_, *place_);
    }
    /// It is not the first to go where there are too many.
    void become_known() {
        if (!place_) return;
        server_->known.splice(server_->known.end(), *among_, *place_);
        among_ = &server_->known;
    }

    void ask_for_admission() {
        const bool is_long = parser_->chunked() || parser_->content_length().value_or(0) >
                                                       server_->options.unasked_body_bytes_max;
        if (!is_long) return read_body();
        if (!server_->handler) return cut();
        socket().expires_never();
        server_->handler->admit(
            request_of(parser_->get()),
            [self = this->shared_from_this()] {
                asio::post(self->stream_.get_executor(), [self] { self->read_body(); });
            },
            [self = this->shared_from_this()](MakeResponse make) {
                asio::post(self->stream_.get_executor(), [self, make = std::move(make)] {
                    self->refuse(make());
                });
            });
    }

    void read_body() {
        socket().expires_after(server_->options.body_timeout);
        if (beast::iequals(parser_->get()[beast::http::field::expect], "100-continue"))
            return ask_for_body();
        beast::http::async_read(
            stream_,
            buffer_,
            *parser_,
            [self = this->shared_from_this()](error_code error, std::size_t) {
                if (error) return self->refuse(error);
                self->perform();
            });
    }

    void ask_for_body() {
        using Interim = beast::http::response<beast::http::empty_body>;
        const auto interim = std::make_shared<Interim>(beast::http::status::continue_, 11);
        parser_->get().erase(beast::http::field::expect);
        beast::http::async_write(
            stream_,
            *interim,
            [self = this->shared_from_this(), interim](error_code error, std::size_t) {
                if (error) return self->cut();
                self->read_body();
            });
    }

    template <class Message>
    Request request_of(const Message& message) const {
        Request request;
        request.verb = verb_of(message.method());
        request.target = std::string(message.target());
        for (const auto& field : message)
            request.headers.emplace_back(field.name_string(), field.value());
        request.peer = peer_.name;
        request.loopback = peer_.loopback;
        request.trusted = peer_.trusted;
        return request;
    }

    void perform() {
        auto message = parser_->release();
        keep_alive_ = message.keep_alive();
        version_ = message.version();
        Request request = request_of(message);
        head_only_ = request.verb == Verb::head;
        request.body = std::move(message.body());
        socket().expires_never();
        if (!server_->handler) return cut();
        server_->handler->handle(
            std::move(request), [self = this->shared_from_this()](MakeResponse make) {
                asio::post(self->stream_.get_executor(), [self, make = std::move(make)] {
                    self->write(make());
                });
            });
    }

    void write(Response response) {
        if (response.status < 400) become_known();
        message_ = {static_cast<beast::http::status>(response.status), version_};
        for (const auto& [name, value] : response.headers) message_.insert(name, value);
        if (!response.content_type.empty())
            message_.set(beast::http::field::content_type, response.content_type);
        message_.set(beast::http::field::server, "Leveret");
        message_.keep_alive(keep_alive_);
        // A 204 has no length (RFC 9110 8.6).
        if (response.status != 204) message_.content_length(response.body.size());
        if (!head_only_) message_.body() = std::move(response.body);
        socket().expires_after(server_->options.body_timeout);
        beast::http::async_write(
            stream_, message_, [self = this->shared_from_this()](error_code error, std::size_t) {
                self->message_ = {};
                if (error) return self->cut();
                if (!self->keep_alive_) return self->leave();
                self->read();
            });
    }

    /// Too long, too slow, or no HTTP.
    void refuse(error_code error) {
        if (error == beast::http::error::body_limit)
            return refuse(Response{413, {}, "application/json", kTooLong});
        if (error == beast::http::error::header_limit) return refuse(Response{431, {}, {}, {}});
        if (is_malformed(error)) return refuse(Response{400, {}, {}, {}});
        cut();
    }
    /// The rest of the request is not wanted.
    void refuse(Response response) {
        keep_alive_ = false;
        write(std::move(response));
    }

    /// Says that it is over, and waits for the client to hear it: to close while there is something to read would take the answer back.
    void leave() {
        socket().expires_after(kLeaveTimeout);
        if constexpr (kEncrypted) {
            stream_.async_shutdown(
                [self = this->shared_from_this()](error_code) { self->drain(); });
        } else {
            drain();
        }
    }
    void drain() {
        error_code error;
        if (socket().socket().is_open())
            socket().socket().shutdown(asio::socket_base::shutdown_send, error);
        read_and_forget(kForgottenBytesMax);
    }
    void read_and_forget(std::size_t bytes_max) {
        if (bytes_max == 0) return cut();
        buffer_.clear();
        socket().async_read_some(
            buffer_.prepare(std::min(bytes_max, kForgottenAtOnce)),
            [self = this->shared_from_this(), bytes_max](error_code error, std::size_t bytes) {
                error ? self->cut() : self->read_and_forget(bytes_max - bytes);
            });
    }

    void cut() {
        if (socket().socket().is_open()) ::shutdown(socket().socket().native_handle(), SHUT_RDWR);
        socket().close();
        if (place_ && server_->handler) among_->erase(*place_);
        place_.reset();
    }

    std::shared_ptr<State> server_;
    Stream stream_;
    Peer peer_;
    /// In the list that it stands in; nothing once it is not there any more.
    std::optional<typename State::Sessions::iterator> place_;
    typename State::Sessions* among_ = nullptr;
    beast::flat_buffer buffer_;
    std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
    beast::http::response<beast::http::string_body> message_;
    bool keep_alive_ = false;
    bool head_only_ = false;
    unsigned version_ = 11;
};

}  // namespace

template <class Connected>
void Server::State::begin(std::shared_ptr<Connected> session) {
    make_room();
    session->start();
}

/// A flood of strangers leaves half of the places to those who are known.
void Server::State::make_room() {
    if (strangers.size() + known.size() < options.connections_max) return;
    const bool is_flood = strangers.size() > options.connections_max / 2;
    const std::shared_ptr<Session> oldest = (is_flood || known.empty() ? strangers : known).front();
    oldest->close();
}

void Server::State::adopt(int fd, Peer peer, ssl_st* tls) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    Protocol::socket socket(io);
    error_code error;
    socket.assign(Protocol(address.ss_family, 0), fd, error);
    if (error || !handler) {
        if (!socket.is_open()) ::close(fd);
        ::SSL_free(tls);
        return;
    }
    Plain plain(std::move(socket));
    if (tls) {
        begin(std::make_shared<StreamSession<Encrypted, State>>(
            shared_from_this(), Encrypted(std::move(plain), tls), std::move(peer)));
    } else {
        begin(std::make_shared<StreamSession<Plain, State>>(
            shared_from_this(), std::move(plain), std::move(peer)));
    }
}

void Server::State::close() {
    handler = nullptr;
    for (Sessions* const all : {&strangers, &known}) {
        for (const auto& session : *all) session->close();
        all->clear();
    }
}

Server::Server(asio::io_context& io, ServerOptions options, Handler& handler)
    : state_(std::make_shared<State>(io, options, handler)) {}
Server::~Server() { close(); }
void Server::adopt(int fd, Peer peer, ssl_st* tls) { state_->adopt(fd, std::move(peer), tls); }
void Server::close() { state_->close(); }

}  // namespace lvt::http
