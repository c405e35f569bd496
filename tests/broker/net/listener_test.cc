#include "broker/net/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/net/socket_address.h"
#include "tests/broker/net/client_socket.h"

namespace lvt::broker {
namespace {

/// A loop on a thread, and what its listeners accepted.
class ListenerTest : public testing::Test {
protected:
    ~ListenerTest() override {
        loop_.stop();
        if (thread_.joinable()) thread_.join();
        for (const int fd : accepted_) ::close(fd);
    }

    std::shared_ptr<Listener> listen(const std::string& host) {
        auto listener = Listener::bind({host, 0}, loop_, clock_, log_);
        EXPECT_TRUE(listener.has_value());
        loop_.post([this, listener = *listener] {
            listener->start([this](int fd) { on_accepted(fd); });
        });
        if (!thread_.joinable()) thread_ = std::thread([this] { loop_.run(); });
        return *listener;
    }

    void on_accepted(int fd) {
        const std::lock_guard lock(mutex_);
        accepted_.push_back(fd);
        changed_.notify_all();
    }

    bool wait_for_accepted(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(
            lock, std::chrono::seconds(20), [&] { return accepted_.size() >= count; });
    }

    SystemClock clock_;
    NullLogSink log_;
    EventLoop loop_;
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<int> accepted_;
};

TEST_F(ListenerTest, NamesThePortThatTheSystemChose) {
    const auto listener = listen("127.0.0.1");
    EXPECT_NE(listener->port(), 0);
    EXPECT_EQ(listener->name(), "127.0.0.1:" + std::to_string(listener->port()));
}

TEST_F(ListenerTest, AcceptsManyConnections) {
    const auto listener = listen("127.0.0.1");
    std::vector<ClientSocket> clients;
    for (int i = 0; i < 200; ++i) clients.emplace_back(listener->port());
    EXPECT_TRUE(wait_for_accepted(200));
}

TEST_F(ListenerTest, AnyAddressTakesIpv4Clients) {
    const auto listener = listen("::");
    const ClientSocket client(listener->port());
    ASSERT_TRUE(wait_for_accepted(1));
    const SocketEnd remote = remote_end(accepted_.front());
    EXPECT_EQ(remote.address, "127.0.0.1");
    EXPECT_TRUE(remote.loopback);
}

TEST_F(ListenerTest, ClosedListenerRefuses) {
    const auto listener = listen("127.0.0.1");
    std::promise<void> closed;
    loop_.post([&] {
        listener->close();
        closed.set_value();
    });
    closed.get_future().wait();
    EXPECT_THROW(ClientSocket{listener->port()}, std::runtime_error);
}

TEST_F(ListenerTest, TakenPortIsNamed) {
    const auto first = listen("127.0.0.1");
    const auto second = Listener::bind({"127.0.0.1", first->port()}, loop_, clock_, log_);
    ASSERT_TRUE(second.has_error());
    EXPECT_EQ(
        second.error().message,
        "cannot listen on " + first->name() + ": Address already in use");
}

TEST_F(ListenerTest, GoesOnWhenDescriptorsAreFreeAgain) {
    const auto listener = listen("127.0.0.1");
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const ClientSocket probe(listener->port());
    ASSERT_TRUE(wait_for_accepted(1));
    // Room for the client's end and for nothing else.
    std::vector<int> fillers;
    rlimit small = limit;
    small.rlim_cur = 64;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &small), 0);
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fillers.push_back(fd);
    ASSERT_FALSE(fillers.empty());
    ::close(fillers.back());
    fillers.pop_back();
    ClientSocket waiting(listener->port());
    for (const int fd : fillers) ::close(fd);
    EXPECT_TRUE(wait_for_accepted(2));
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(SocketAddress, PutsIpv6InBrackets) {
    EXPECT_EQ(host_and_port("::1", 5672), "[::1]:5672");
    EXPECT_EQ(host_and_port("10.0.0.1", 5672), "10.0.0.1:5672");
}

}  // namespace
}  // namespace lvt::broker
