#include "broker/http/server.h"

#include "protocol/base/owned_fd.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>
#include <vector>

namespace lvt::http {
namespace {

/// Answers with the body; admits who says so in the header.
class Echo final : public Handler {
public:
    void admit(Request head, std::function<void()> proceed, Respond refuse) override {
        if (head.header("authorization") == "yes") return proceed();
        refuse([] { return Response{401, {}, {}, {}}; });
    }
    void handle(Request request, Respond respond) override {
        respond([body = std::move(request.body)] { return Response{200, {}, "text/plain", body}; });
    }
};

class HttpServer : public testing::Test {
protected:
    /// Connected clients who come at once.
    std::vector<OwnedFd> clients(std::size_t count) {
        if (!thread_.joinable()) thread_ = std::thread([this] { io_.run(); });
        std::vector<OwnedFd> out;
        std::vector<int> accepted;
        while (out.size() < count) {
            int ends[2] = {-1, -1};
            EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
            out.emplace_back(ends[0]);
            accepted.push_back(ends[1]);
        }
        boost::asio::post(io_, [this, accepted = std::move(accepted)] {
            if (!server_) server_ = std::make_unique<Server>(io_, options, echo_);
            for (const int fd : accepted) server_->adopt(fd, {"client", true, false});
        });
        return out;
    }
    OwnedFd client() { return std::move(clients(1).front()); }
    void TearDown() override {
        boost::asio::post(io_, [this] { server_.reset(); });
        work_.reset();
        if (thread_.joinable()) thread_.join();
    }

    static void send(const OwnedFd& socket, std::string_view text) {
        while (!text.empty()) {
            const ssize_t sent = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    /// All until it is closed, or until it ends so.
    static std::string read(const OwnedFd& socket, std::string_view end = {}) {
        std::string out;
        char octets[4096];
        while (end.empty() || !out.ends_with(end)) {
            const ssize_t size = ::recv(socket.get(), octets, sizeof octets, 0);
            if (size <= 0) break;
            out.append(octets, static_cast<std::size_t>(size));
        }
        return out;
    }

    ServerOptions options;

private:
    Echo echo_;
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    std::unique_ptr<Server> server_;
    std::thread thread_;
};

TEST_F(HttpServer, OneConnectionServesMany) {
    const OwnedFd socket = client();
    for (const char* const body : {"one", "two"}) {
        send(socket, std::string("PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\n") + body);
        const std::string answer = read(socket, body);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
    }
}

TEST_F(HttpServer, EndsWhoSendsItsHeaderTooSlowly) {
    options.header_timeout = std::chrono::milliseconds(1);
    const OwnedFd socket = client();
    send(socket, "GET / HT");
    EXPECT_EQ(read(socket), "");
}

TEST_F(HttpServer, EndsWhoSendsItsBodyTooSlowly) {
    options.body_timeout = std::chrono::milliseconds(1);
    const OwnedFd socket = client();
    send(socket, "PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab");
    EXPECT_EQ(read(socket), "");
}

TEST_F(HttpServer, ReadsLongBodiesOnlyFromWhoIsAdmitted) {
    options.unasked_body_bytes_max = 10;
    const std::string body(1000, 'x');
    const OwnedFd refused = client();
    send(refused, "PUT / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n");
    // Nothing of the body was sent, and the answer is there.
    EXPECT_TRUE(read(refused).starts_with("HTTP/1.1 401 "));

    const OwnedFd chunked = client();
    send(chunked, "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_TRUE(read(chunked).starts_with("HTTP/1.1 401 "));

    const OwnedFd admitted = client();
    send(admitted, "PUT / HTTP/1.1\r\nAuthorization: yes\r\nContent-Length: 1000\r\n\r\n" + body);
    EXPECT_TRUE(read(admitted, body).starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpServer, RefusedClientsHearItWhateverTheyHaveSent) {
    options.body_bytes_max = 100;
    const OwnedFd socket = client();
    send(socket, "PUT / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
    EXPECT_TRUE(read(socket).starts_with("HTTP/1.1 413 "));
}

TEST_F(HttpServer, RefusesHeadersThatDoNotEnd) {
    options.header_bytes_max = 100;
    const OwnedFd socket = client();
    send(socket, "GET / HTTP/1.1\r\nX: " + std::string(1000, 'x'));
    EXPECT_TRUE(read(socket).starts_with("HTTP/1.1 431 "));
}

TEST_F(HttpServer, WhoWaitsLongestMakesRoom) {
    options.connections_max = 2;
    const OwnedFd first = client();
    const OwnedFd second = client();
    const OwnedFd third = client();
    EXPECT_EQ(read(first), "");
    send(third, "PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\n3");
    EXPECT_TRUE(read(third, "3").starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpServer, HoweverManyComeAtOnceNoMoreStay) {
    options.connections_max = 4;
    const std::vector<OwnedFd> crowd = clients(20);
    for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(read(crowd[i]), "") << i;
    for (std::size_t i = 16; i < 20; ++i) {
        send(crowd[i], "PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
        EXPECT_TRUE(read(crowd[i], "x").starts_with("HTTP/1.1 200 ")) << i;
    }
}

TEST_F(HttpServer, KnownClientsOutliveAFloodOfStrangers) {
    options.connections_max = 4;
    const OwnedFd known = client();
    for (int round = 0; round < 3; ++round) {
        send(known, "PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
        EXPECT_TRUE(read(known, "x").starts_with("HTTP/1.1 200 ")) << round;
        EXPECT_EQ(read(clients(20).front()), "");
    }
}

}  // namespace
}  // namespace lvt::http
