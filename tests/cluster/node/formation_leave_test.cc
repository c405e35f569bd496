#include "cluster/node/formation.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lvt::cluster {
namespace {

Peer peer(std::uint64_t id) {
    return {NodeId{id}, "rabbit@" + std::to_string(id), "h" + std::to_string(id), 25672, 1};
}
Charter charter() { return {ClusterId{77}, {peer(1), peer(2), peer(3)}}; }

/// A node, and everything that it has said.
class Node {
public:
    explicit Node(std::uint64_t id, bool member, bool removed = false)
        : random_(id), formation_(options(id), state(id, member, removed), random_) {
        formation_.start(now);
        collect();
    }
    void hears(const Peer& from, decltype(FormationMessage::body) body) {
        formation_.receive(now, from.id.value(), {from, std::move(body)});
        collect();
    }
    void waits(std::uint64_t ms) {
        for (const std::uint64_t end = now + ms; now < end;) {
            now += 50;
            formation_.tick(now);
            collect();
        }
    }
    void synced() {
        formation_.persisted(now, ticket_);
        collect();
    }
    template <class Body>
    std::vector<std::pair<Place, Body>> said() {
        std::vector<std::pair<Place, Body>> out;
        for (const auto& [to, message] : all.messages)
            if (const auto* const body = std::get_if<Body>(&message.body))
                out.emplace_back(to, *body);
        all.messages.clear();
        return out;
    }
    Formation& operator*() { return formation_; }
    Formation* operator->() { return &formation_; }

    std::uint64_t now = 1000;
    FormationOutput all;

private:
    static FormationOptions options(std::uint64_t id) {
        FormationOptions out;
        out.self = peer(id);
        return out;
    }
    static NodeState state(std::uint64_t id, bool member, bool removed) {
        NodeState out;
        out.id = NodeId{id};
        out.starts = 1;
        if (member) out.cluster = charter();
        if (member) out.book = charter().founders;
        out.removed = removed;
        return out;
    }
    void collect() {
        FormationOutput out = formation_.take();
        if (!out.record.empty()) ticket_ = out.ticket;
        for (auto& one : out.messages) all.messages.push_back(std::move(one));
        for (auto& one : out.removals) all.removals.push_back(one);
        for (auto& one : out.remove_answers) all.remove_answers.push_back(one);
        all.settled |= out.settled;
        all.removed |= out.removed;
        all.list |= out.list;
    }

    SeededRandom random_;
    Formation formation_;
    std::uint64_t ticket_ = 0;
};

Hello greeting(std::uint64_t) {
    Hello out;
    out.cluster = charter();
    out.members = charter().founders;
    return out;
}

TEST(FormationLeave, WhoIsToldThatItWasRemovedDoesNothingAnyMoreOnceThatIsDurable) {
    Node node(1, true);
    node.synced();
    node.hears(peer(2), RemoveAnswer{ClusterId{77}, NodeId{1}, RemoveStatus::done});
    EXPECT_FALSE(node.all.removed);
    node.synced();
    EXPECT_TRUE(node.all.removed);
    EXPECT_TRUE(node->state().removed);
    node.said<Hello>();
    node.hears(peer(2), greeting(2));
    node.waits(20'000);
    EXPECT_TRUE(node.all.messages.empty());
}

TEST(FormationLeave, AnotherClustersWordIsNoReason) {
    Node node(1, true);
    node.synced();
    node.hears(peer(2), RemoveAnswer{ClusterId{78}, NodeId{1}, RemoveStatus::done});
    node.hears(peer(2), RemoveAnswer{ClusterId{77}, NodeId{1}, RemoveStatus::later});
    node.synced();
    EXPECT_FALSE(node->state().removed);
}

TEST(FormationLeave, AFormerMemberThatGreetsIsToldSo) {
    Node node(1, true);
    node.synced();
    node->set_former({NodeId{3}});
    node->set_cluster(NodeId{1}, {NodeId{1}, NodeId{2}});
    node.said<Hello>();
    node.hears(peer(3), greeting(3));
    const auto answers = node.said<RemoveAnswer>();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].first.link, 3u);
    EXPECT_EQ(answers[0].second.node, NodeId{3});
    EXPECT_EQ(answers[0].second.status, RemoveStatus::done);
    EXPECT_FALSE(node->is_heard(NodeId{3}));
    // A founder that has gone does not come back to the book.
    node.hears(peer(2), greeting(2));
    EXPECT_EQ(node->state().book.size(), 2u);
}

TEST(FormationLeave, AWipedNodeOfThatAddressIsAnotherOne) {
    Node node(1, true);
    node.synced();
    node->set_former({NodeId{3}});
    Peer wiped = peer(9);
    wiped.host = "h3";
    node.hears(wiped, Join{ClusterId{77}});
    EXPECT_TRUE(node.said<RemoveAnswer>().empty());
}

TEST(FormationLeave, ItSaysWhomItHasHeardLately) {
    Node node(1, true);
    node.synced();
    node->set_cluster(NodeId{1}, {NodeId{1}, NodeId{2}, NodeId{3}});
    Hello from = greeting(2);
    from.heard = {NodeId{1}, NodeId{3}};
    node.hears(peer(2), from);
    EXPECT_EQ(node.said<Hello>().back().second.heard, (std::vector<NodeId>{NodeId{2}}));
    EXPECT_EQ(node->heard_by(NodeId{2}), from.heard);
    EXPECT_FALSE(node->heard_by(NodeId{3}).has_value());
    node.waits(6000);
    EXPECT_FALSE(node->is_heard(NodeId{2}));
    EXPECT_FALSE(node->heard_by(NodeId{2}).has_value());
}

TEST(FormationLeave, ACandidateIsAMemberByItsIdOrByWhoAnswersThereLately) {
    Node node(1, true);
    node.synced();
    node->set_cluster(NodeId{1}, {NodeId{1}, NodeId{2}, NodeId{3}});
    EXPECT_EQ(node->member_at({to_text(NodeId{3}), "", "h9", 0}), NodeId{3});
    EXPECT_EQ(node->member_at({"no id", "", "h9", 0}), std::nullopt);
    EXPECT_EQ(node->member_at({"", "rabbit@2", "h2", 0}), std::nullopt);
    Hello answer = greeting(2);
    answer.answer = true;
    node.hears(peer(2), answer);
    EXPECT_EQ(node->member_at({"", "", "h2", 0}), NodeId{2});
    EXPECT_EQ(node->member_at({"", "", "h1", 25672}), NodeId{1});
    node.waits(6000);
    EXPECT_EQ(node->member_at({"", "", "h2", 0}), std::nullopt);
}

TEST(FormationLeave, WhoIsToldWhereToJoinFoundsNothingAndAsksNobodyElse) {
    Node node(1, false);
    node->join(node.now, "h2", 0);
    node.waits(100);
    node.all.list = false;
    node.waits(10'000);
    EXPECT_FALSE(node.all.list);
    for (const auto& [to, hello] : node.said<Hello>()) EXPECT_EQ(to.host, "h2");
    Hello answer = greeting(2);
    answer.answer = true;
    answer.cluster = Charter{ClusterId{77}, {peer(2), peer(3)}};
    node.hears(peer(2), answer);
    node.waits(100);
    ASSERT_FALSE(node.said<Join>().empty());
    node.hears(peer(2), JoinAnswer{JoinStatus::welcome, answer.cluster, NodeId{2}, {peer(2)}, ""});
    node.synced();
    EXPECT_TRUE(node.all.settled);
}

}  // namespace
}  // namespace lvt::cluster
