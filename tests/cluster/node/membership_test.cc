#include "tests/cluster/node/together.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lvt::cluster {
namespace {

TEST(Membership, FoundersElectALeaderWhoWritesTheirAddressesDown) {
    Together nodes;
    nodes.found({1, 2, 3});
    ASSERT_TRUE(nodes.until([&] { return nodes.leader() != 0; }));
    Membership& leader = nodes[nodes.leader()];
    for (const std::uint64_t id : {1, 2, 3}) leader.note(nodes.now(), peer(id));
    ASSERT_TRUE(nodes.until([&] {
        return std::ranges::all_of(std::vector<std::uint64_t>{1, 2, 3}, [&](std::uint64_t id) {
            return nodes[id].addresses().size() == 3 && nodes[id].members().size() == 3;
        });
    }));
    EXPECT_EQ(nodes[1].addresses().at(NodeId{3}), peer(3));
}

TEST(Membership, ANewcomerIsLetInByTheLeaderAloneAndVotesOnceItHasCaughtUp) {
    Together nodes;
    nodes.found({1, 2, 3});
    ASSERT_TRUE(nodes.until([&] { return nodes.leader() != 0; }));
    const std::uint64_t leader = nodes.leader();
    const std::uint64_t follower = leader == 1 ? 2 : 1;
    ASSERT_TRUE(nodes.until([&] { return nodes[follower].leader() == NodeId{leader}; }));
    nodes[follower].admit(nodes.now(), 7, peer(4));
    ASSERT_TRUE(nodes.until([&] { return nodes.answers.size() == 1; }));
    EXPECT_EQ(nodes.answers[0].status, JoinStatus::not_leader);
    EXPECT_EQ(nodes.answers[0].leader, NodeId{leader});
    nodes[leader].admit(nodes.now(), 8, peer(4));
    ASSERT_TRUE(nodes.until([&] { return nodes.answers.size() == 2; }));
    EXPECT_EQ(nodes.answers[1].status, JoinStatus::welcome);
    nodes.start(4, LogStore());
    ASSERT_TRUE(nodes.until([&] { return nodes[4].configuration().voters() == 4; }));
    EXPECT_EQ(nodes[4].members().size(), 4u);
    ASSERT_TRUE(nodes.until([&] { return nodes[2].addresses().contains(NodeId{4}); }));
}

TEST(Membership, AnAddressChangesForAllAndAnOlderOneDoesNotComeBack) {
    Together nodes;
    nodes.found({1, 2, 3});
    ASSERT_TRUE(nodes.until([&] { return nodes.leader() != 0; }));
    Peer moved = peer(3, 5);
    moved.port = 999;
    nodes[nodes.leader()].note(nodes.now(), moved);
    nodes[nodes.leader()].note(nodes.now(), peer(3, 4));
    const auto moved_at = [&](std::uint64_t id) {
        const auto found = nodes[id].addresses().find(NodeId{3});
        return found != nodes[id].addresses().end() && found->second == moved;
    };
    ASSERT_TRUE(nodes.until([&] { return moved_at(1) && moved_at(2) && moved_at(3); }));
    const std::uint64_t later = nodes.now() + 5000;
    ASSERT_TRUE(nodes.until([&] { return nodes.now() > later; }));
    EXPECT_TRUE(moved_at(1));
}

TEST(Membership, AMinorityLetsNobodyIn) {
    Together nodes;
    nodes.found({1, 2, 3});
    ASSERT_TRUE(nodes.until([&] { return nodes.leader() != 0; }));
    const std::uint64_t leader = nodes.leader();
    for (const std::uint64_t id : {1, 2, 3})
        if (id != leader) nodes.stop(id);
    nodes[leader].admit(nodes.now(), 7, peer(4));
    EXPECT_FALSE(nodes.until([&] { return !nodes.answers.empty(); }));
    EXPECT_EQ(nodes.leader(), 0u);
}

TEST(Membership, AStateThatIsAskedForGoesToANewcomerAsAWhole) {
    Together nodes;
    nodes.found({1, 2, 3});
    ASSERT_TRUE(
        nodes.until([&] { return nodes.leader() != 0 && nodes[nodes.leader()].caught_up(); }));
    const std::uint64_t leader = nodes.leader();
    Bytes expected;
    for (std::uint64_t number = 1; number <= 24; ++number) {
        const char letter = static_cast<char>('a' + number - 1);
        expected += letter;
        nodes[leader].submit(
            nodes.now(), {encode_proposal({NodeId{leader}, 1, number, Bytes(1 << 20, letter)})});
        ASSERT_TRUE(nodes.until([&] { return nodes.applied[leader] == expected; }));
    }
    EXPECT_GT(nodes.states, 0);
    nodes.start(4, LogStore());
    nodes[leader].admit(nodes.now(), 7, peer(4));
    ASSERT_TRUE(nodes.until([&] { return nodes.applied[4] == expected && nodes[4].caught_up(); }));
}

TEST(Membership, WhatIsNoProposalIsNotSubmitted) {
    Together nodes;
    nodes.found({1});
    ASSERT_TRUE(nodes.until([&] { return nodes.leader() == 1; }));
    nodes[1].submit(nodes.now(), {"too short"});
    nodes[1].submit(nodes.now(), {encode_proposal({NodeId{1}, 1, 1, "x"})});
    ASSERT_TRUE(nodes.until([&] { return nodes.applied[1] == "x"; }));
}

std::vector<std::uint64_t> numbers(const std::vector<Bytes>& encoded) {
    std::vector<std::uint64_t> out;
    for (const Bytes& one : encoded) out.push_back(decode_proposal(one).value().number);
    return out;
}

TEST(Proposals, GoOnceToALeaderAndAgainWhereNothingComesBack) {
    using Numbers = std::vector<std::uint64_t>;
    Proposals proposals(NodeId{1}, 5);
    proposals.add(1, "a");
    EXPECT_TRUE(proposals.due(0, NodeId{}, Term{1}).empty());
    EXPECT_EQ(numbers(proposals.due(0, NodeId{2}, Term{1})), Numbers{1});
    proposals.add(2, "b");
    EXPECT_EQ(numbers(proposals.due(10, NodeId{2}, Term{1})), Numbers{2});
    EXPECT_TRUE(proposals.due(20, NodeId{2}, Term{1}).empty());
    EXPECT_EQ(proposals.deadline_ms(), Proposals::kRepeatMs);
    EXPECT_EQ(numbers(proposals.due(Proposals::kRepeatMs, NodeId{2}, Term{1})), (Numbers{1, 2}));
    proposals.committed({NodeId{1}, 4, 2, {}});  // of an earlier process
    proposals.committed({NodeId{2}, 5, 2, {}});  // of another node
    proposals.committed({NodeId{1}, 5, 1, {}});
    EXPECT_TRUE(proposals.due(2000, NodeId{2}, Term{1}).empty());
    EXPECT_EQ(numbers(proposals.due(2001, NodeId{3}, Term{2})), Numbers{2});
    EXPECT_EQ(numbers(proposals.due(2002, NodeId{3}, Term{3})), Numbers{2});
    proposals.committed({NodeId{1}, 5, 2, {}});
    EXPECT_TRUE(proposals.due(9000, NodeId{3}, Term{3}).empty());
}

TEST(Proposals, WhatComesWithoutTheOneBeforeGoesAgainWithIt) {
    using Numbers = std::vector<std::uint64_t>;
    Proposals proposals(NodeId{1}, 5);
    for (const std::uint64_t number : {1, 2, 3}) {
        proposals.add(number, "a");
        EXPECT_EQ(numbers(proposals.due(number, NodeId{2}, Term{1})), Numbers{number});
    }
    // The first got lost on the way to the leader: nobody carries out the second.
    proposals.committed({NodeId{1}, 5, 2, {}});
    EXPECT_EQ(numbers(proposals.due(10, NodeId{2}, Term{1})), (Numbers{1, 2, 3}));
    proposals.committed({NodeId{1}, 5, 3, {}});
    EXPECT_TRUE(proposals.due(11, NodeId{2}, Term{1}).empty());
    // Lost again: new ones do not put the repetition off.
    proposals.add(4, "b");
    EXPECT_EQ(numbers(proposals.due(900, NodeId{2}, Term{1})), Numbers{4});
    EXPECT_EQ(
        numbers(proposals.due(10 + Proposals::kRepeatMs, NodeId{2}, Term{1})),
        (Numbers{1, 2, 3, 4}));
    for (const std::uint64_t number : {1, 2, 3, 4}) proposals.committed({NodeId{1}, 5, number, {}});
    EXPECT_TRUE(proposals.due(9000, NodeId{2}, Term{1}).empty());
}

}  // namespace
}  // namespace lvt::cluster
