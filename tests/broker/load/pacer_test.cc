#include "broker/load/pacer.h"

#include <gtest/gtest.h>

namespace lvt::broker::load {
namespace {

TEST(Pacer, WithoutARateEverythingIsDue) {
    const Pacer pacer(0, 100);
    EXPECT_FALSE(pacer.active());
    EXPECT_GT(pacer.due(100, 1'000'000), 1'000'000u);
}

TEST(Pacer, SpacesMessagesEvenly) {
    const Pacer pacer(1000, 5'000'000);
    EXPECT_EQ(pacer.due(5'000'000, 0), 1u);
    EXPECT_EQ(pacer.due(5'000'000, 1), 0u);
    EXPECT_EQ(pacer.due_ns(1), 6'000'000u);
    EXPECT_EQ(pacer.due(6'000'000, 1), 1u);
    EXPECT_EQ(pacer.due(9'500'000, 1), 4u);
}

TEST(Pacer, ThinksNothingDueTwice) {
    const Pacer pacer(1000, 0);
    EXPECT_EQ(pacer.due(3'000'000, 10), 0u);
}

}  // namespace
}  // namespace lvt::broker::load
