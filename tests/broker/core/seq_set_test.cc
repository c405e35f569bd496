#include "broker/core/seq_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace lvt::broker {
namespace {

TEST(SeqSet, RaisesItsFloorOverWhatIsContiguous) {
    SeqSet set;
    EXPECT_TRUE(set.insert(2));
    EXPECT_EQ(set.floor(), 1u);
    EXPECT_TRUE(set.insert(1));
    EXPECT_EQ(set.floor(), 3u);
    EXPECT_FALSE(set.insert(2));
}

TEST(SeqSet, AgreesWithASetOfNumbers) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int round = 0; round < 200; ++round) {
        SeqSet set;
        std::set<storage::Seq> model;
        for (int step = 0; step < 60; ++step) {
            const storage::SeqRun run{1 + random() % 100, random() % 12};
            std::uint64_t fresh = 0;
            for (storage::Seq seq = run.first; seq < run.end(); ++seq) {
                fresh += model.insert(seq).second;
            }
            ASSERT_EQ(set.insert_run(run), fresh);
            for (storage::Seq seq = 1; seq < 120; ++seq) {
                ASSERT_EQ(set.contains(seq), model.contains(seq)) << seq;
            }
        }
        std::set<storage::Seq> listed;
        for (const auto& run : set.all_runs()) {
            for (storage::Seq seq = run.first; seq < run.end(); ++seq) listed.insert(seq);
        }
        ASSERT_EQ(listed, model);
    }
}

}  // namespace
}  // namespace lvt::broker
