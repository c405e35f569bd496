// What libraft 0.22.1 does to those who do not know: one case each, and each fails without its cure (cluster/raft/README.md).
#include "protocol/base/assert.h"
#include "tests/cluster/raft/hand_driven.h"

#include <cstdlib>

namespace lvt::cluster {
namespace {

constexpr EngineWords kAppend{0, 0, 0};

HandDriven follower() { return HandDriven(2, LogStore::bootstrapped(voters({1, 2, 3}))); }

HandDriven leader() {
    HandDriven node(1, LogStore::bootstrapped(voters({1, 2, 3})));
    node.elect({2, 3});
    return node;
}

std::vector<Entry> commands(std::uint64_t term, std::size_t count) {
    return std::vector<Entry>(count, command(term, "x"));
}

TEST(EngineTraps, AChangeAmidABatchIsFoundWhenItIsCommitted) {
    HandDriven node = follower();
    const Configuration grown = voters({1, 2, 3}).with(NodeId{4});
    node.receive(
        1, 2, append(node.group().log(), 1, 3, {command(2, "x"), change(2, grown)}), kAppend);
    EXPECT_EQ(node.group().commit_index(), LogIndex{3});
    node.elect({1, 3});
    node.accept(3);
    EXPECT_TRUE(node.group().remove(node.now_ms, NodeId{4}).has_value());
}

TEST(EngineTraps, TheVersionOfAVoteResultTravels) {
    HandDriven node(1, LogStore::bootstrapped(voters({1, 2, 3})));
    std::vector<Message> asked;
    while (asked.empty() || !std::get<RequestVote>(asked[0].body).pre_vote) {
        node.wait(10);
        asked = node.take<RequestVote>();
    }
    const std::uint64_t term = asked[0].term.value();
    const RequestVoteResult granted{true, true};
    node.receive(2, term, granted);
    ASSERT_FALSE(std::get<RequestVote>(node.take<RequestVote>().at(0).body).pre_vote);
    // Of the pre-vote that is over: no vote.
    node.receive(3, term, granted);
    EXPECT_EQ(node.group().state(), GroupState::candidate);
    // An engine that is told of version 1 would have counted it.
    node.receive(3, term, granted, {1, 1, 0});
    EXPECT_EQ(node.group().state(), GroupState::leader);
}

TEST(EngineTraps, ASnapshotThatGotLostIsSentAgain) {
    HandDriven node = leader();
    node.accept(2);
    node.group().take_snapshot(node.now_ms, node.group().applied(), "state");
    node.accept(2);
    const std::uint64_t term = node.group().term().value();
    node.receive(3, term, AppendEntriesResult{LogIndex{1}, LogIndex{}});
    ASSERT_EQ(node.take<InstallSnapshot>().size(), 1u);
    std::size_t again = 0;
    for (int i = 0; i < 30; ++i) {
        node.wait(10);
        again += node.take<InstallSnapshot>().size();
        node.accept(2);
        node.receive(3, term, AppendEntriesResult{LogIndex{}, LogIndex{}});
    }
    EXPECT_GE(again, 1u);
}

TEST(EngineTraps, TheEngineFormatsNoTraces) {
    ASSERT_EQ(setenv("LIBRAFT_TRACE", "1", 1), 0);
    testing::internal::CaptureStderr();
    HandDriven node = follower();
    node.wait(500);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    unsetenv("LIBRAFT_TRACE");
}

TEST(EngineTraps, WhatIsCommittedElsewhereIsNotAppliedBeforeItIsStoredHere) {
    HandDriven node = follower();
    node.automatic(false);
    node.receive(1, 2, append(node.group().log(), 1, 4, commands(2, 3)), kAppend);
    EXPECT_EQ(node.group().commit_index(), LogIndex{4});
    EXPECT_EQ(node.applied.size(), 1u);
    node.persist();
    EXPECT_EQ(node.applied.size(), 4u);
}

TEST(EngineTraps, AWriteThatWasReplacedMeanwhileIsNotReported) {
    HandDriven node = follower();
    node.persist();
    node.automatic(false);
    node.receive(1, 2, append(node.group().log(), 1, 1, commands(2, 3)), kAppend);
    node.receive(3, 3, append(node.group().log(), 1, 1, commands(3, 1)), kAppend);
    node.sent.clear();
    node.persist();
    const std::vector<Message> results = node.take<AppendEntriesResult>();
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(std::get<AppendEntriesResult>(results[0].body).last, LogIndex{2});
}

TEST(EngineTraps, AnInstalledSnapshotReplacesTheLogInOneRecord) {
    HandDriven node = follower();
    node.receive(1, 2, append(node.group().log(), 1, 1, commands(2, 3)), kAppend);
    node.automatic(false);
    const Snapshot snapshot{LogIndex{50}, Term{3}, 7, voters({1, 2, 3}), LogIndex{1}, "state"};
    node.receive(1, 3, InstallSnapshot{snapshot}, kAppend);
    EXPECT_EQ(node.installed, nullptr);
    node.restart();
    EXPECT_EQ(node.group().log().last(), LogIndex{4});
    node.receive(1, 3, InstallSnapshot{snapshot}, kAppend);
    // While it is being installed, another copy is no new one.
    node.receive(1, 3, InstallSnapshot{snapshot}, kAppend);
    node.persist();
    ASSERT_NE(node.installed, nullptr);
    EXPECT_EQ(node.installed->state, "state");
    node.restart();
    EXPECT_EQ(node.group().log().first(), LogIndex{51});
    EXPECT_EQ(node.group().applied(), LogIndex{50});
}

TEST(EngineTraps, ALateMessageFromBeforeOurLogAddsNothing) {
    HandDriven node = follower();
    const LogStore at_first = LogStore::bootstrapped(voters({1, 2, 3}));
    const std::vector<Entry> all{at_first.at(LogIndex{1}), command(2, "a"), command(2, "b")};
    node.receive(1, 2, append({}, 0, 3, all), kAppend);
    node.group().take_snapshot(node.now_ms, LogIndex{3}, "state");
    node.pump();
    ASSERT_EQ(node.group().log().first(), LogIndex{4});
    node.sent.clear();
    node.receive(1, 2, append({}, 0, 3, all), kAppend);
    EXPECT_EQ(node.group().log().last(), LogIndex{3});
    EXPECT_EQ(
        std::get<AppendEntriesResult>(node.take<AppendEntriesResult>().at(0).body).last,
        LogIndex{3});
    std::vector<Entry> more = all;
    more.push_back(command(2, "c"));
    node.receive(1, 2, append({}, 0, 4, more), kAppend);
    EXPECT_EQ(node.group().log().last(), LogIndex{4});
    EXPECT_EQ(node.applied.back().second, "c");
}

TEST(EngineTraps, OfTwoChangesOnlyTheSecondIsRolledBack) {
    const Configuration before = voters({1, 2, 3}).with(NodeId{4});
    HandDriven node(2, LogStore::bootstrapped(before));
    const Configuration first = before.with_role(NodeId{4}, Role::voter);
    const Configuration second = first.with(NodeId{5});
    node.receive(
        1, 2, append(node.group().log(), 1, 1, {change(2, first), change(2, second)}), kAppend);
    EXPECT_EQ(node.group().configuration(), second);
    node.receive(3, 3, append(node.group().log(), 2, 2, {command(3, "x")}), kAppend);
    EXPECT_EQ(node.group().configuration(), first);
    // The engine's own view shows in whom it asks for a vote.
    node.wait(500);
    bool asked = false;
    for (const Message& ask : node.take<RequestVote>()) asked |= ask.to == NodeId{4};
    EXPECT_TRUE(asked);
}

TEST(EngineTraps, CommitNeverGoesBack) {
    HandDriven node = follower();
    node.receive(1, 2, append(node.group().log(), 1, 4, commands(2, 4)), kAppend);
    EXPECT_EQ(node.group().commit_index(), LogIndex{4});
    node.receive(1, 2, append(node.group().log(), 2, 5, {}), kAppend);
    EXPECT_EQ(node.group().commit_index(), LogIndex{4});
    node.receive(1, 2, append(node.group().log(), 5, 5, {}), kAppend);
    EXPECT_EQ(node.group().commit_index(), LogIndex{5});
}

TEST(EngineTraps, ARejectionFromBeforeIsNoReasonToGoBack) {
    HandDriven node = leader();
    node.accept(2);
    node.accept(3);
    const LogIndex match = node.group().log().last();
    const std::uint64_t term = node.group().term().value();
    // The third is silent, and probed.
    for (int i = 0; i < 30; ++i) {
        node.wait(10);
        node.accept(2);
    }
    node.receive(3, term, AppendEntriesResult{match, LogIndex{}});
    ASSERT_TRUE(node.group().submit(node.now_ms, {"x"}).has_value());
    node.pump();
    bool had_it = false;
    for (int i = 0; i < 10 && !had_it; ++i) {
        node.sent.clear();
        node.wait(30);
        node.accept(2);
        for (const Message& message : node.take<AppendEntries>())
            had_it |=
                message.to == NodeId{3} && !std::get<AppendEntries>(message.body).entries.empty();
    }
    EXPECT_TRUE(had_it);
}

TEST(EngineTraps, AStandbyVotesForALeaderThatHasMadeItAVoter) {
    HandDriven standby(2);
    const Configuration one = voters({1});
    const LogStore log = LogStore::bootstrapped(one);
    standby.receive(
        1, 2, append({}, 0, 2, {log.at(LogIndex{1}), change(2, one.with(NodeId{2}))}), kAppend);
    // The leader has died with "2 is a voter" as its third entry, which nobody else has.
    standby.wait(500);
    standby.sent.clear();
    const RequestVote ask{NodeId{1}, LogIndex{3}, Term{2}, false, true};
    standby.receive(1, 3, ask);
    EXPECT_TRUE(std::get<RequestVoteResult>(standby.take<RequestVoteResult>().at(0).body).granted);
    standby.receive(1, 3, RequestVote{NodeId{1}, LogIndex{3}, Term{2}, false, false});
    EXPECT_TRUE(std::get<RequestVoteResult>(standby.take<RequestVoteResult>().at(0).body).granted);
    EXPECT_EQ(standby.group().configuration().role_of(NodeId{2}), Role::standby);
}

TEST(EngineTraps, ALoneVoterThatRestartsLeadsInATermOfItsOwn) {
    HandDriven node(1, LogStore::bootstrapped(voters({1})));
    ASSERT_TRUE(node.group().add(node.now_ms, NodeId{2}).has_value());
    node.pump();
    node.accept(2);
    const Term before = node.group().term();
    node.automatic(false);
    // Sent to the standby, lost here.
    ASSERT_TRUE(node.group().submit(node.now_ms, {"lost"}).has_value());
    node.restart();
    EXPECT_GT(node.group().term(), before);
}

TEST(EngineTraps, ALeaderChangesNothingBeforeItsOwnTermHasACommittedEntry) {
    HandDriven node = leader();
    EXPECT_EQ(node.group().log().at(node.group().log().last()).type, EntryType::barrier);
    EXPECT_TRUE(node.group().add(node.now_ms, NodeId{4}).has_error());
    node.accept(2);
    EXPECT_TRUE(node.group().add(node.now_ms, NodeId{4}).has_value());
}

TEST(EngineTraps, AVoteThatNobodyAskedForChangesNothing) {
    HandDriven node = leader();
    const Term term = node.group().term();
    node.receive(3, term.value() + 9, RequestVoteResult{true, false});
    EXPECT_EQ(node.group().term(), term);
    EXPECT_EQ(node.group().state(), GroupState::leader);
}

TEST(EngineTraps, AnAnswerToALeaderOfAnEarlierTermNamesNoIndex) {
    HandDriven node = follower();
    node.receive(1, 2, append(node.group().log(), 1, 1, commands(2, 3)), kAppend);
    node.receive(3, 5, append(node.group().log(), 4, 1, commands(5, 2)), kAppend);
    node.sent.clear();
    const Snapshot snapshot{LogIndex{50}, Term{2}, 7, voters({1, 2, 3}), LogIndex{1}, "state"};
    node.receive(1, 2, InstallSnapshot{snapshot}, kAppend);
    node.receive(1, 2, append(node.group().log(), 4, 1, commands(2, 1)), kAppend);
    const std::vector<Message> results = node.take<AppendEntriesResult>();
    ASSERT_EQ(results.size(), 2u);
    for (const Message& result : results) {
        EXPECT_EQ(result.term, Term{5});
        // That node may lead in term 5 by now, and would count what is named as stored.
        EXPECT_EQ(std::get<AppendEntriesResult>(result.body), AppendEntriesResult{});
    }
}

TEST(EngineTraps, WhoWantsToBeElectedInAnEarlierTermIsToldOfTheLaterOne) {
    HandDriven node = follower();
    node.receive(3, 9, RequestVote{NodeId{3}, LogIndex{}, Term{}, false, false});
    node.sent.clear();
    // The longest log, in term 4.
    node.receive(1, 5, RequestVote{NodeId{1}, LogIndex{50}, Term{4}, false, true});
    const std::vector<Message> results = node.take<RequestVoteResult>();
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0].term, Term{9});
    EXPECT_EQ(std::get<RequestVoteResult>(results[0].body), (RequestVoteResult{false, true}));

    HandDriven asking(1, LogStore::bootstrapped(voters({1, 2, 3})));
    while (asking.take<RequestVote>().empty()) asking.wait(10);
    asking.receive(2, 9, RequestVoteResult{false, true}, results[0].words);
    EXPECT_EQ(asking.group().term(), Term{9});
}

TEST(EngineTraps, WhatTheEngineWouldNotCheckIsRefused) {
    HandDriven node = leader();
    node.accept(2);
    EXPECT_TRUE(node.group().catch_up(node.now_ms, NodeId{9}).has_error());
    EXPECT_TRUE(node.group().catch_up(node.now_ms, NodeId{2}).has_error());
    node.group().take_snapshot(node.now_ms, node.group().applied(), "state");
    EXPECT_THROW(
        node.group().take_snapshot(node.now_ms, node.group().applied(), "state"), AssertionFailure);
    HandDriven other = follower();
    EXPECT_TRUE(other.group().catch_up(other.now_ms, NodeId{1}).has_error());
}

}  // namespace
}  // namespace lvt::cluster
