#include "broker/load/confirm_window.h"

#include <gtest/gtest.h>

namespace lvt::broker::load {
namespace {

TEST(ConfirmWindow, HasNoRoomWithoutConfirms) {
    EXPECT_FALSE(ConfirmWindow(0).active());
    EXPECT_EQ(ConfirmWindow(0).room(), 0u);
}

TEST(ConfirmWindow, SettlesMultipleUpToTheNumber) {
    ConfirmWindow window(10);
    Histogram latency;
    window.sent(10, 100);
    EXPECT_EQ(window.room(), 0u);
    EXPECT_EQ(window.settle(4, true, 150, latency), 4u);
    EXPECT_EQ(window.room(), 4u);
    EXPECT_EQ(latency.percentile(100), 50u);
}

TEST(ConfirmWindow, KeepsStragglersOutstanding) {
    ConfirmWindow window(4);
    Histogram latency;
    window.sent(3, 100);
    EXPECT_EQ(window.settle(2, false, 110, latency), 1u);
    EXPECT_EQ(window.outstanding(), 3u);
    EXPECT_EQ(window.settle(1, false, 110, latency), 1u);
    EXPECT_EQ(window.outstanding(), 1u);
    EXPECT_EQ(window.settle(3, true, 110, latency), 1u);
    EXPECT_EQ(window.outstanding(), 0u);
}

TEST(ConfirmWindow, CountsNoPublishTwice) {
    ConfirmWindow window(4);
    Histogram latency;
    window.sent(2, 100);
    EXPECT_EQ(window.settle(2, false, 110, latency), 1u);
    EXPECT_EQ(window.settle(2, false, 110, latency), 0u);
    EXPECT_EQ(window.settle(2, true, 110, latency), 1u);
    EXPECT_EQ(window.settle(1, false, 110, latency), 0u);
    EXPECT_EQ(latency.count(), 2u);
}

TEST(ConfirmWindow, ReadsZeroWithMultipleAsAll) {
    ConfirmWindow window(4);
    Histogram latency;
    window.sent(3, 100);
    EXPECT_EQ(window.settle(0, true, 110, latency), 3u);
}

TEST(ConfirmWindow, IgnoresNumbersNeverSent) {
    ConfirmWindow window(4);
    Histogram latency;
    window.sent(1, 100);
    EXPECT_EQ(window.settle(2, true, 110, latency), 0u);
    EXPECT_EQ(window.outstanding(), 1u);
}

TEST(ConfirmWindow, GoesRoundItsRing) {
    ConfirmWindow window(3);
    Histogram latency;
    for (std::uint64_t round = 0; round < 100; ++round) {
        window.sent(3, 100);
        ASSERT_EQ(window.settle(round * 3 + 2, false, 110, latency), 1u);
        ASSERT_EQ(window.settle(round * 3 + 3, true, 110, latency), 2u);
        ASSERT_EQ(window.room(), 3u);
    }
}

}  // namespace
}  // namespace lvt::broker::load
