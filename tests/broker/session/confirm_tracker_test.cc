#include "broker/session/confirm_tracker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace lvt::broker {
namespace {

using Frames = std::vector<ConfirmFrame>;

Frames flush(ConfirmTracker& tracker) {
    Frames out;
    tracker.flush(out);
    return out;
}

ConfirmFrame ack(std::uint64_t seqno, bool multiple = false) { return {seqno, multiple, false}; }
ConfirmFrame nack(std::uint64_t seqno) { return {seqno, false, true}; }

TEST(ConfirmTracker, OneAckForAllUpToTheWatermark) {
    ConfirmTracker tracker;
    tracker.decide(1, 3, false);
    tracker.decide(4, 200, false);
    EXPECT_TRUE(tracker.dirty());
    EXPECT_EQ(flush(tracker), (Frames{ack(200, true)}));
    EXPECT_FALSE(tracker.dirty());
    EXPECT_EQ(flush(tracker), Frames{});
}

TEST(ConfirmTracker, OneNumberIsASingleAck) {
    ConfirmTracker tracker;
    tracker.decide(1, 1, false);
    EXPECT_EQ(flush(tracker), (Frames{ack(1)}));
}

TEST(ConfirmTracker, StragglersAboveAnOpenNumberAreSingle) {
    ConfirmTracker tracker;
    tracker.decide(6, 7, false);
    tracker.decide(1, 3, false);
    EXPECT_EQ(flush(tracker), (Frames{ack(3, true), ack(6), ack(7)}));
    tracker.decide(4, 5, false);
    EXPECT_EQ(flush(tracker), (Frames{ack(5, true)}));
    tracker.decide(8, 9, false);
    EXPECT_EQ(flush(tracker), (Frames{ack(9, true)}));
}

TEST(ConfirmTracker, NackIsSingleAndComesBeforeTheAckThatWouldCoverIt) {
    ConfirmTracker tracker;
    tracker.decide(1, 2, false);
    tracker.decide(3, 4, true);
    tracker.decide(5, 5, false);
    EXPECT_EQ(flush(tracker), (Frames{nack(3), nack(4), ack(5, true)}));
}

/// RabbitMQ's form; it covers one number all the same.
TEST(ConfirmTracker, NackSaysMultipleWhereAllBelowIsTold) {
    ConfirmTracker tracker;
    tracker.decide(1, 2, false);
    EXPECT_EQ(flush(tracker), (Frames{ack(2, true)}));
    tracker.decide(3, 3, true);
    EXPECT_EQ(flush(tracker), (Frames{{3, true, true}}));
}

TEST(ConfirmTracker, NumbersDecidedTwiceAreToldOnce) {
    ConfirmTracker tracker;
    tracker.decide(2, 2, true);
    EXPECT_EQ(flush(tracker), (Frames{nack(2)}));
    tracker.decide(1, 3, false);
    EXPECT_EQ(flush(tracker), (Frames{ack(3, true)}));
    tracker.decide(1, 3, true);
    EXPECT_EQ(flush(tracker), Frames{});
}

/// What a client keeps: every number open until it is told, as clients read `multiple`.
class ClientModel {
public:
    void publish(std::uint64_t seqno) { open_[seqno] = true; }
    void apply(const ConfirmFrame& frame, std::map<std::uint64_t, bool>& told) {
        for (auto it = open_.begin(); it != open_.end() && it->first <= frame.publish_seqno;) {
            if (!frame.multiple && it->first != frame.publish_seqno) {
                ++it;
                continue;
            }
            told[it->first] = frame.nack;
            it = open_.erase(it);
        }
    }

private:
    std::map<std::uint64_t, bool> open_;
};

TEST(ConfirmTracker, TellsExactlyWhatWasDecidedAtEachFlush) {
    const auto seed = static_cast<std::uint64_t>(
        std::max(1, ::testing::UnitTest::GetInstance()->random_seed()));
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int round = 0; round < 300; ++round) {
        ConfirmTracker tracker;
        ClientModel client;
        std::map<std::uint64_t, bool> decided;
        std::map<std::uint64_t, bool> told;
        std::vector<std::uint64_t> open;
        std::uint64_t next = 1;
        for (int step = 0; step < 200; ++step) {
            for (std::uint64_t count = random() % 4; count > 0; --count) {
                client.publish(next);
                open.push_back(next++);
            }
            while (!open.empty() && random() % 3 != 0) {
                // Mostly the oldest, with what follows it without a gap.
                std::size_t at = random() % 4 ? 0 : random() % open.size();
                const std::uint64_t first = open[at];
                std::uint64_t last = first;
                const bool refused = random() % 8 == 0;
                do {
                    decided[last] = refused;
                    open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
                } while (random() % 2 && at < open.size() && open[at] == last + 1 && ++last);
                tracker.decide(first, last, refused);
            }
            if (random() % 2) continue;
            std::vector<ConfirmFrame> frames;
            tracker.flush(frames);
            std::size_t multiples = 0;
            for (const ConfirmFrame& frame : frames) {
                client.apply(frame, told);
                multiples += frame.multiple && !frame.nack ? 1 : 0;
            }
            ASSERT_LE(multiples, 1u);
            ASSERT_EQ(told, decided) << "round " << round << ", step " << step;
        }
    }
}

}  // namespace
}  // namespace lvt::broker
