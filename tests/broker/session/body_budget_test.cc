#include "broker/session/body_budget.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

TEST(BodyBudget, BelowTheLimitEverybodyIsRead) {
    BodyBudget budget(100, 10'000'000, [] {});
    BodyShare one(&budget);
    BodyShare other(&budget);
    one.add(50);
    other.add(50);
    EXPECT_TRUE(one.may_read());
    EXPECT_TRUE(other.may_read());
}

TEST(BodyBudget, AboveItOneHasItsTurnUntilItsBodyIsWhole) {
    int woken = 0;
    BodyBudget budget(100, 10'000'000, [&] { ++woken; });
    BodyShare one(&budget);
    BodyShare other(&budget);
    BodyShare idle(&budget);
    one.add(80);
    other.add(80);
    EXPECT_TRUE(one.may_read());
    EXPECT_FALSE(other.may_read());
    EXPECT_TRUE(idle.may_read()) << "it has no body under way";
    one.add(40);
    EXPECT_TRUE(one.may_read());
    EXPECT_EQ(woken, 0);
    one.remove(120);
    EXPECT_EQ(woken, 1);
    EXPECT_TRUE(other.may_read());
    EXPECT_EQ(budget.bytes(), 80u);
}

TEST(BodyBudget, TheTurnOfAConnectionThatEndsPasses) {
    int woken = 0;
    BodyBudget budget(100, 10'000'000, [&] { ++woken; });
    BodyShare other(&budget);
    other.add(90);
    {
        BodyShare one(&budget);
        one.add(90);
        EXPECT_TRUE(one.may_read());
        EXPECT_FALSE(other.may_read());
    }
    EXPECT_EQ(woken, 1);
    EXPECT_TRUE(other.may_read());
}

TEST(BodyBudget, WhoKeepsOthersWaitingWithoutSendingIsExpelled) {
    int woken = 0;
    BodyBudget budget(100, 10'000'000, [&] { ++woken; });
    BodyShare one(&budget);
    BodyShare other(&budget);
    one.add(90);
    other.add(90);
    EXPECT_TRUE(one.may_read());
    for (int i = 0; i < 2 * BodyBudget::kPatienceLooks; ++i) budget.look();
    EXPECT_FALSE(one.expelled()) << "nobody waits";
    EXPECT_FALSE(other.may_read());
    one.add(BodyBudget::kProgressMin);
    for (int i = 0; i < BodyBudget::kPatienceLooks; ++i) budget.look();
    EXPECT_FALSE(one.expelled()) << "it has sent enough";
    for (int i = 0; i < BodyBudget::kPatienceLooks; ++i) budget.look();
    EXPECT_TRUE(one.expelled());
    EXPECT_FALSE(other.expelled());
    EXPECT_EQ(woken, 1);
    EXPECT_TRUE(other.may_read());
}

TEST(BodyBudget, WhoHasTooMuchOnManyChannelsIsExpelled) {
    BodyBudget budget(100, 500, [] {});
    BodyShare one(&budget);
    one.add(500);
    EXPECT_TRUE(one.may_read());
    EXPECT_FALSE(one.expelled());
    one.add(1);
    EXPECT_TRUE(one.expelled());
}

}  // namespace
}  // namespace lvt::broker
