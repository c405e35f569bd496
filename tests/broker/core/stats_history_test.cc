#include "broker/core/stats_history.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

using Row = std::vector<std::uint64_t>;

constexpr StatsHistory::Tier kTiers[] = {{Milliseconds(5'000), 3}, {Milliseconds(20'000), 4}};

class StatsHistoryTest : public testing::Test {
protected:
    void record(int seconds, std::uint64_t value) {
        history.record(Milliseconds(seconds * 1000), Row{value, value * 2});
    }
    std::uint64_t at(int seconds) { return history.value_at(1, Milliseconds(seconds * 1000)); }

    Turnover turnover;
    StatsHistory history{2, kTiers, turnover};
};

TEST_F(StatsHistoryTest, KnowsNothingAtFirst) {
    EXPECT_EQ(at(10), 0u);
    EXPECT_FALSE(history.rate_base(Milliseconds(0)));
    EXPECT_EQ(turnover.open(), 1u);
}

TEST_F(StatsHistoryTest, ARowStandsUntilTheNext) {
    record(5, 1);
    record(10, 2);
    record(30, 3);
    EXPECT_EQ(at(5), 2u);
    EXPECT_EQ(at(9), 2u);
    EXPECT_EQ(at(29), 4u);
    EXPECT_EQ(at(100), 6u);
    EXPECT_EQ(at(1), 2u);
}

TEST_F(StatsHistoryTest, CoarserRowsReachFurtherBack) {
    for (int i = 1; i <= 16; ++i) record(i * 5, static_cast<std::uint64_t>(i));
    // Every step of the last three, every fourth of those before.
    EXPECT_EQ(at(80), 32u);
    EXPECT_EQ(at(75), 30u);
    EXPECT_EQ(at(70), 28u);
    EXPECT_EQ(at(65), 26u);
    EXPECT_EQ(at(64), 18u);
    EXPECT_EQ(at(44), 10u);
    EXPECT_EQ(at(5), 2u);
    EXPECT_EQ(at(0), 2u);
}

TEST_F(StatsHistoryTest, RatesCountFromARowThatIsOldEnough) {
    record(5, 1);
    EXPECT_EQ(history.rate_base(Milliseconds(7'000)), Milliseconds(5'000));
    record(10, 2);
    record(15, 3);
    EXPECT_EQ(history.rate_base(Milliseconds(16'000)), Milliseconds(10'000));
    EXPECT_EQ(history.rate_base(Milliseconds(20'000)), Milliseconds(15'000));
    EXPECT_EQ(history.rate_base(Milliseconds(100'000)), Milliseconds(90'000));
}

}  // namespace
}  // namespace lvt::broker
