#include "broker/http/server.h"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <list>
#include <optional>

namespace lvt::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Protocol = asio::generic::stream_protocol;
using boost::system::error_code;

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
    class Session;
    using Sessions = std::list<std::shared_ptr<Session>>;

    State(asio::io_context& io, ServerOptions options, Handler& handler)
        : io(io), options(options), handler(&handler) {}

    void adopt(int fd, Peer peer);
    void close();

    asio::io_context& io;
    const ServerOptions options;
    /// Null once closed.
    Handler* handler;
    /// Those that wait for a request, the longest first; then those that have one in hand.
    Sessions sessions;
};

/// One client: reads a request, hands it on, writes the answer, reads the next.
class Server::State::Session : public std::enable_shared_from_this<Session> {
public:
    Session(std::shared_ptr<State> server, Protocol::socket socket, Peer peer)
        : server_(std::move(server)), stream_(std::move(socket)), peer_(std::move(peer)) {}

    void start(Sessions::iterator place) {
        place_ = place;
        read();
    }
    /// The operation under way fails.
    void close() { stream_.close(); }

private:
    void read() {
        parser_.emplace();
        parser_->header_limit(server_->options.header_bytes_max);
        parser_->body_limit(server_->options.body_bytes_max);
        stream_.expires_after(server_->options.header_timeout);
        beast::http::async_read_header(
            stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
                if (error) return self->refuse(error);
                self->busy();
                self->read_body();
            });
    }

    /// Those that say nothing go before it.
    void busy() {
        if (place_) server_->sessions.splice(server_->sessions.end(), server_->sessions, *place_);
    }

    void read_body() {
        stream_.expires_after(server_->options.body_timeout);
        if (beast::iequals(parser_->get()[beast::http::field::expect], "100-continue"))
            return ask_for_body();
        beast::http::async_read(
            stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
                if (error) return self->refuse(error);
                self->perform();
            });
    }

    void ask_for_body() {
        using Interim = beast::http::response<beast::http::empty_body>;
        const auto interim = std::make_shared<Interim>(beast::http::status::continue_, 11);
        parser_->get().erase(beast::http::field::expect);
        beast::http::async_write(
            stream_, *interim, [self = shared_from_this(), interim](error_code error, std::size_t) {
                if (error) return self->end();
                self->read_body();
            });
    }

    void perform() {
        auto message = parser_->release();
        keep_alive_ = message.keep_alive();
        version_ = message.version();
        Request request;
        request.verb = verb_of(message.method());
        head_only_ = request.verb == Verb::head;
        request.target = std::string(message.target());
        for (const auto& field : message)
            request.headers.emplace_back(field.name_string(), field.value());
        request.body = std::move(message.body());
        request.peer = peer_.name;
        request.loopback = peer_.loopback;
        request.trusted = peer_.trusted;
        stream_.expires_never();
        if (!server_->handler) return end();
        server_->handler->handle(
            std::move(request), [self = shared_from_this()](MakeResponse make) {
                asio::post(self->stream_.get_executor(), [self, make = std::move(make)] {
                    self->write(make());
                });
            });
    }

    void write(Response response) {
        message_ = {static_cast<beast::http::status>(response.status), version_};
        for (const auto& [name, value] : response.headers) message_.insert(name, value);
        if (!response.content_type.empty())
            message_.set(beast::http::field::content_type, response.content_type);
        message_.set(beast::http::field::server, "Leveret");
        message_.keep_alive(keep_alive_);
        // A 204 has no length (RFC 9110 8.6).
        if (response.status != 204) message_.content_length(response.body.size());
        if (!head_only_) message_.body() = std::move(response.body);
        stream_.expires_after(server_->options.body_timeout);
        beast::http::async_write(
            stream_, message_, [self = shared_from_this()](error_code error, std::size_t) {
                self->message_ = {};
                if (error || !self->keep_alive_) return self->end();
                self->read();
            });
    }

    /// Too long, too slow, or no HTTP.
    void refuse(error_code error) {
        keep_alive_ = false;
        if (error == beast::http::error::body_limit)
            return write({413, {}, "application/json", kTooLong});
        if (error == beast::http::error::header_limit) return write({431, {}, {}, {}});
        if (is_malformed(error)) return write({400, {}, {}, {}});
        end();
    }

    void end() {
        ::shutdown(stream_.socket().native_handle(), SHUT_RDWR);
        stream_.close();
        if (place_ && server_->handler) server_->sessions.erase(*place_);
        place_.reset();
    }

    std::shared_ptr<State> server_;
    beast::basic_stream<Protocol> stream_;
    Peer peer_;
    /// In the list of all; nothing once it is not there any more.
    std::optional<Sessions::iterator> place_;
    beast::flat_buffer buffer_;
    std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
    beast::http::response<beast::http::string_body> message_;
    bool keep_alive_ = false;
    bool head_only_ = false;
    unsigned version_ = 11;
};

void Server::State::adopt(int fd, Peer peer) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    Protocol::socket socket(io);
    error_code error;
    socket.assign(Protocol(address.ss_family, 0), fd, error);
    if (error || !handler) {
        if (!socket.is_open()) ::close(fd);
        return;
    }
    // Its own end takes it out of the list.
    if (sessions.size() >= options.connections_max) sessions.front()->close();
    sessions.push_back(
        std::make_shared<Session>(shared_from_this(), std::move(socket), std::move(peer)));
    sessions.back()->start(std::prev(sessions.end()));
}

void Server::State::close() {
    handler = nullptr;
    for (const auto& session : sessions) session->close();
    sessions.clear();
}

Server::Server(asio::io_context& io, ServerOptions options, Handler& handler)
    : state_(std::make_shared<State>(io, options, handler)) {}
Server::~Server() { close(); }
void Server::adopt(int fd, Peer peer) { state_->adopt(fd, std::move(peer)); }
void Server::close() { state_->close(); }

}  // namespace lvt::http
