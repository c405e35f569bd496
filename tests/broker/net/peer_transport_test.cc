#include "broker/net/peer_transport.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lvt::broker {
namespace {

using cluster::FrameType;
using cluster::LinkFrame;

class Lines final : public LogSink {
public:
    void write(LogLevel, std::string_view line) override { lines.emplace_back(line); }
    bool enabled(LogLevel) const override { return true; }
    bool has(std::string_view part) const {
        return std::ranges::any_of(
            lines, [&](const auto& one) { return one.find(part) != std::string::npos; });
    }
    std::vector<std::string> lines;
};

/// Nodes on one loop, which runs until a test has seen enough.
struct Node {
    Node(EventLoop& loop, std::string name, std::string secret)
        : transport(
              {.cluster_name = std::move(name), .secret = std::move(secret)},
              {[this](std::uint64_t link, LinkFrame frame) { on_frame(link, std::move(frame)); },
               [this, &loop](const std::string&, auto done) {
                   loop.post([this, done] { done(addresses); });
               },
               {},
               {},
               [this](const std::string& host, std::uint16_t) { refused.push_back(host); }},
              loop, clock, random, log),
          listener(Listener::bind({"127.0.0.1", 0}, loop, clock, log).value()) {
        listener->start([this](int fd) { transport.adopt(fd); });
    }

    SystemClock clock;
    SystemRandom random;
    Lines log;
    std::function<void(std::uint64_t, LinkFrame)> on_frame = [](std::uint64_t, const LinkFrame&) {};
    PeerTransport transport;
    std::shared_ptr<Listener> listener;
    /// Of every name.
    std::vector<std::string> addresses;
    std::vector<std::string> refused;
};

void run_until(EventLoop& loop, const std::function<bool()>& done, std::function<void()> again) {
    SystemClock clock;
    LoopTimer timer(loop, [&] {
        if (done()) return loop.stop();
        again();
        const Milliseconds now = clock.now().monotonic;
        timer.arm_at_latest(now + Milliseconds(20), now);
    });
    timer.arm_at_latest(Milliseconds(0), Milliseconds(0));
    loop.run();
}

TEST(PeerTransport, AMessageArrivesAndItsAnswerComesBack) {
    EventLoop loop;
    Node a(loop, "orders", "s");
    Node b(loop, "orders", "s");
    std::vector<LinkFrame> seen;
    b.on_frame = [&](std::uint64_t link, LinkFrame frame) {
        seen.push_back(std::move(frame));
        b.transport.reply(link, FrameType::group, Bytes(3'000'000, 'y'));
    };
    a.on_frame = [&](std::uint64_t, LinkFrame frame) {
        seen.push_back(std::move(frame));
        loop.stop();
    };
    loop.post(
        [&] { a.transport.send("127.0.0.1", b.listener->port(), FrameType::formation, "hello"); });
    loop.run();
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0], (LinkFrame{FrameType::formation, "hello"}));
    EXPECT_EQ(seen[1].payload.size(), 3'000'000u);
}

TEST(PeerTransport, WhoKnowsAnotherSecretOrClusterIsRefusedAndBothLogsSayWhy) {
    for (const bool secret : {true, false}) {
        EventLoop loop;
        Node a(loop, secret ? "orders" : "billing", secret ? "x" : "s");
        Node b(loop, "orders", "s");
        const std::string_view part = secret ? "cluster.secret" : "cluster 'billing'";
        const std::string_view other = secret ? "cluster.secret" : "cluster 'orders'";
        run_until(
            loop,
            [&] { return a.log.has(other) && b.log.has(part); },
            [&] {
                a.transport.send("127.0.0.1", b.listener->port(), FrameType::formation, "hello");
            });
        EXPECT_TRUE(b.log.has("refused a connection from 127.0.0.1"));
    }
}

TEST(PeerTransport, APeerThatWasNotThereIsFoundLater) {
    EventLoop loop;
    Node a(loop, "orders", "s");
    Node b(loop, "orders", "s");
    b.listener->close();
    bool reopened = false;
    bool seen = false;
    b.on_frame = [&](std::uint64_t, const LinkFrame&) { seen = true; };
    run_until(
        loop,
        [&] { return seen; },
        [&] {
            a.transport.send("127.0.0.1", b.listener->port(), FrameType::formation, "hello");
            if (reopened || !a.log.has("cannot be reached")) return;
            reopened = true;
            ASSERT_TRUE(b.listener->reopen().has_value());
            b.listener->start([&](int fd) { b.transport.adopt(fd); });
        });
    EXPECT_TRUE(reopened);
}

TEST(PeerTransport, WhoRefusesAtOneOfItsAddressesIsNotGone) {
    EventLoop loop;
    Node a(loop, "orders", "s");
    Node b(loop, "orders", "s");
    a.addresses = {"127.0.0.2", "127.0.0.1"};
    bool seen = false;
    b.on_frame = [&](std::uint64_t, const LinkFrame&) {
        seen = true;
        EXPECT_TRUE(a.refused.empty());
    };
    const auto again = [&] {
        a.transport.send("b.test", b.listener->port(), FrameType::formation, "hello");
        if (!seen) return;
        b.listener->close();
        b.transport.close();
    };
    run_until(
        loop, [&] { return !a.refused.empty(); }, [&] { again(); });
    EXPECT_TRUE(seen);
    EXPECT_EQ(a.refused.front(), "b.test");
}

TEST(PeerTransport, ANameWithoutAnAddressIsOneLine) {
    EventLoop loop;
    Node a(loop, "orders", "s");
    run_until(
        loop,
        [&] { return a.log.has("nowhere.invalid:1 cannot be reached: its name has no"); },
        [&] { a.transport.send("nowhere.invalid", 1, FrameType::formation, "hello"); });
}

}  // namespace
}  // namespace lvt::broker
