#include "cluster/raft/raft_group.h"

#include "protocol/base/assert.h"
#include "tests/cluster/raft/hand_driven.h"

namespace lvt::cluster {
namespace {

constexpr EngineWords kAppend{0, 0, 0};

HandDriven follower() { return HandDriven(2, LogStore::bootstrapped(voters({1, 2, 3}))); }

TEST(RaftGroup, ALoneVoterLeadsAtOnceAndCommitsWhatIsDurable) {
    HandDriven node(1, LogStore::bootstrapped(voters({1})));
    EXPECT_EQ(node.group().state(), GroupState::leader);
    node.automatic(false);
    const Result<LogIndex> index = node.group().submit(node.now_ms, {"a", "b"});
    node.pump();
    EXPECT_EQ(node.applied.size(), 1u);
    node.persist();
    ASSERT_EQ(node.applied.size(), 3u);
    EXPECT_EQ(node.applied[1], (std::pair<std::uint64_t, Bytes>{index->value(), "a"}));
}

TEST(RaftGroup, ALoneLeaderHasNothingToWaitFor) {
    HandDriven node(1, LogStore::bootstrapped(voters({1})));
    EXPECT_EQ(node.group().deadline_ms(), ~0ull);
}

TEST(RaftGroup, NoVoteIsTalkedOfBeforeItIsDurable) {
    HandDriven node = follower();
    node.automatic(false);
    node.receive(3, 5, RequestVote{NodeId{3}, LogIndex{1}, Term{1}, false, false});
    EXPECT_TRUE(node.sent.empty());
    node.persist();
    const std::vector<Message> answers = node.take<RequestVoteResult>();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_TRUE(std::get<RequestVoteResult>(answers[0].body).granted);
    node.restart();
    node.receive(1, 5, RequestVote{NodeId{1}, LogIndex{1}, Term{1}, false, false});
    node.persist();
    EXPECT_FALSE(std::get<RequestVoteResult>(node.take<RequestVoteResult>().at(0).body).granted);
}

TEST(RaftGroup, NothingIsSubmittedWhereItDoesNotLead) {
    HandDriven node = follower();
    EXPECT_TRUE(node.group().submit(node.now_ms, {"x"}).has_error());
    EXPECT_TRUE(node.group().submit_barrier(node.now_ms).has_error());
    EXPECT_TRUE(node.group().add(node.now_ms, NodeId{4}).has_error());
    EXPECT_TRUE(node.group().transfer(node.now_ms, NodeId{1}).has_error());
}

TEST(RaftGroup, ABlankNodeJoinsFromTheFirstEntryOn) {
    HandDriven node(4);
    const LogStore log = LogStore::bootstrapped(voters({1, 2, 3}));
    node.receive(
        1,
        1,
        append({}, 0, 2, {log.at(LogIndex{1}), change(1, voters({1, 2, 3}).with(NodeId{4}))}),
        kAppend);
    EXPECT_EQ(node.applied.size(), 2u);
    EXPECT_EQ(node.group().configuration().role_of(NodeId{4}), Role::standby);
    EXPECT_EQ(node.group().leader(), NodeId{1});
    node.restart();
    EXPECT_EQ(node.group().log().last(), LogIndex{2});
}

TEST(RaftGroup, GrowsAndShrinksOneNodeAtATime) {
    HandDriven node(1, LogStore::bootstrapped(voters({1})));
    RaftGroup& group = node.group();
    ASSERT_TRUE(group.add(node.now_ms, NodeId{2}).has_value());
    EXPECT_TRUE(group.add(node.now_ms, NodeId{3}).has_error());
    node.pump();
    EXPECT_TRUE(group.promote(node.now_ms, NodeId{2}).has_error());
    ASSERT_TRUE(group.catch_up(node.now_ms, NodeId{2}).has_value());
    EXPECT_EQ(group.catch_up_of(NodeId{2}), CatchUp::running);
    node.pump();
    node.accept(2);
    EXPECT_EQ(group.catch_up_of(NodeId{2}), CatchUp::finished);
    const Result<LogIndex> promoted = group.promote(node.now_ms, NodeId{2});
    ASSERT_TRUE(promoted.has_value());
    node.pump();
    EXPECT_LT(group.commit_index(), *promoted);
    node.accept(2);
    EXPECT_EQ(group.commit_index(), *promoted);
    EXPECT_TRUE(group.remove(node.now_ms, NodeId{1}).has_error());
    EXPECT_TRUE(group.remove(node.now_ms, NodeId{9}).has_error());
    ASSERT_TRUE(group.remove(node.now_ms, NodeId{2}).has_value());
    node.pump();
    EXPECT_EQ(group.configuration(), voters({1}));
    EXPECT_EQ(group.commit_index(), group.log().last());
}

TEST(RaftGroup, HandsLeadershipOverToAVoterThatHasEverything) {
    HandDriven node(1, LogStore::bootstrapped(voters({1, 2, 3})));
    node.elect({2, 3});
    node.accept(2);
    EXPECT_TRUE(node.group().transfer(node.now_ms, NodeId{1}).has_error());
    EXPECT_TRUE(node.group().transfer(node.now_ms, NodeId{9}).has_error());
    ASSERT_TRUE(node.group().transfer(node.now_ms, NodeId{2}).has_value());
    node.pump();
    const std::vector<Message> now = node.take<TimeoutNow>();
    ASSERT_EQ(now.size(), 1u);
    EXPECT_EQ(now[0].to, NodeId{2});
    EXPECT_TRUE(node.group().submit(node.now_ms, {"x"}).has_error());
    node.receive(
        2,
        node.group().term().value() + 1,
        RequestVote{NodeId{2}, node.group().log().last(), node.group().term(), true, false});
    EXPECT_EQ(node.group().state(), GroupState::follower);
}

TEST(RaftGroup, TheStateMachineMayBeAheadOfTheSnapshot) {
    HandDriven node(1, LogStore::bootstrapped(voters({1})));
    ASSERT_TRUE(node.group().submit(node.now_ms, {"a", "b"}).has_value());
    node.pump();
    LogStore log = LogStore::bootstrapped(voters({1}));
    log.write(LogIndex{2}, {command(1, "a"), command(1, "b")});
    RaftGroup::Options options;
    options.group = kTestGroup;
    options.self = NodeId{1};
    RaftGroup group(options, std::move(log));
    group.start(1, LogIndex{2});
    const GroupOutput out = group.take();
    ASSERT_EQ(out.committed.size(), 1u);
    EXPECT_EQ(out.committed[0].data, "b");
}

TEST(RaftGroup, TwoLeadersInOneTermAreABrokenInvariant) {
    HandDriven node = follower();
    node.receive(1, 2, append(node.group().log(), 1, 1, {}), kAppend);
    EXPECT_THROW(
        node.receive(3, 2, append(node.group().log(), 1, 1, {}), kAppend), AssertionFailure);
    HandDriven leader(1, LogStore::bootstrapped(voters({1, 2, 3})));
    leader.elect({2, 3});
    const std::uint64_t term = leader.group().term().value();
    EXPECT_THROW(
        leader.receive(3, term, append(leader.group().log(), 1, 1, {}), kAppend), AssertionFailure);
}

TEST(RaftGroup, LogsThatHaveComeApartAreABrokenInvariant) {
    HandDriven node = follower();
    node.receive(1, 2, append(node.group().log(), 1, 1, {command(2, "x")}), kAppend);
    AppendEntries heartbeat = append(node.group().log(), 2, 1, {});
    heartbeat.chain ^= 1;
    EXPECT_THROW(node.receive(1, 2, heartbeat, kAppend), AssertionFailure);
}

}  // namespace
}  // namespace lvt::cluster
