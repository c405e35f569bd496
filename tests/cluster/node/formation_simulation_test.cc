#include "tests/cluster/node/formation_simulation.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lvt::cluster {
namespace {

/// Every world in turn, with 1 to 7 nodes. ./dev soak formation goes on from here.
TEST(FormationSimulation, NeverTwoClustersAndOneWhereAllAreToldTheSame) {
    FormationSimulation::Counts all;
    std::uint64_t seeds = 1000;
#ifdef __SANITIZE_ADDRESS__
    seeds /= 10;
#endif
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        FormationSimulation simulation(
            {seed,
             1 + static_cast<unsigned>(seed / kWorlds % 7),
             static_cast<World>(seed % kWorlds),
             seed % 5 == 0 ? 0u : 10'000u});
        try {
            simulation.run();
        } catch (const std::exception& failure) {
            FAIL() << "seed " << seed << ": " << failure.what();
        }
        all.clusters += simulation.counts().clusters;
        all.torn += simulation.counts().torn;
        all.resumed += simulation.counts().resumed;
        all.joined += simulation.counts().joined;
    }
    // It did happen.
    EXPECT_GT(all.clusters, seeds / 3);
    EXPECT_GT(all.torn, seeds / 20);
    EXPECT_GT(all.resumed, seeds / 100);
    EXPECT_GT(all.joined, seeds / 20);
}

TEST(FormationSimulation, UndisturbedNodesNeedLessThanThreeSeconds) {
    for (const unsigned nodes : {1u, 3u, 5u, 7u}) {
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            FormationSimulation simulation({seed, nodes, World::hinted, 0});
            simulation.run();
            // Starts are up to 5 s apart in the simulation.
            EXPECT_LT(simulation.founded_ms(), 1000 + 5000 + 3000u) << nodes << " " << seed;
        }
    }
}

}  // namespace
}  // namespace lvt::cluster
