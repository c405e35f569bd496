#include "broker/core/queue_machine.h"

#include <gtest/gtest.h>

#include <random>

namespace lvt::broker {
namespace {

class QueueMachineTest : public testing::Test {
protected:
    MessagePtr message(ByteView body) {
        MessageParts parts;
        parts.properties = ByteView("\0\0", 2);
        parts.body_size = body.size();
        parts.persistent = true;
        return MessageBuilder::build(pool, parts, body);
    }

    MessagePool pool;
    std::uint64_t gauge = 0;
    std::uint64_t ready_total = 0;
    QueueMachine machine{gauge, ready_total};
};

TEST_F(QueueMachineTest, PutsBackInPlaceInAnyOrder) {
    for (int i = 0; i < 6; ++i) machine.enqueue(message(std::to_string(i)));
    std::vector<QueuedMessage> taken;
    for (int i = 0; i < 5; ++i) taken.push_back(*machine.take());
    std::swap(taken[0], taken[3]);
    taken.erase(taken.begin() + 1);
    machine.requeue(std::move(taken));
    std::string order;
    while (auto entry = machine.take()) order += entry->message->body();
    EXPECT_EQ(order, "02345");
    EXPECT_EQ(gauge, 0u);
}

/// Random enqueues, takes, returns, page-outs and page-ins keep the order and lose nothing.
TEST_F(QueueMachineTest, AgreesWithASortedList) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::map<storage::Seq, MessagePtr> ready;
    std::map<storage::Seq, MessagePtr> in_hand;
    std::map<storage::PageId, std::vector<QueuedMessage>> pages;
    std::uint64_t last_page = 0;
    for (int step = 0; step < 40'000; ++step) {
        switch (random() % 7) {
            case 0:
            case 1: {
                const auto body = message("m");
                ready[machine.enqueue(MessagePtr(body))] = body;
                break;
            }
            case 2:
            case 3: {
                if (machine.wants_page_in()) {
                    std::vector<QueuedMessage> entries;
                    const ColdRange cold = machine.cold();
                    const storage::Seq covered = std::min(cold.to, cold.from + 1 + random() % 20);
                    for (auto at = ready.lower_bound(cold.from);
                         at != ready.end() && at->first < covered;
                         ++at) {
                        entries.push_back({at->first, at->second});
                    }
                    machine.page_in(std::move(entries), covered);
                }
                if (const auto page = machine.wanted_page()) {
                    machine.page_in(*page, std::move(pages.extract(*page).mapped()));
                }
                auto entry = machine.take();
                if (!entry) break;
                ASSERT_EQ(entry->seq, ready.begin()->first);
                in_hand[entry->seq] = entry->message;
                ready.erase(ready.begin());
                break;
            }
            case 4: {
                std::vector<QueuedMessage> back;
                while (!in_hand.empty() && random() % 4) {
                    auto at = std::next(in_hand.begin(), random() % in_hand.size());
                    back.push_back({at->first, at->second, 1, 0, true});
                    ready[at->first] = at->second;
                    in_hand.erase(at);
                }
                machine.requeue(std::move(back));
                break;
            }
            case 5:
                if (random() % 10 == 0) machine.page_out(machine.next_seq() - random() % 5, 100);
                break;
            case 6: {
                if (random() % 5) break;
                const storage::PageId id(++last_page);
                auto page =
                    machine.page_out_to(id, random() % 1000, 1 + random() % 1000, random() % 2);
                if (!page.empty()) pages[id] = std::move(page);
                break;
            }
        }
        ASSERT_EQ(machine.ready(), ready.size());
        ASSERT_EQ(ready_total, ready.size());
    }
    machine.for_each_page([&](const QueuePage& page) {
        EXPECT_EQ(page.count, pages[page.id].size());
    });
}

TEST(UnackedList, AgreesWithAMapWhereOneStaysInHandForLong) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    UnackedList list;
    std::map<DeliveryIndex, std::uint64_t> model;
    for (std::uint64_t step = 0; step < 50'000; ++step) {
        Unacked unacked;
        unacked.ordinal = step;
        model[list.push(std::move(unacked))] = step;
        while (model.size() > 1 + random() % 300) {
            // Nearly always behind the first one.
            auto at = std::next(model.begin(), step % 10'000 == 9'999 ? 0 : 1);
            const DeliveryIndex first = at->first;
            const DeliveryIndex end = first + 1 + random() % 5;
            list.take_range(first, end, [&](Unacked&& taken) {
                ASSERT_TRUE(model.contains(taken.index));
                ASSERT_EQ(model[taken.index], taken.ordinal);
                model.erase(taken.index);
            });
            ASSERT_FALSE(model.contains(first));
        }
        ASSERT_EQ(list.count(), model.size());
    }
}

TEST(SlowStart, DoublesWhenAWholeWindowIsAckedAndNothingIsLeft) {
    SlowStart slow(8);
    slow.on_settled(8, 0);
    EXPECT_EQ(slow.window(), 16u);
    slow.on_settled(15, 0);
    EXPECT_EQ(slow.window(), 16u);
}

TEST(SlowStart, GrowsWithTimeOnlyWithoutAnyAck) {
    SlowStart slow(8);
    slow.on_full();
    for (int tick = 0; tick < 3; ++tick) EXPECT_FALSE(slow.on_tick());
    EXPECT_TRUE(slow.on_tick());
    EXPECT_EQ(slow.window(), 16u);
    slow.on_full();
    EXPECT_TRUE(slow.on_tick());
    EXPECT_EQ(slow.window(), 64u);
    slow.on_full();
    slow.on_settled(1, 63);
    EXPECT_FALSE(slow.on_tick());
    EXPECT_EQ(slow.window(), 64u);
}

}  // namespace
}  // namespace lvt::broker
