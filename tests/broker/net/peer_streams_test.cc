#include "broker/net/peer_streams.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

using cluster::NodeId;
using cluster::Peer;

/// A node with its streams, on a loop that several share.
struct Node {
    Node(EventLoop& loop, std::uint64_t id, std::uint64_t starts = 1)
        : self{NodeId(id), "n" + std::to_string(id), "127.0.0.1", 0, 1},
          transport(
              {.cluster_name = "orders", .secret = "s"},
              {[this](std::uint64_t link, cluster::LinkFrame frame) {
                   last_link = link;
                   if (!deaf) streams.on_frame(link, frame.payload);
               },
               [&loop](const std::string&, auto done) {
                   loop.post([done] { done({"127.0.0.1"}); });
               },
               [this](std::uint64_t link) { streams.on_open(link); },
               [this](std::uint64_t link) {
                   deaf = false;
                   streams.on_closed(link);
               },
               [this](const std::string& host, std::uint16_t port) {
                   streams.on_refused(host, port);
               }},
              loop, clock, random, log),
          streams(
              self.id, starts, transport,
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

    std::uint64_t number() const { return begun.back().second; }

    Peer self;
    SystemClock clock;
    SystemRandom random;
    NullLogSink log;
    /// What comes is lost, until the link is gone.
    bool deaf = false;
    std::uint64_t last_link = 0;
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
    struct Stage {
        std::function<bool()> until;
        std::function<void()> then = [] {};
        /// In its time.
        std::vector<Node*> looking;
    };

    /// One after the other; who looks does so again and again. The first one is that there is a stream.
    void play(std::vector<Stage> stages) {
        SystemClock clock;
        std::size_t at = 0;
        LoopTimer timer(loop, [&] {
            while (at < stages.size() && stages[at].until()) stages[at++].then();
            if (at == stages.size()) return loop.stop();
            for (Node* const node : stages[at].looking) node->streams.look(0, peers);
            const Milliseconds now = clock.now().monotonic;
            timer.arm_at_latest(now + Milliseconds(5), now);
        });
        timer.arm_at_latest(Milliseconds(0), Milliseconds(0));
        loop.run();
    }
    Stage stage(
        std::function<bool()> until, std::function<void()> then = [] {}) {
        return {std::move(until), std::move(then), {&a, &b}};
    }
    /// Both have begun so many.
    Stage begun(
        std::size_t streams, std::function<void()> then = [] {}) {
        return stage(
            [this, streams] { return a.begun.size() == streams && b.begun.size() == streams; },
            std::move(then));
    }
    void cut(Node& cutter) { cutter.transport.drop(cutter.last_link, "the test cuts it"); }

    EventLoop loop;
    Node a{loop, 1};
    Node b{loop, 2};
    std::vector<Peer> peers{a.self, b.self};
};

TEST_F(PeerStreamsTest, ThereIsOneBetweenTwo) {
    play({begun(1)});
    EXPECT_EQ(a.names, std::vector<std::string>{"n2"});
    EXPECT_EQ(b.begun.front().first, NodeId(1));
}

TEST_F(PeerStreamsTest, BatchesGoBothWays) {
    const auto talk = [&] {
        a.streams.send(NodeId(2), a.number(), "there");
        a.streams.send(NodeId(2), a.number(), Bytes(5'000'000, 'x'));
        b.streams.send(NodeId(1), b.number(), "back");
    };
    play({begun(1, talk), stage([&] { return a.batches.size() == 1 && b.batches.size() == 2; })});
    EXPECT_EQ(a.batches[0], (std::pair{a.number(), Bytes("back")}));
    EXPECT_EQ(b.batches[0], (std::pair{b.number(), Bytes("there")}));
    EXPECT_EQ(b.batches[1].second.size(), 5'000'000u);
}

TEST_F(PeerStreamsTest, OneThatEndsIsSeenByBothAndANewOneBegins) {
    const auto end = [&] { b.streams.end(NodeId(1), b.number(), "enough"); };
    const auto talk = [&] {
        // What was meant for the old one goes nowhere.
        a.streams.send(NodeId(2), a.begun[0].second, "late");
        a.streams.send(NodeId(2), a.begun[1].second, "in time");
    };
    play({begun(1, end), begun(2, talk), stage([&] { return !b.batches.empty(); })});
    EXPECT_EQ(a.ended, std::vector<std::uint64_t>{a.begun.front().second});
    EXPECT_EQ(b.ended, std::vector<std::uint64_t>{b.begun.front().second});
    EXPECT_EQ(b.batches.front().second, "in time");
}

TEST_F(PeerStreamsTest, GoesOnOverTheNextLink) {
    std::vector<Bytes> sent;
    const auto talk = [&] {
        for (int k = 0; k < 3; ++k) {
            sent.push_back(std::to_string(sent.size()) + Bytes(2'000'000, 'x'));
            a.streams.send(NodeId(2), a.number(), sent.back());
            b.streams.send(NodeId(1), b.number(), sent.back());
        }
    };
    std::vector<Stage> stages{begun(1)};
    for (int round = 0; round < 6; ++round) {
        stages.push_back(stage([] { return true; }, talk));
        // Some of it has come by then.
        stages.push_back(stage(
            [&] { return b.batches.size() + 2 >= sent.size(); },
            [this, round] { cut(round % 2 ? a : b); }));
    }
    const auto all = [&] {
        return a.batches.size() == sent.size() && b.batches.size() == sent.size();
    };
    stages.push_back(stage(all));
    play(std::move(stages));
    for (std::size_t i = 0; i < sent.size(); ++i) {
        EXPECT_EQ(a.batches[i].second, sent[i]) << i;
        EXPECT_EQ(b.batches[i].second, sent[i]) << i;
    }
    EXPECT_EQ(a.begun.size() + b.begun.size(), 2u);
    EXPECT_TRUE(a.ended.empty() && b.ended.empty());
}

TEST_F(PeerStreamsTest, LinkOnWhichNothingComesIsMadeAnew) {
    std::vector<Stage> stages{begun(1)};
    for (Node* const deaf : {&a, &b}) {
        stages.back().then = [this, deaf] {
            deaf->deaf = true;
            a.streams.send(NodeId(2), a.number(), "there");
            b.streams.send(NodeId(1), b.number(), "back");
        };
        stages.push_back(stage([deaf] { return !deaf->deaf; }));
        stages.push_back(stage([&] { return a.batches.size() == b.batches.size(); }));
    }
    stages.push_back(stage([&] { return a.batches.size() == 2; }));
    play(std::move(stages));
    EXPECT_TRUE(a.ended.empty() && b.ended.empty());
}

TEST_F(PeerStreamsTest, EndsWhereThereIsNoLinkInTime) {
    // Who dials does not look.
    Stage late{[&] { return !b.ended.empty(); }, [] {}, {&b}};
    play({begun(1, [&] { cut(a); }), late, begun(2)});
    // It would have gone on.
    EXPECT_EQ(a.ended.size(), 1u);
}

TEST_F(PeerStreamsTest, EndsAtOnceWhereNobodyListensAnyMore) {
    unsigned looks = 0;
    const auto vanish = [&] {
        b.listener->close();
        cut(b);
    };
    const auto ended = [&] {
        ++looks;
        return !a.ended.empty();
    };
    play({begun(1, vanish), {ended, [] {}, {&a}}});
    EXPECT_LT(looks, PeerStreams::kUnlinkedLooksMax);
}

TEST_F(PeerStreamsTest, EndsWhereTooMuchWaitsWithoutALink) {
    const auto talk = [&] {
        cut(a);
        for (int i = 0; i < 9; ++i) a.streams.send(NodeId(2), a.number(), Bytes(16u << 20, 'x'));
    };
    play({begun(1, talk), begun(2)});
    EXPECT_EQ(a.ended.size() + b.ended.size(), 2u);
    EXPECT_TRUE(b.batches.empty());
}

TEST_F(PeerStreamsTest, AnotherProcessOfTheSameNodeIsAnotherStream) {
    Node again(loop, 1, 2);
    const Stage back{
        [&] { return !again.begun.empty() && b.begun.size() == 2; }, [] {}, {&again, &b}};
    play({begun(1, [&] { a.transport.close(); }), back});
    EXPECT_EQ(b.ended.size(), 1u);
}

TEST_F(PeerStreamsTest, WhoGoesSaysSo) {
    play({
        begun(1, [&] { a.streams.say_farewell(); }),
        {[&] { return !b.ended.empty(); }, [] {}, {}},
    });
    EXPECT_TRUE(a.ended.empty());
}

}  // namespace
}  // namespace lvt::broker
