#include "cluster/node/formation.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lvt::cluster {
namespace {

constexpr std::uint16_t kPort = 25672;

/// One node, and what a test lets it see.
class Hand {
public:
    explicit Hand(std::uint64_t id, FormationOptions options = {}, NodeState state = {})
        : random_(id), formation_(with_self(id, options), with_id(id, state), random_) {
        formation_.start(now);
        collect();
    }

    static Peer peer(std::uint64_t id) {
        return {NodeId{id}, "rabbit@" + std::to_string(id), "h" + std::to_string(id), kPort, 1};
    }
    static discovery::PeerList list(std::initializer_list<std::uint64_t> ids) {
        discovery::PeerList out;
        for (const std::uint64_t id : ids)
            out.candidates.push_back({"", "", "h" + std::to_string(id), 0});
        return out;
    }

    void listed(std::initializer_list<std::uint64_t> ids) {
        formation_.listed(now, list(ids));
        collect();
    }
    void fails(const discovery::DiscoveryError& error) {
        formation_.list_failed(now, error);
        collect();
    }
    void hears(std::uint64_t from, decltype(FormationMessage::body) body) {
        formation_.receive(now, from, {peer(from), std::move(body)});
        collect();
    }
    void waits(std::uint64_t ms) {
        for (const std::uint64_t end = now + ms; now < end;) {
            now += 50;
            formation_.tick(now);
            collect();
        }
    }
    /// Everything that was written is durable.
    void synced() {
        formation_.persisted(now, ticket);
        collect();
    }
    template <class Body>
    std::vector<Body> said() {
        std::vector<Body> out;
        for (const auto& [to, message] : all.messages)
            if (const auto* const body = std::get_if<Body>(&message.body)) out.push_back(*body);
        all.messages.clear();
        return out;
    }
    bool logged(std::string_view part) const {
        return std::ranges::any_of(
            all.log, [&](const auto& line) { return line.second.find(part) != std::string::npos; });
    }
    const NodeState& state() const { return formation_.state(); }

    std::uint64_t now = 1000;
    std::uint64_t ticket = 0;
    FormationOutput all;

private:
    static FormationOptions with_self(std::uint64_t id, FormationOptions options) {
        options.self = peer(id);
        return options;
    }
    static NodeState with_id(std::uint64_t id, NodeState state) {
        state.id = NodeId{id};
        return state;
    }
    void collect() {
        FormationOutput out = formation_.take();
        if (!out.record.empty()) ticket = out.ticket;
        for (auto& one : out.messages) all.messages.push_back(std::move(one));
        for (auto& one : out.log) all.log.push_back(std::move(one));
        for (auto& one : out.joins) all.joins.push_back(std::move(one));
        all.list |= out.list;
        all.settled |= out.settled;
        if (out.give_up) all.give_up = out.give_up;
    }

    SeededRandom random_;
    Formation formation_;
};

Terms of_three(Hand& node) { return node.said<Hello>().back().terms; }

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
    node.listed({1});
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
    node.listed({1});
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
    node.listed({1, 2, 3});
    const Terms terms = of_three(node);
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
    node.listed({1, 2, 3});
    Terms terms = of_three(node);
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
    node.listed({1, 2, 3});
    Terms terms = of_three(node);
    EXPECT_EQ(terms.votes, 3u);
    terms.candidates ^= 1;
    node.hears(1, Prepare{{1, NodeId{1}}, terms});
    EXPECT_EQ(node.said<Refusal>().at(0).reason, RefusalReason::list);
}

TEST(Formation, AnOlderBallotIsRefusedAndANewerOneIsToldWhatWasAgreed) {
    Hand node(2, expecting(3));
    node.listed({1, 2, 3});
    const Terms terms = of_three(node);
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
    node.listed({1, 2, 3});
    const Terms terms = of_three(node);
    node.hears(1, Prepare{{2, NodeId{1}}, terms});
    EXPECT_EQ(node.said<Refusal>().at(0).promised, (Ballot{4, NodeId{1}}));
}

TEST(Formation, WhoFindsAClusterJoinsIt) {
    Hand node(4, expecting(3));
    node.listed({1, 2, 3});
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
    node.listed({1, 2, 3});
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
    formation.receive(1000, 2, message);
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
