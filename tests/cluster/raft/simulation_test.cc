// Clusters of 1, 3 and 5 nodes under faults, one after another from a first seed: LEVERET_SEED and LEVERET_SEEDS choose it and how many.
#include "tests/cluster/raft/simulation.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <exception>
#include <iostream>

namespace lvt::cluster {
namespace {

std::uint64_t number(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

SimulationCounts run_seeds(unsigned nodes, std::uint64_t count, bool membership) {
    SimulationCounts counts;
    const std::uint64_t first = number("LEVERET_SEED", 1);
#ifdef __SANITIZE_ADDRESS__
    count /= 20;
#endif
    count = number("LEVERET_SEEDS", count);
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        try {
            Simulation simulation({seed, nodes, 2000, membership});
            simulation.run();
            counts.add(simulation.counts());
        } catch (const std::exception& failure) {
            ADD_FAILURE() << failure.what() << "\nLEVERET_SEED=" << seed
                          << " LEVERET_SEEDS=1, nodes: " << nodes;
            return counts;
        }
    }
    std::cout << counts.text() << "\n";
    return counts;
}

TEST(RaftSimulation, OneNodeThatGrows) {
    const SimulationCounts counts = run_seeds(1, 500, true);
    EXPECT_GT(counts.confirmed, 0u);
    EXPECT_GT(counts.changes, 0u);
}

TEST(RaftSimulation, ThreeNodes) {
    const SimulationCounts counts = run_seeds(3, 500, false);
    EXPECT_GT(counts.confirmed, 0u);
    EXPECT_GT(counts.installs, 0u);
    EXPECT_GT(counts.crashes, 0u);
    EXPECT_GT(counts.transfers, 0u);
}

TEST(RaftSimulation, ThreeNodesOfChangingMembership) {
    const SimulationCounts counts = run_seeds(3, 500, true);
    EXPECT_GT(counts.changes, 0u);
    EXPECT_GT(counts.checkpoints, 0u);
}

TEST(RaftSimulation, FiveNodes) {
    const SimulationCounts counts = run_seeds(5, 500, true);
    EXPECT_GT(counts.confirmed, 0u);
}

}  // namespace
}  // namespace lvt::cluster
