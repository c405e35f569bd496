#include "tests/cluster/node/hand.h"

#include <gtest/gtest.h>

namespace lvt::cluster {
namespace {

Charter charter() { return {ClusterId{77}, {Hand::peer(1), Hand::peer(2), Hand::peer(3)}}; }

NodeState member() {
    NodeState out;
    out.starts = 1;
    out.cluster = charter();
    out.book = charter().founders;
    return out;
}

Hello greeting() {
    Hello out;
    out.cluster = charter();
    out.members = charter().founders;
    return out;
}

TEST(FormationLeave, WhoIsToldThatItWasRemovedDoesNothingAnyMoreOnceThatIsDurable) {
    Hand node(1, {}, member());
    node.synced();
    node.hears(2, RemoveAnswer{ClusterId{77}, NodeId{1}, RemoveStatus::done});
    EXPECT_FALSE(node.all.removed);
    node.synced();
    EXPECT_TRUE(node.all.removed);
    EXPECT_TRUE(node.state().removed);
    (void)node.said<Hello>();
    node.hears(2, greeting());
    node.waits(20'000);
    EXPECT_TRUE(node.all.messages.empty());
}

TEST(FormationLeave, AnotherClustersWordIsNoReason) {
    Hand node(1, {}, member());
    node.synced();
    node.hears(2, RemoveAnswer{ClusterId{78}, NodeId{1}, RemoveStatus::done});
    node.hears(2, RemoveAnswer{ClusterId{77}, NodeId{1}, RemoveStatus::later});
    node.synced();
    EXPECT_FALSE(node.state().removed);
}

TEST(FormationLeave, AFormerMemberThatGreetsIsToldSo) {
    Hand node(1, {}, member());
    node.synced();
    node->set_former({NodeId{3}});
    node->set_cluster(NodeId{1}, {NodeId{1}, NodeId{2}});
    (void)node.said<Hello>();
    node.hears(3, greeting());
    const auto answers = node.said_to<RemoveAnswer>();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].first.link, 3u);
    EXPECT_EQ(answers[0].second.node, NodeId{3});
    EXPECT_EQ(answers[0].second.status, RemoveStatus::done);
    EXPECT_FALSE(node->is_heard(NodeId{3}));
    // A founder that has gone does not come back to the book.
    node.hears(2, greeting());
    EXPECT_EQ(node.state().book.size(), 2u);
}

TEST(FormationLeave, AWipedNodeOfThatAddressIsAnotherOne) {
    Hand node(1, {}, member());
    node.synced();
    node->set_former({NodeId{3}});
    Peer wiped = Hand::peer(9);
    wiped.host = "h3";
    node.hears(wiped, Join{ClusterId{77}});
    EXPECT_TRUE(node.said<RemoveAnswer>().empty());
}

TEST(FormationLeave, ItSaysWhomItHasHeardLately) {
    Hand node(1, {}, member());
    node.synced();
    node->set_cluster(NodeId{1}, {NodeId{1}, NodeId{2}, NodeId{3}});
    Hello from = greeting();
    from.heard = {NodeId{1}, NodeId{3}};
    node.hears(2, from);
    EXPECT_EQ(node.said<Hello>().back().heard, (std::vector<NodeId>{NodeId{2}}));
    EXPECT_EQ(node->heard_by(NodeId{2}), from.heard);
    EXPECT_FALSE(node->heard_by(NodeId{3}).has_value());
    node.waits(6000);
    EXPECT_FALSE(node->is_heard(NodeId{2}));
    EXPECT_FALSE(node->heard_by(NodeId{2}).has_value());
}

TEST(FormationLeave, ACandidateIsAMemberByItsIdOrByWhoAnswersThereLately) {
    Hand node(1, {}, member());
    node.synced();
    node->set_cluster(NodeId{1}, {NodeId{1}, NodeId{2}, NodeId{3}});
    EXPECT_EQ(node->member_at({to_text(NodeId{3}), "", "h9", 0}), NodeId{3});
    EXPECT_EQ(node->member_at({"no id", "", "h9", 0}), std::nullopt);
    EXPECT_EQ(node->member_at({"", "rabbit@2", "h2", 0}), std::nullopt);
    Hello answer = greeting();
    answer.answer = true;
    node.hears_at("h2", Hand::peer(2), answer);
    EXPECT_EQ(node->member_at({"", "", "h2", 0}), NodeId{2});
    EXPECT_EQ(node->member_at({"", "", "h1", 25672}), NodeId{1});
    node.waits(6000);
    EXPECT_EQ(node->member_at({"", "", "h2", 0}), std::nullopt);
}

TEST(FormationLeave, WhoIsToldWhereToJoinFoundsNothingAndAsksNobodyElse) {
    Hand node(1);
    node->join(node.now, "h2", 0);
    node.waits(100);
    node.all.list = false;
    node.waits(10'000);
    EXPECT_FALSE(node.all.list);
    for (const auto& [to, hello] : node.said_to<Hello>()) EXPECT_EQ(to.host, "h2");
    Hello answer = greeting();
    answer.answer = true;
    answer.cluster = Charter{ClusterId{77}, {Hand::peer(2), Hand::peer(3)}};
    node.hears(2, answer);
    node.waits(100);
    ASSERT_FALSE(node.said<Join>().empty());
    node.hears(2, JoinAnswer{JoinStatus::welcome, answer.cluster, NodeId{2}, {Hand::peer(2)}, ""});
    node.synced();
    EXPECT_TRUE(node.all.settled);
}

}  // namespace
}  // namespace lvt::cluster
