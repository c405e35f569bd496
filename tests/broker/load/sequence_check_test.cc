#include "broker/load/sequence_check.h"

#include <gtest/gtest.h>

namespace lvt::broker::load {
namespace {

TEST(Position, SurvivesPacking) {
    const Position at{0xab, 0xcdef, 0x12'3456'789a};
    const Position back = Position::unpack(at.packed());
    EXPECT_EQ(back.run, at.run);
    EXPECT_EQ(back.stream, at.stream);
    EXPECT_EQ(back.seq, at.seq);
}

TEST(SequenceCheck, FindsNothingInOrder) {
    SequenceCheck check;
    for (std::uint64_t seq = 0; seq < 1000; ++seq) check.seen(3, seq);
    EXPECT_EQ(check.distinct(3), 1000u);
    EXPECT_EQ(check.distinct(2), 0u);
    EXPECT_EQ(check.distinct(4), 0u);
    EXPECT_EQ(check.reordered() + check.duplicated(), 0u);
}

TEST(SequenceCheck, TellsReorderedFromDuplicated) {
    SequenceCheck check;
    for (const std::uint64_t seq : {0, 2, 1, 2, 3}) check.seen(0, seq);
    EXPECT_EQ(check.reordered(), 1u);
    EXPECT_EQ(check.duplicated(), 1u);
    EXPECT_EQ(check.distinct(0), 4u);
}

TEST(SequenceCheck, LeavesGapsOpen) {
    SequenceCheck check;
    for (const std::uint64_t seq : {0, 1, 500, 501}) check.seen(0, seq);
    EXPECT_EQ(check.distinct(0), 4u);
    EXPECT_EQ(check.reordered(), 0u);
}

TEST(SequenceCheck, MergesTheViewsOfTwoConsumers) {
    SequenceCheck a;
    SequenceCheck b;
    for (const std::uint64_t seq : {0, 2, 4}) a.seen(0, seq);
    for (const std::uint64_t seq : {1, 3, 4, 1000}) b.seen(0, seq);
    b.seen(1, 0);
    a.merge(b);
    EXPECT_EQ(a.distinct(0), 6u);
    EXPECT_EQ(a.distinct(1), 1u);
    EXPECT_EQ(a.duplicated(), 1u);
    EXPECT_EQ(a.reordered(), 0u);
}

}  // namespace
}  // namespace lvt::broker::load
