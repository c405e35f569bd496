#include "broker/load/histogram.h"

#include <gtest/gtest.h>

#include <limits>

namespace lvt::broker::load {
namespace {

TEST(Histogram, AnswersZeroWhenEmpty) { EXPECT_EQ(Histogram().percentile(50), 0u); }

TEST(Histogram, KeepsSmallValuesExact) {
    Histogram h;
    for (std::uint64_t v = 1; v <= 100; ++v) h.record(v);
    EXPECT_EQ(h.percentile(1), 1u);
    EXPECT_EQ(h.percentile(50), 50u);
    EXPECT_EQ(h.percentile(99), 99u);
    EXPECT_EQ(h.percentile(100), 100u);
    EXPECT_EQ(h.count(), 100u);
}

TEST(Histogram, StaysWithinItsPrecisionAtEverySize) {
    for (std::uint64_t value = 1; value < (std::uint64_t{1} << 62); value += value / 3 + 1) {
        Histogram h;
        h.record(value);
        h.record(std::numeric_limits<std::uint64_t>::max());
        const std::uint64_t found = h.percentile(50);
        ASSERT_GE(found, value);
        ASSERT_LE(found - value, value / 64 + 1) << value;
    }
}

TEST(Histogram, NeverAnswersMoreThanTheLargest) {
    Histogram h;
    h.record(1'000'000'007);
    EXPECT_EQ(h.percentile(50), 1'000'000'007u);
    EXPECT_EQ(h.max(), 1'000'000'007u);
}

TEST(Histogram, RecordsManyAtOnceAndMerges) {
    Histogram a;
    Histogram b;
    a.record(10, 98);
    b.record(20);
    b.record(30);
    a.merge(b);
    EXPECT_EQ(a.count(), 100u);
    EXPECT_EQ(a.percentile(98), 10u);
    EXPECT_EQ(a.percentile(99), 20u);
    EXPECT_EQ(a.max(), 30u);
}

}  // namespace
}  // namespace lvt::broker::load
