#include "broker/net/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <vector>

namespace lvt::broker {
namespace {

class CountingEvents final : public SocketEvents {
public:
    explicit CountingEvents(EventLoop& loop) : loop_(loop) {}
    void on_readable() override {
        ++readable;
        loop_.stop();
    }
    void on_writable() override {
        ++writable;
        loop_.stop();
    }
    int readable = 0;
    int writable = 0;

private:
    EventLoop& loop_;
};

TEST(EventLoop, RunsWhatIsPostedInOrder) {
    EventLoop loop;
    std::vector<int> seen;
    for (int i = 0; i < 3; ++i) loop.post([&seen, i] { seen.push_back(i); });
    loop.post([&loop] { loop.stop(); });
    loop.run();
    EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
}

TEST(EventLoop, TakesPostsFromOtherThreads) {
    EventLoop loop;
    int seen = 0;
    std::thread poster([&] {
        for (int i = 0; i < 1000; ++i) loop.post([&seen] { ++seen; });
        loop.post([&loop] { loop.stop(); });
    });
    loop.run();
    poster.join();
    EXPECT_EQ(seen, 1000);
}

TEST(WatchedSocket, ReportsReadableOnceForEachWait) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    EventLoop loop;
    auto events = std::make_shared<CountingEvents>(loop);
    WatchedSocket socket(loop, ends[0]);
    ASSERT_EQ(::send(ends[1], "x", 1, MSG_NOSIGNAL), 1);
    socket.wait_readable(events);
    loop.run();
    EXPECT_EQ(events->readable, 1);
    EXPECT_EQ(events->writable, 0);
    ::close(ends[1]);
}

TEST(WatchedSocket, ReportsWhatWasReadyBeforeTheWait) {
    // Input that was left unread at an earlier wake-up is told again: flow control stops and goes on.
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    int waits = 0;
    EventLoop loop;
    class Again final : public SocketEvents {
    public:
        Again(EventLoop& loop, WatchedSocket& socket, int& waits)
            : loop_(loop), socket_(socket), waits_(waits) {}
        void on_readable() override {
            if (++waits_ == 3) return loop_.stop();
            socket_.wait_readable(self.lock());
        }
        void on_writable() override {}
        std::weak_ptr<SocketEvents> self;

    private:
        EventLoop& loop_;
        WatchedSocket& socket_;
        int& waits_;
    };
    WatchedSocket socket(loop, ends[0]);
    auto again = std::make_shared<Again>(loop, socket, waits);
    again->self = again;
    ASSERT_EQ(::send(ends[1], "x", 1, MSG_NOSIGNAL), 1);
    socket.wait_readable(again);
    loop.run();
    EXPECT_EQ(waits, 3);
    ::close(ends[1]);
}

TEST(WatchedSocket, DropsItsWaitsWhenClosed) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    EventLoop loop;
    auto events = std::make_shared<CountingEvents>(loop);
    WatchedSocket socket(loop, ends[0]);
    socket.wait_readable(events);
    socket.close();
    EXPECT_EQ(socket.fd(), -1);
    loop.post([&loop] { loop.post([&loop] { loop.stop(); }); });
    loop.run();
    EXPECT_EQ(events->readable, 0);
    ::close(ends[1]);
}

TEST(LoopTimer, KeepsTheEarlierOfTwoDeadlines) {
    EventLoop loop;
    int fired = 0;
    LoopTimer timer(loop, [&] {
        ++fired;
        loop.stop();
    });
    const Milliseconds now(1000);
    timer.arm_at_latest(now + Milliseconds(3'600'000), now);
    timer.arm_at_latest(now, now);
    timer.arm_at_latest(now + Milliseconds(1'800'000), now);
    loop.run();
    EXPECT_EQ(fired, 1);
}

}  // namespace
}  // namespace lvt::broker
