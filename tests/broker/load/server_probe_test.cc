#include "broker/load/server_probe.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace lvt::broker::load {
namespace {

TEST(ServerProbe, ReadsUserAndSystemTimeBehindAnyName) {
    const auto sample = parse_process_stat(
        "12 (a) b (c 9) S 1 12 12 0 -1 4194560 100 0 0 0 345 67 0 0 20 0 1 0 8 9");
    ASSERT_TRUE(sample);
    EXPECT_EQ(sample->user_ticks, 345u);
    EXPECT_EQ(sample->system_ticks, 67u);
}

TEST(ServerProbe, ReadsMemory) {
    const auto sample = parse_process_status("Name:\tx\nVmRSS:\t  2048 kB\nRssAnon:\t 512 kB\n");
    ASSERT_TRUE(sample);
    EXPECT_EQ(sample->anonymous_kb, 512u);
    EXPECT_EQ(sample->resident_kb, 2048u);
}

TEST(ServerProbe, ReadsStealWithoutCountingGuestsTwice) {
    const auto sample = parse_machine_stat("cpu  1 2 3 4 5 6 7 8 100 100\ncpu0 9 9 9 9\n");
    ASSERT_TRUE(sample);
    EXPECT_EQ(sample->all_ticks, 36u);
    EXPECT_EQ(sample->steal_ticks, 8u);
}

TEST(ServerProbe, RefusesWhatLooksDifferent) {
    EXPECT_FALSE(parse_process_stat(""));
    EXPECT_FALSE(parse_process_stat("12 (a) S 1 2 3"));
    EXPECT_FALSE(parse_process_status("Name:\tx\n"));
    EXPECT_FALSE(parse_machine_stat("cpu  1 2 3\n"));
}

TEST(ServerProbe, SamplesThisProcess) {
    EXPECT_GT(sample_cpu(::getpid()).value().on_cpu_ns, 0u);
    EXPECT_GT(sample_memory(::getpid()).value().resident_kb, 0u);
    EXPECT_GT(sample_machine().all_ticks, 0u);
}

}  // namespace
}  // namespace lvt::broker::load
