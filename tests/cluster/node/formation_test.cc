#include "tests/cluster/node/hand.h"

#include <gtest/gtest.h>

namespace lvt::cluster {
namespace {

Terms terms_of(Hand& node) {
    node.waits(250);
    return node.said<Hello>().back().terms;
}

FormationOptions expecting(std::uint32_t size) {
    FormationOptions out;
    out.size_hint = size;
    return out;
}

TEST(Formation, AsksDiscoveryAtOnce) {
    Hand node(1);
    EXPECT_TRUE(node.all.list);
}

TEST(Formation, TheOnlyCandidateFoundsAloneOnceItsVoteIsDurable) {
    Hand node(1);
    node.listed({"h1"});
    for (int i = 0; i < 5 && !node.all.settled; ++i) {
        EXPECT_FALSE(node.all.settled);
        node.synced();
        node.waits(50);
    }
    EXPECT_TRUE(node.all.settled);
    EXPECT_EQ(node.state().cluster->founders.size(), 1u);
}

TEST(Formation, WhereASizeIsExpectedNobodyFoundsAlone) {
    Hand node(1, expecting(3));
    node.listed({"h1"});
    node.waits(60'000);
    node.synced();
    node.waits(1000);
    EXPECT_FALSE(node.state().cluster);
    EXPECT_TRUE(node.logged("1 of 3 nodes are here and agree, 2 are needed"));
}

TEST(Formation, AnEmptyListIsWaitedWith) {
    Hand node(1);
    node.listed({});
    node.waits(30'000);
    EXPECT_FALSE(node.state().cluster);
    EXPECT_TRUE(node.logged("discovery names nobody"));
}

TEST(Formation, AloneWhereThatIsAskedFor) {
    FormationOptions options;
    options.alone = true;
    Hand node(1, options);
    for (int i = 0; i < 5; ++i) {
        node.synced();
        node.waits(50);
    }
    EXPECT_TRUE(node.all.settled);
    EXPECT_FALSE(node.all.list);
}

TEST(Formation, AVoterAnswersNothingBeforeItsPromiseIsDurable) {
    Hand node(2, expecting(3));
    node.listed({"h1", "h2", "h3"});
    const Terms terms = terms_of(node);
    node.hears(1, Prepare{{1, NodeId{1}}, terms});
    EXPECT_TRUE(node.said<Promise>().empty());
    node.synced();
    const auto promises = node.said<Promise>();
    ASSERT_EQ(promises.size(), 1u);
    EXPECT_FALSE(promises[0].charter);
    EXPECT_EQ(node.state().vote.promised, (Ballot{1, NodeId{1}}));
    EXPECT_EQ(node.state().vote.terms.size, 3u);
}

TEST(Formation, AVoterAcceptsNoOtherSizeAndNoFewerVotes) {
    Hand node(2, expecting(3));
    node.listed({"h1", "h2", "h3"});
    Terms terms = terms_of(node);
    terms.size = 5;
    node.hears(1, Prepare{{1, NodeId{1}}, terms});
    EXPECT_EQ(node.said<Refusal>().at(0).reason, RefusalReason::size);
    terms.size = 3;
    terms.votes = 1;
    node.hears(1, Prepare{{1, NodeId{1}}, terms});
    EXPECT_EQ(node.said<Refusal>().at(0).reason, RefusalReason::votes);
    EXPECT_EQ(node.state().vote, Vote{});
}

TEST(Formation, WithoutASizeEverybodyMustBeListedTheSame) {
    Hand node(2);
    node.listed({"h1", "h2", "h3"});
    Terms terms = terms_of(node);
    EXPECT_EQ(terms.votes, 3u);
    terms.candidates ^= 1;
    node.hears(1, Prepare{{1, NodeId{1}}, terms});
    EXPECT_EQ(node.said<Refusal>().at(0).reason, RefusalReason::list);
}

TEST(Formation, WhoAnswersUnderTwoAddressesCountsOnce) {
    Hand node(1);
    node.listed({"h1", "h2", "nat2", "h3"});
    EXPECT_EQ(terms_of(node).size, 4u);
    Hello answer;
    answer.answer = true;
    node.hears_at("nat2", Hand::peer(2), answer);
    EXPECT_EQ(terms_of(node).size, 4u);
    node.hears_at("h2", Hand::peer(2), answer);
    EXPECT_EQ(terms_of(node).size, 3u);
    // Who is silent may be somebody else by now.
    node.waits(4000);
    EXPECT_EQ(terms_of(node).size, 4u);
}

TEST(Formation, WhoIsListedAtAnotherAddressThanItTellsIsNobodyElse) {
    Hand node(1);
    node.listed({"nat1", "nat2"});
    EXPECT_EQ(terms_of(node).size, 3u);
    Hello answer;
    answer.answer = true;
    node.hears_at("nat1", Hand::peer(1), answer);
    node.hears_at("nat2", Hand::peer(2), answer);
    EXPECT_EQ(terms_of(node).size, 2u);
    EXPECT_TRUE(node->is_self({"", "", "nat1", 0}));
    EXPECT_EQ(node->member_at({"", "", "nat2", 0}), NodeId{2});
    // Its own second address is asked on, or it would be forgotten whose it is.
    node.waits(250);
    const auto hellos = node.said_to<Hello>();
    EXPECT_TRUE(
        std::ranges::any_of(hellos, [](const auto& one) { return one.first.host == "nat1"; }));
}

TEST(Formation, AnAnswerOnALinkOfTheOtherOneSaysNothingOfAddresses) {
    Hand node(1);
    node.listed({"h1", "h2"});
    Hello answer;
    answer.answer = true;
    node.hears(2, answer);
    EXPECT_EQ(node->member_at({"", "", "h2", 0}), std::nullopt);
}

TEST(Formation, AnOlderBallotIsRefusedAndANewerOneIsToldWhatWasAgreed) {
    Hand node(2, expecting(3));
    node.listed({"h1", "h2", "h3"});
    const Terms terms = terms_of(node);
    const Charter charter{ClusterId{9}, {Hand::peer(1), Hand::peer(2)}};
    node.hears(1, Accept{{4, NodeId{1}}, terms, charter});
    EXPECT_TRUE(node.said<Accepted>().empty());
    node.synced();
    EXPECT_EQ(node.said<Accepted>().size(), 1u);
    node.hears(3, Prepare{{3, NodeId{3}}, terms});
    EXPECT_EQ(node.said<Refusal>().at(0).reason, RefusalReason::older);
    node.hears(3, Prepare{{5, NodeId{3}}, terms});
    node.synced();
    EXPECT_EQ(node.said<Promise>().at(0).charter, charter);
}

TEST(Formation, AVoteIsKeptOverARestart) {
    NodeState state;
    state.vote.promised = {4, NodeId{1}};
    state.vote.accepted = {4, NodeId{1}};
    state.vote.charter = Charter{ClusterId{9}, {Hand::peer(1), Hand::peer(2)}};
    Hand node(2, expecting(3), state);
    node.listed({"h1", "h2", "h3"});
    const Terms terms = terms_of(node);
    node.hears(1, Prepare{{2, NodeId{1}}, terms});
    EXPECT_EQ(node.said<Refusal>().at(0).promised, (Ballot{4, NodeId{1}}));
}

TEST(Formation, WhoFindsAClusterJoinsIt) {
    Hand node(4, expecting(3));
    node.listed({"h1", "h2", "h3"});
    const Charter charter{ClusterId{9}, {Hand::peer(1), Hand::peer(2)}};
    node.hears(2, Hello{true, {}, charter, NodeId{1}, {Hand::peer(1), Hand::peer(2)}});
    EXPECT_EQ(node.said<Join>().at(0).cluster, ClusterId{9});
    node.hears(1, JoinAnswer{JoinStatus::welcome, charter, NodeId{1}, {Hand::peer(1)}, ""});
    EXPECT_FALSE(node.all.settled);
    node.synced();
    EXPECT_TRUE(node.all.settled);
}

TEST(Formation, TwoClustersOfOneNameAreNeitherJoinedNorMerged) {
    Hand node(4, expecting(3));
    node.listed({"h1", "h2", "h3"});
    node.hears(1, Hello{true, {}, Charter{ClusterId{8}, {Hand::peer(1)}}, {}, {}});
    (void)node.said<Join>();
    node.hears(2, Hello{true, {}, Charter{ClusterId{9}, {Hand::peer(2)}}, {}, {}});
    node.waits(1000);
    EXPECT_TRUE(node.said<Join>().empty());
    EXPECT_TRUE(node.logged("two clusters of this name"));
}

TEST(Formation, AMemberIsFoundAtItsNewAddress) {
    NodeState state;
    state.cluster = Charter{ClusterId{9}, {Hand::peer(1), Hand::peer(2)}};
    state.book = {Hand::peer(1), Hand::peer(2)};
    Peer moved = Hand::peer(2);
    moved.port = 31000;
    moved.starts = 2;
    FormationMessage message{moved, Hello{false, {}, state.cluster, {}, {}}};
    SeededRandom random(1);
    FormationOptions options;
    options.self = Hand::peer(1);
    state.id = NodeId{1};
    Formation formation(options, state, random);
    formation.start(1000);
    formation.receive(1000, {2, {}, 0}, message);
    EXPECT_EQ(formation.peer(NodeId{2})->port, 31000);
    EXPECT_TRUE(formation.take().book_changed);
}

TEST(Formation, PermanentErrorsEndItAfterThreeTransientOnesNever) {
    Hand node(1);
    for (int i = 0; i < 50; ++i) node.fails(discovery::transient("refused"));
    EXPECT_FALSE(node.all.give_up);
    node.fails(discovery::permanent("403"));
    node.fails(discovery::permanent("403"));
    EXPECT_FALSE(node.all.give_up);
    node.fails(discovery::permanent("403"));
    EXPECT_EQ(node.all.give_up, "peer discovery: 403");
}

TEST(Formation, AMemberIsNotEndedByDiscovery) {
    NodeState state;
    state.cluster = Charter{ClusterId{9}, {Hand::peer(1)}};
    Hand node(1, {}, state);
    for (int i = 0; i < 5; ++i) node.fails(discovery::permanent("403"));
    EXPECT_FALSE(node.all.give_up);
}

TEST(Formation, ALimitOfFailuresIsKept) {
    FormationOptions options;
    options.list_failures_max = 2;
    Hand node(1, options);
    node.fails(discovery::transient("refused"));
    EXPECT_FALSE(node.all.give_up);
    node.fails(discovery::transient("refused"));
    EXPECT_TRUE(node.all.give_up->find("discovery_retry_limit") != std::string::npos);
}

}  // namespace
}  // namespace lvt::cluster
