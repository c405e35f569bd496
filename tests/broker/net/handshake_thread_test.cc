#include "broker/net/handshake_thread.h"

#include "tests/broker/net/test_certificates.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <future>

namespace lvt::broker {
namespace {

/// A thread with a client at a socket before it.
class HandshakeThreadTest : public testing::Test {
protected:
    HandshakeThreadTest() {
        certificates_.issue("server");
        TlsConfig config;
        config.identity.certfile = certificates_.certificate("server");
        config.identity.keyfile = certificates_.key("server");
        context_ = *TlsContext::load(config, clock_, log_);
    }

    void start(Milliseconds timeout = Milliseconds(0)) {
        thread_ = std::make_unique<HandshakeThread>(
            HandshakeOptions{timeout, {}, kBegunMax, Milliseconds(10)},
            admission_,
            clock_,
            log_,
            [](const Error&) {});
        thread_->start([this](Arrival arrival) { arrived_.set_value(std::move(arrival)); });
    }
    /// The client's end.
    OwnedFd connect(bool proxied, bool tls) {
        int fds[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        Arrival arrival;
        arrival.socket = OwnedFd(fds[0]);
        arrival.remote = {"127.0.0.1", 1, true};
        arrival.local = {"127.0.0.1", 2, true};
        thread_->take(std::move(arrival), proxied, tls ? context_ : nullptr);
        const timeval patience{60, 0};
        ::setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        return OwnedFd(fds[1]);
    }
    static void send(const OwnedFd& client, ByteView bytes) {
        EXPECT_EQ(
            ::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
    }
    /// Waits for the end of the stream.
    static bool was_closed(const OwnedFd& client) {
        char bytes[256];
        for (;;) {
            const ssize_t got = ::recv(client.get(), bytes, sizeof bytes, 0);
            if (got <= 0) return got == 0 || errno == ECONNRESET;
        }
    }
    SslPtr client_session(const OwnedFd& client) {
        if (!client_context_) client_context_.reset(SSL_CTX_new(TLS_client_method()));
        SslPtr ssl(SSL_new(client_context_.get()));
        SSL_set_fd(ssl.get(), client.get());
        return ssl;
    }
    SslPtr shake_hands(const OwnedFd& client) {
        SslPtr ssl = client_session(client);
        EXPECT_EQ(SSL_connect(ssl.get()), 1);
        return ssl;
    }
    /// The client's first flight. What is answered stays unread, or a quick answer would finish the handshake.
    void say_hello(const OwnedFd& client) {
        const SslPtr ssl = client_session(client);
        SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        EXPECT_EQ(SSL_connect(ssl.get()), -1);
        char* hello = nullptr;
        const long size = BIO_get_mem_data(SSL_get_wbio(ssl.get()), &hello);
        send(client, ByteView(hello, static_cast<std::size_t>(size)));
    }

    static constexpr std::size_t kBegunMax = 4;
    TestCertificates certificates_;
    SystemClock clock_;
    NullLogSink log_;
    AdmissionControl admission_{1, clock_, log_};
    std::shared_ptr<TlsContext> context_;
    SslContextPtr client_context_;
    std::promise<Arrival> arrived_;
    std::unique_ptr<HandshakeThread> thread_;
};

constexpr ByteView kHeader = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 5672\r\n";

TEST_F(HandshakeThreadTest, HandsOnWhoCameThroughTls) {
    start();
    const OwnedFd client = connect(false, true);
    const SslPtr ssl = shake_hands(client);
    const Arrival arrival = arrived_.get_future().get();
    ASSERT_TRUE(arrival.tls);
    EXPECT_EQ(arrival.tls_peer->protocol, "tlsv1.3");
    EXPECT_EQ(arrival.remote.address, "127.0.0.1");
    EXPECT_EQ(arrival.tls->send("hello"), 5);
    char bytes[8] = {};
    EXPECT_EQ(SSL_read(ssl.get(), bytes, sizeof bytes), 5);
}

TEST_F(HandshakeThreadTest, HeaderNamesTheClientAndNothingBehindItIsRead) {
    start();
    const OwnedFd client = connect(true, false);
    send(client, kHeader.substr(0, 7));
    send(client, Bytes(kHeader.substr(7)) + "AMQP");
    const Arrival arrival = arrived_.get_future().get();
    EXPECT_FALSE(arrival.tls);
    EXPECT_EQ(arrival.remote.address, "192.0.2.1");
    EXPECT_EQ(arrival.local.port, 5672);
    EXPECT_FALSE(admission_.admit("192.0.2.1"));
    char bytes[8] = {};
    EXPECT_EQ(::recv(arrival.socket.get(), bytes, sizeof bytes, 0), 4);
}

TEST_F(HandshakeThreadTest, LoopbackOfAnotherMachineIsNotOurs) {
    start();
    const OwnedFd client = connect(true, false);
    send(client, "PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\n");
    EXPECT_FALSE(arrived_.get_future().get().remote.loopback);
}

TEST_F(HandshakeThreadTest, HeaderComesBeforeTls) {
    start();
    const OwnedFd client = connect(true, true);
    send(client, kHeader);
    const SslPtr ssl = shake_hands(client);
    const Arrival arrival = arrived_.get_future().get();
    EXPECT_TRUE(arrival.tls);
    EXPECT_EQ(arrival.remote.address, "192.0.2.1");
}

TEST_F(HandshakeThreadTest, SourceBehindTheProxyIsLimited) {
    start();
    const auto taken = admission_.admit("192.0.2.1");
    const OwnedFd client = connect(true, false);
    send(client, kHeader);
    EXPECT_TRUE(was_closed(client));
}

TEST_F(HandshakeThreadTest, NonsenseIsClosed) {
    start();
    const OwnedFd no_header = connect(true, false);
    send(no_header, "AMQP");
    EXPECT_TRUE(was_closed(no_header));
    const OwnedFd no_tls = connect(false, true);
    send(no_tls, ByteView("AMQP\0\0\x09\x01", 8));
    EXPECT_TRUE(was_closed(no_tls));
}

TEST_F(HandshakeThreadTest, WhoIsNotReadyInTimeIsClosed) {
    start(Milliseconds(20));
    const OwnedFd silent = connect(false, true);
    const OwnedFd slow = connect(true, true);
    send(slow, kHeader.substr(0, 9));
    EXPECT_TRUE(was_closed(silent));
    EXPECT_TRUE(was_closed(slow));
}

TEST_F(HandshakeThreadTest, HalfFinishedOnesEndWithIt) {
    start();
    const OwnedFd silent = connect(false, true);
    const OwnedFd half = connect(false, true);
    say_hello(half);
    const OwnedFd through = connect(false, true);
    const SslPtr ssl = shake_hands(through);
    arrived_.get_future().wait();
    thread_.reset();
    EXPECT_TRUE(was_closed(silent));
    EXPECT_TRUE(was_closed(half));
}

TEST_F(HandshakeThreadTest, ManyThatStopHalfwayDoNotKeepOthersOut) {
    start();
    std::vector<OwnedFd> clients;
    for (std::size_t i = 0; i < kBegunMax + 20; ++i) {
        clients.push_back(connect(false, true));
        say_hello(clients.back());
    }
    const OwnedFd through = connect(false, true);
    const SslPtr ssl = shake_hands(through);
    EXPECT_TRUE(arrived_.get_future().get().tls);
    // The oldest made room.
    EXPECT_TRUE(was_closed(clients.front()));
}

TEST_F(HandshakeThreadTest, DropAllClosesWhatIsUnderWay) {
    start();
    const OwnedFd silent = connect(false, true);
    thread_->drop_all();
    EXPECT_TRUE(was_closed(silent));
}

}  // namespace
}  // namespace lvt::broker
