#include "cluster/transport/lasting_stream.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <random>
#include <vector>

namespace lvt::cluster {
namespace {

/// Both sides of a stream, and the link between them, which is cut at will.
class Pair {
public:
    struct Side {
        LastingStream stream;
        /// Frames on their way to it.
        std::deque<Bytes> inbox;
        std::vector<Bytes> got;
    };

    explicit Pair(LastingStream::Options options = {})
        : sides_{Side{LastingStream(7, options), {}, {}}, Side{LastingStream(7, options), {}, {}}} {
        link();
    }

    Side& at(std::size_t i) { return sides_[i]; }

    void link() {
        const std::uint64_t received = at(1).stream.received();
        ASSERT_TRUE(at(1).stream.resume(at(0).stream.received()).has_value());
        ASSERT_TRUE(at(0).stream.resume(received).has_value());
    }
    /// Of what was on its way to each side so many frames still come.
    void cut(std::size_t to_first, std::size_t to_second) {
        for (const auto& [side, count] : {std::pair(0, to_first), std::pair(1, to_second)}) {
            for (std::size_t k = 0; k < count && step(side); ++k) {
            }
        }
        for (Side& side : sides_) {
            side.stream.interrupt();
            side.inbox.clear();
        }
    }
    /// One frame comes to that side.
    bool step(std::size_t to) {
        Side& side = at(to);
        if (side.inbox.empty()) return false;
        const auto taken = side.stream.take(side.inbox.front());
        side.inbox.pop_front();
        EXPECT_TRUE(taken.has_value());
        if (taken->batch) side.got.push_back(*taken->batch);
        return true;
    }
    /// What that side has to say goes out.
    void give(std::size_t from) {
        while (std::optional<Bytes> frame = at(from).stream.next_frame())
            at(1 - from).inbox.push_back(std::move(*frame));
    }
    void settle() {
        do {
            give(0);
            give(1);
        } while (step(0) || step(1));
    }

private:
    std::array<Side, 2> sides_;
};

TEST(LastingStream, BatchesComeWholeAndInOrder) {
    Pair pair;
    const std::vector<Bytes> sent{"one", Bytes(5'000'000, 'x'), "three", Bytes(1u << 20, 'y')};
    for (const Bytes& batch : sent) pair.at(0).stream.push(batch);
    pair.settle();
    EXPECT_EQ(pair.at(1).got, sent);
    EXPECT_TRUE(pair.at(0).got.empty());
}

TEST(LastingStream, WhatIsAcknowledgedIsKeptNoLonger) {
    Pair pair;
    pair.at(0).stream.push("one");
    pair.settle();
    EXPECT_EQ(pair.at(0).stream.kept_bytes(), 3u);
    EXPECT_FALSE(pair.at(1).stream.acknowledged());
    pair.at(1).stream.acknowledge();
    pair.settle();
    EXPECT_EQ(pair.at(0).stream.kept_bytes(), 0u);
    EXPECT_TRUE(pair.at(1).stream.acknowledged());
    pair.at(0).stream.push(Bytes(256 * 1024, 'x'));
    pair.settle();
    EXPECT_EQ(pair.at(0).stream.kept_bytes(), 0u);
}

TEST(LastingStream, WaitsForAcknowledgementBeforeTooMuchIsOnItsWay) {
    Pair pair({10, 1000, 100});
    for (int i = 0; i < 10; ++i) pair.at(0).stream.push(Bytes(40, 'x'));
    pair.settle();
    EXPECT_EQ(pair.at(1).got.size(), 3u);
    pair.at(1).stream.acknowledge();
    pair.settle();
    EXPECT_EQ(pair.at(1).got.size(), 6u);
}

TEST(LastingStream, ALostTailIsSentAgainOnce) {
    Pair pair({4, 1000, 1000});
    for (const char* batch : {"first", "second", "third"}) pair.at(0).stream.push(batch);
    pair.give(0);
    // "first" and half of "second".
    pair.cut(0, 3);
    EXPECT_FALSE(pair.at(0).stream.next_frame());
    pair.at(0).stream.push("fourth");
    pair.link();
    pair.settle();
    EXPECT_EQ(pair.at(1).got, (std::vector<Bytes>{"first", "second", "third", "fourth"}));
}

TEST(LastingStream, NonsenseIsRefused) {
    Pair pair;
    pair.at(0).stream.push("one");
    LastingStream& stream = pair.at(0).stream;
    EXPECT_TRUE(stream.take("").has_error());
    EXPECT_TRUE(stream.take("\x04").has_error());
    EXPECT_TRUE(stream.take(Bytes("\x02\0\0\0", 4)).has_error());
    // It was not sent yet.
    EXPECT_TRUE(stream.take(Bytes("\x02\0\0\0\0\0\0\0\x01", 9)).has_error());
    EXPECT_TRUE(stream.resume(2).has_error());
    EXPECT_TRUE(stream.resume(1).has_value());
    EXPECT_TRUE(stream.resume(0).has_error());
    EXPECT_TRUE(stream.take(LastingStream::farewell())->over);
}

/// Both ways, cut at random, with any tail of what was on its way lost.
TEST(LastingStream, ComesExactlyOnceHoweverOftenTheLinkIsCut) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        std::mt19937_64 random(seed);
        const auto pick = [&](std::size_t below) { return random() % below; };
        Pair pair({1 + pick(20), 1 + pick(200), pick(300)});
        std::array<std::vector<Bytes>, 2> sent;
        for (int i = 0; i < 400; ++i) {
            const std::size_t side = pick(2);
            switch (pick(8)) {
                case 0:
                case 1:
                    sent[side].push_back(std::to_string(i) + Bytes(pick(60), 'x'));
                    pair.at(side).stream.push(sent[side].back());
                    break;
                case 2:
                    pair.at(side).stream.acknowledge();
                    break;
                case 3:
                    if (pick(4) == 0) {
                        pair.cut(pick(5), pick(5));
                        sent[side].push_back("meanwhile");
                        pair.at(side).stream.push("meanwhile");
                        pair.link();
                    }
                    break;
                default:
                    pair.give(side);
                    pair.step(1 - side);
            }
        }
        for (int quiet = 0; quiet < 400; ++quiet) {
            for (std::size_t side : {0, 1}) pair.at(side).stream.acknowledge();
            pair.settle();
        }
        EXPECT_EQ(pair.at(0).got, sent[1]) << "seed " << seed;
        EXPECT_EQ(pair.at(1).got, sent[0]) << "seed " << seed;
        EXPECT_EQ(pair.at(0).stream.kept_bytes() + pair.at(1).stream.kept_bytes(), 0u);
    }
}

}  // namespace
}  // namespace lvt::cluster
