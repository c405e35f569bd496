#include "broker/ctl/control_server.h"

#include "broker/ctl/control_socket.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <set>

namespace lvt::broker {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Protocol = asio::local::stream_protocol;

constexpr std::size_t kRequestBytesMax = 64 * 1024 * 1024;  // definitions may be long
constexpr std::size_t kSessionsMax = 64;
constexpr int kUsageExitCode = 64;

std::string answer_line(const ControlAnswer& answer) {
    if (answer.error.empty() && !answer.serialized.empty())
        return "{\"ok\":" + answer.serialized + "}\n";
    json::object line;
    if (answer.error.empty()) {
        line["ok"] = answer.value;
    } else {
        line["error"] = answer.error;
        line["code"] = answer.exit_code;
    }
    return json::serialize(line) + "\n";
}

}  // namespace

/// Everything that handlers of the io_context hold on to.
class ControlServer::State : public std::enable_shared_from_this<State> {
public:
    class Session;

    State(
        asio::io_context& io, Protocol::acceptor acceptor, ControlHandler& handler, LogSink& log,
        SpeaksHttp speaks_http)
        : speaks_http(std::move(speaks_http)),
          io_(io),
          acceptor_(std::move(acceptor)),
          handler_(&handler),
          log_(log) {}

    void accept();
    void close();

    /// Null once closed.
    ControlHandler* handler() const { return handler_; }
    asio::io_context& io() { return io_; }
    void forget(const std::shared_ptr<Session>& session) { sessions_.erase(session); }

    const SpeaksHttp speaks_http;

private:
    bool admits(int socket) const;

    asio::io_context& io_;
    Protocol::acceptor acceptor_;
    ControlHandler* handler_;
    LogSink& log_;
    std::set<std::shared_ptr<Session>> sessions_;

public:
    std::filesystem::path data_dir;
};

/// One client: reads a line, hands it on, writes the answer, reads the next.
class ControlServer::State::Session : public std::enable_shared_from_this<Session> {
public:
    Session(std::shared_ptr<State> server, Protocol::socket socket)
        : server_(std::move(server)), socket_(std::move(socket)) {}

    /// Looks which language it is.
    void start() {
        socket_.async_wait(
            Protocol::socket::wait_read,
            [self = shared_from_this()](boost::system::error_code error) {
                if (error) return self->end();
                char first = 0;
                const ssize_t seen =
                    ::recv(self->socket_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
                if (seen != 1 || first < 'A' || first > 'Z' || !self->server_->speaks_http)
                    return self->read();
                self->server_->speaks_http(OwnedFd(self->socket_.release(error)));
                self->server_->forget(self);
            });
    }

    void close() {
        boost::system::error_code ignored;
        socket_.close(ignored);
    }

private:
    void read() {
        asio::async_read_until(
            socket_,
            asio::dynamic_buffer(input_, kRequestBytesMax),
            '\n',
            [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
                if (error) return self->end();
                self->perform(size);
            });
    }

    void perform(std::size_t size) {
        boost::system::error_code error;
        const json::value request = json::parse(input_.substr(0, size), error);
        input_.erase(0, size);
        const json::object* const object = error ? nullptr : request.if_object();
        const json::value* const verb = object ? object->if_contains("verb") : nullptr;
        if (!verb || !verb->is_string() || !server_->handler())
            return write(ControlAnswer::refusal("not a request", kUsageExitCode));
        const json::value* const args = object->if_contains("args");
        server_->handler()->control(
            std::string{verb->get_string()},
            args && args->is_object() ? args->get_object() : json::object{},
            [self = shared_from_this()](ControlAnswer answer) {
                asio::post(self->server_->io(), [self, answer = std::move(answer)] {
                    self->write(answer);
                });
            });
    }

    void write(const ControlAnswer& answer) {
        output_ = answer_line(answer);
        asio::async_write(
            socket_,
            asio::buffer(output_),
            [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                if (error) return self->end();
                self->read();
            });
    }

    void end() {
        close();
        server_->forget(shared_from_this());
    }

    std::shared_ptr<State> server_;
    Protocol::socket socket_;
    std::string input_;
    std::string output_;
};

void ControlServer::State::accept() {
    acceptor_.async_accept(
        [self = shared_from_this()](boost::system::error_code error, Protocol::socket socket) {
            if (error == asio::error::operation_aborted || !self->acceptor_.is_open()) return;
            if (!error && self->sessions_.size() < kSessionsMax &&
                self->admits(socket.native_handle())) {
                auto session = std::make_shared<Session>(self, std::move(socket));
                self->sessions_.insert(session);
                session->start();
            }
            self->accept();
        });
}

bool ControlServer::State::admits(int socket) const {
    const Result<Peer> peer = peer_of(socket);
    if (peer.has_value() && (peer->uid == 0 || peer->uid == ::geteuid())) return true;
    log_.log(
        LogLevel::warning,
        "control socket: refused user {}",
        peer.has_value() ? static_cast<int>(peer->uid) : -1);
    return false;
}

void ControlServer::State::close() {
    handler_ = nullptr;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (const auto& session : sessions_) session->close();
    sessions_.clear();
    remove_control_socket(data_dir);
}

Result<std::unique_ptr<ControlServer>> ControlServer::listen(
    asio::io_context& io, const std::filesystem::path& data_dir, ControlHandler& handler,
    LogSink& log, SpeaksHttp speaks_http) {
    Result<OwnedFd> socket = listen_control_socket(data_dir);
    if (socket.has_error()) return std::move(socket).error();
    Protocol::acceptor acceptor{io};
    boost::system::error_code error;
    acceptor.assign(Protocol{}, socket->get(), error);
    if (error) return Error{ErrorKind::io, "control socket: " + error.message()};
    socket->release();
    auto state =
        std::make_shared<State>(io, std::move(acceptor), handler, log, std::move(speaks_http));
    state->data_dir = data_dir;
    state->accept();
    return std::unique_ptr<ControlServer>{new ControlServer{std::move(state)}};
}

ControlServer::ControlServer(std::shared_ptr<State> state) : state_(std::move(state)) {}
ControlServer::~ControlServer() { state_->close(); }

}  // namespace lvt::broker
