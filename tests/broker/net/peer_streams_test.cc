#include "broker/net/peer_streams.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

using cluster::NodeId;
using cluster::Peer;

/// A node with its streams, on a loop that several share.
struct Node {
    Node(EventLoop& loop, std::uint64_t id, const char* secret = "s")
        : self{NodeId(id), "n" + std::to_string(id), "127.0.0.1", 0, 1},
          transport(
              {.cluster_name = "orders", .secret = secret},
              {[this](std::uint64_t link, cluster::LinkFrame frame) {
                   streams.on_frame(link, frame.payload);
               },
               [&loop](const std::string&, auto done) {
                   loop.post([done] { done({"127.0.0.1"}); });
               },
               [this](std::uint64_t link) { streams.on_open(link); },
               [this](std::uint64_t link) { streams.on_closed(link); }},
              loop, clock, random, log),
          streams(
              self.id, 1, transport,
              {[this](NodeId peer, std::uint64_t number, const std::string&) {
                   begun.emplace_back(peer, number);
               },
               [this](NodeId, std::uint64_t number) { ended.push_back(number); },
               [this](NodeId, const std::string& name) { names.push_back(name); },
               [this](NodeId, std::uint64_t number, Bytes batch) {
                   batches.emplace_back(number, std::move(batch));
               }},
              log),
          listener(Listener::bind({"127.0.0.1", 0}, loop, clock, log).value()) {
        self.port = listener->port();
        listener->start([this](int fd) { transport.adopt(fd); });
    }

    Peer self;
    SystemClock clock;
    SystemRandom random;
    NullLogSink log;
    PeerTransport transport;
    PeerStreams streams;
    std::shared_ptr<Listener> listener;
    std::vector<std::pair<NodeId, std::uint64_t>> begun;
    std::vector<std::uint64_t> ended;
    std::vector<std::string> names;
    std::vector<std::pair<std::uint64_t, Bytes>> batches;
};

class PeerStreamsTest : public testing::Test {
protected:
    /// Looks around again and again until it is so.
    void run_until(const std::function<bool()>& done) {
        SystemClock clock;
        LoopTimer timer(loop, [&] {
            if (done()) return loop.stop();
            a.streams.look(0, peers);
            b.streams.look(0, peers);
            const Milliseconds now = clock.now().monotonic;
            timer.arm_at_latest(now + Milliseconds(5), now);
        });
        timer.arm_at_latest(Milliseconds(0), Milliseconds(0));
        loop.run();
    }

    EventLoop loop;
    Node a{loop, 1};
    Node b{loop, 2};
    std::vector<Peer> peers{a.self, b.self};
};

TEST_F(PeerStreamsTest, ThereIsOneBetweenTwo) {
    run_until([&] { return !a.begun.empty() && !b.begun.empty(); });
    EXPECT_EQ(a.names, std::vector<std::string>{"n2"});
    EXPECT_EQ(b.begun.front().first, NodeId(1));
}

TEST_F(PeerStreamsTest, BatchesComeWholeAndInOrder) {
    const std::vector<Bytes> sent{"one", Bytes(5'000'000, 'x'), "three", Bytes(1u << 20, 'y')};
    bool told = false;
    run_until([&] {
        if (a.begun.empty() || b.begun.empty()) return false;
        if (!std::exchange(told, true)) {
            for (const Bytes& batch : sent) {
                a.streams.send(NodeId(2), a.begun.back().second, batch);
                b.streams.send(NodeId(1), b.begun.back().second, batch);
            }
        }
        return a.batches.size() == sent.size() && b.batches.size() == sent.size();
    });
    for (std::size_t i = 0; i < sent.size(); ++i) {
        EXPECT_EQ(a.batches[i].second, sent[i]) << i;
        EXPECT_EQ(b.batches[i].second, sent[i]) << i;
    }
}

TEST_F(PeerStreamsTest, OneThatEndsIsSeenByBothAndANewOneBegins) {
    bool ended = false;
    bool told = false;
    run_until([&] {
        if (a.begun.empty() || b.begun.empty()) return false;
        if (!std::exchange(ended, true)) b.streams.end(NodeId(1), b.begun.back().second, "enough");
        if (a.begun.size() < 2 || b.begun.size() < 2) return false;
        if (!std::exchange(told, true)) {
            // What was meant for the old one goes nowhere.
            a.streams.send(NodeId(2), a.begun[0].second, "late");
            a.streams.send(NodeId(2), a.begun[1].second, "in time");
        }
        return !b.batches.empty();
    });
    EXPECT_EQ(a.ended, std::vector<std::uint64_t>{a.begun.front().second});
    EXPECT_EQ(b.ended, std::vector<std::uint64_t>{b.begun.front().second});
    EXPECT_EQ(b.batches.front().second, "in time");
}

}  // namespace
}  // namespace lvt::broker
