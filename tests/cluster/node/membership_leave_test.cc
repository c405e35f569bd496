#include "tests/cluster/node/together.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lvt::cluster {
namespace {

/// Three members, and who of them answers.
class Leaving : public testing::Test {
protected:
    void SetUp() override {
        nodes.found({1, 2, 3});
        ASSERT_TRUE(nodes.until([&] { return nodes.leader() != 0 && settled(); }));
    }
    bool settled() {
        return std::ranges::all_of(
            there, [&](std::uint64_t id) { return nodes[id].leader() == NodeId{nodes.leader()}; });
    }
    RemoveStatus remove(std::uint64_t asked, std::uint64_t id, bool by_itself) {
        return nodes[asked].remove(nodes.now(), NodeId{id}, by_itself, [&](NodeId one) {
            return there.contains(one.value());
        });
    }
    /// As Departures does: the leader is asked until it says something else than `later`.
    RemoveStatus remove_for_good(std::uint64_t id, bool by_itself) {
        RemoveStatus status = RemoveStatus::later;
        EXPECT_TRUE(nodes.until([&] {
            if (nodes.leader() != 0) status = remove(nodes.leader(), id, by_itself);
            return status != RemoveStatus::later && status != RemoveStatus::not_leader;
        }));
        return status;
    }
    std::uint64_t follower() { return nodes.leader() == 1 ? 2 : 1; }
    void stop(std::uint64_t id) {
        nodes.stop(id);
        there.erase(id);
    }

    Together nodes;
    std::set<std::uint64_t> there{1, 2, 3};
};

TEST_F(Leaving, AMemberThatIsGoneIsForgottenByAll) {
    const std::uint64_t lost = follower();
    stop(lost);
    EXPECT_EQ(remove_for_good(lost, false), RemoveStatus::done);
    for (const std::uint64_t id : there) {
        ASSERT_TRUE(nodes.until([&] { return nodes[id].is_former(NodeId{lost}); }));
        EXPECT_EQ(nodes[id].members().size(), 2u);
        EXPECT_EQ(nodes[id].former(), std::set<NodeId>{NodeId{lost}});
    }
}

TEST_F(Leaving, AMemberThatAnswersIsRemovedOnlyWhereItAsksItself) {
    const std::uint64_t id = follower();
    EXPECT_EQ(remove(nodes.leader(), id, false), RemoveStatus::running);
    EXPECT_EQ(remove(nodes.leader(), nodes.leader(), false), RemoveStatus::running);
    EXPECT_EQ(remove_for_good(id, true), RemoveStatus::done);
}

TEST_F(Leaving, OnlyTheLeaderRemoves) {
    EXPECT_EQ(remove(follower(), 3, true), RemoveStatus::not_leader);
    EXPECT_EQ(remove(nodes.leader(), 99, true), RemoveStatus::unknown);
}

TEST_F(Leaving, ALeaderHandsOverAndIsRemovedByTheNextOne) {
    const std::uint64_t first = nodes.leader();
    EXPECT_EQ(remove_for_good(first, true), RemoveStatus::done);
    EXPECT_NE(nodes.leader(), first);
    EXPECT_EQ(nodes[nodes.leader()].members().size(), 2u);
}

TEST_F(Leaving, OfTwoTheLastOneStaysAndGoesOn) {
    EXPECT_EQ(remove_for_good(follower(), true), RemoveStatus::done);
    std::uint64_t left = 0;
    ASSERT_TRUE(nodes.until([&] { return (left = nodes.leader()) != 0; }));
    const std::uint64_t other = nodes[left].members()[0] == NodeId{left}
                                    ? nodes[left].members()[1].value()
                                    : nodes[left].members()[0].value();
    EXPECT_EQ(remove_for_good(left, true), RemoveStatus::done);
    ASSERT_TRUE(nodes.until([&] { return nodes[other].members().size() == 1; }));
    EXPECT_EQ(remove(other, other, true), RemoveStatus::minority);
    nodes[other].admit(nodes.now(), 7, peer(4));
    ASSERT_TRUE(nodes.until([&] { return !nodes.answers.empty(); }));
    EXPECT_EQ(nodes.answers[0].status, JoinStatus::welcome);
}

TEST_F(Leaving, NobodyGoesWhereNoMajorityWouldRemain) {
    const std::uint64_t lost = follower();
    const std::uint64_t other = 6 - lost - nodes.leader();
    there.erase(lost);
    // Two would remain, of whom one answers.
    EXPECT_EQ(remove(nodes.leader(), other, true), RemoveStatus::minority);
    EXPECT_EQ(remove(nodes.leader(), nodes.leader(), true), RemoveStatus::minority);
}

TEST_F(Leaving, WhoWasRemovedIsNotLetInAgainNorListenedTo) {
    const std::uint64_t id = follower();
    EXPECT_EQ(remove_for_good(id, true), RemoveStatus::done);
    nodes[nodes.leader()].admit(nodes.now(), 7, peer(id, 9));
    ASSERT_TRUE(nodes.until([&] { return !nodes.answers.empty(); }));
    EXPECT_EQ(nodes.answers[0].status, JoinStatus::refused);
    // It was not told, and asks for votes ever since.
    const std::uint64_t leader = nodes.leader();
    const std::uint64_t later = nodes.now() + 20'000;
    ASSERT_TRUE(nodes.until([&] { return nodes.now() > later; }));
    EXPECT_TRUE(nodes[leader].leads());
    EXPECT_EQ(nodes[leader].members().size(), 2u);
}

TEST_F(Leaving, AWipedNodeComesBackAsANewMemberAndVotes) {
    const std::uint64_t lost = follower();
    stop(lost);
    EXPECT_EQ(remove_for_good(lost, false), RemoveStatus::done);
    nodes[nodes.leader()].admit(nodes.now(), 7, peer(44));
    ASSERT_TRUE(nodes.until([&] { return !nodes.answers.empty(); }));
    nodes.start(44, LogStore());
    ASSERT_TRUE(nodes.until([&] { return nodes[44].configuration().voters() == 3; }));
    ASSERT_TRUE(nodes.until([&] { return nodes[44].is_former(NodeId{lost}); }));
    EXPECT_FALSE(nodes[44].is_former(NodeId{44}));
}

}  // namespace
}  // namespace lvt::cluster
