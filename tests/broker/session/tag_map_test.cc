#include "broker/session/tag_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace lvt::broker {
namespace {

using Runs = std::vector<DeliveryRun>;

struct Settled {
    bool known = false;
    Runs runs;
};

Settled one(TagMap& tags, std::uint64_t tag) {
    Settled out;
    out.known = tags.settle_one(tag, [&](const DeliveryRun& run) { out.runs.push_back(run); });
    return out;
}

Settled through(TagMap& tags, std::uint64_t tag) {
    Settled out;
    out.known = tags.settle_through(tag, [&](const DeliveryRun& run) { out.runs.push_back(run); });
    return out;
}

TEST(TagMap, OneConsumerInARowIsOneRun) {
    TagMap tags;
    for (std::uint64_t i = 0; i < 1'000; ++i) tags.push(i + 1, 3, i);
    EXPECT_EQ(through(tags, 700).runs, (Runs{{3, 0, 700}}));
    EXPECT_EQ(tags.size(), 300u);
    EXPECT_EQ(through(tags, 0).runs, (Runs{{3, 700, 300}}));
    EXPECT_TRUE(tags.empty());
}

TEST(TagMap, TwoConsumersInTurnAreTwoRuns) {
    TagMap tags;
    for (std::uint64_t i = 0; i < 100; ++i) tags.push(i + 1, 1 + i % 2, i / 2);
    EXPECT_EQ(through(tags, 80).runs, (Runs{{1, 0, 40}, {2, 0, 40}}));
}

TEST(TagMap, UnknownTagsAreTold) {
    TagMap tags;
    EXPECT_TRUE(through(tags, 0).known);  // nothing outstanding
    EXPECT_FALSE(one(tags, 0).known);
    tags.push(1, 1, 0);
    tags.push(3, 1, 1);  // 2 was a no-ack delivery
    EXPECT_FALSE(one(tags, 2).known);
    EXPECT_FALSE(through(tags, 2).known);
    EXPECT_FALSE(through(tags, 4).known);
    EXPECT_EQ(tags.size(), 2u);
    EXPECT_TRUE(one(tags, 3).known);
    EXPECT_FALSE(one(tags, 3).known);
    EXPECT_FALSE(through(tags, 3).known);
    EXPECT_EQ(through(tags, 1).runs, (Runs{{1, 0, 1}}));
}

TEST(TagMap, AStuckTagKeepsOnlyItsBlock) {
    TagMap tags;
    tags.push(1, 1, 0);
    for (std::uint64_t i = 1; i < 100'000; ++i) {
        tags.push(i + 1, 1, i);
        ASSERT_EQ(one(tags, i + 1).runs, (Runs{{1, i, 1}}));
    }
    EXPECT_EQ(tags.size(), 1u);
    EXPECT_EQ(through(tags, 0).runs, (Runs{{1, 0, 1}}));
}

TEST(TagMap, BehavesLikeAMapOfTags) {
    const auto seed = static_cast<std::uint64_t>(
        std::max(1, ::testing::UnitTest::GetInstance()->random_seed()));
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    using Place = std::pair<ConsumerSlot, DeliveryIndex>;
    for (int round = 0; round < 100; ++round) {
        TagMap tags;
        std::map<std::uint64_t, Place> model;
        std::map<ConsumerSlot, DeliveryIndex> next_index;
        const std::uint64_t slots = 1 + random() % 20;
        std::uint64_t last_tag = 0;
        for (int step = 0; step < 2'000; ++step) {
            const auto kind = random() % 10;
            if (kind < 6) {
                const auto slot = static_cast<ConsumerSlot>(random() % slots);
                last_tag += random() % 20 == 0 ? 1 + random() % 200 : 1;
                tags.push(last_tag, slot, next_index[slot]);
                model[last_tag] = {slot, next_index[slot]++};
                continue;
            }
            std::uint64_t tag = random() % (last_tag + 2);
            if (!model.empty() && random() % 4) {
                const auto next = model.lower_bound(tag);
                tag = next == model.end() ? model.begin()->first : next->first;
            }
            const bool multiple = kind >= 8;
            if (random() % 4 == 0) {
                // Taken out and put back: nothing has changed.
                std::vector<TagMap::Entry> entries;
                tags.list(tag, multiple, entries);
                const Settled taken = multiple ? through(tags, tag) : one(tags, tag);
                ASSERT_EQ(taken.known, !entries.empty() || (multiple && tag == 0));
                ASSERT_EQ(tags.size() + entries.size(), model.size());
                std::shuffle(entries.begin(), entries.end(), random);
                for (const TagMap::Entry& entry : entries) {
                    ASSERT_EQ(model.at(entry.tag), Place(entry.slot, entry.index));
                    tags.restore(entry);
                }
            }
            std::vector<Place> expected;
            const bool known = model.count(tag) == 1 || (multiple && tag == 0);
            if (known && !multiple) {
                expected.push_back(model[tag]);
                model.erase(tag);
            } else if (known) {
                const auto end = tag == 0 ? model.end() : model.upper_bound(tag);
                for (auto it = model.begin(); it != end; ++it) expected.push_back(it->second);
                model.erase(model.begin(), end);
            }
            const Settled settled = multiple ? through(tags, tag) : one(tags, tag);
            std::vector<Place> got;
            for (const DeliveryRun& run : settled.runs) {
                for (std::uint64_t i = 0; i < run.count; ++i)
                    got.emplace_back(run.slot, run.first + i);
            }
            std::sort(got.begin(), got.end());
            std::sort(expected.begin(), expected.end());
            ASSERT_EQ(settled.known, known) << "round " << round << ", step " << step;
            ASSERT_EQ(got, expected) << "round " << round << ", step " << step;
            ASSERT_EQ(tags.size(), model.size());
        }
    }
}

}  // namespace
}  // namespace lvt::broker
