#include "broker/management/members.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

using cluster::NodeId;
using Place = QueuePlaces::Place;

struct QueueOf {
    explicit QueueOf(std::uint64_t home) { queue.home = NodeId(home); }

    std::uint64_t gauge = 0;
    QueueTotals totals;
    Queue queue{gauge, totals};
};

TEST(Members, RequestsGoThereAndBack) {
    const MemberRequest all{"DELETE", "/api/connections/a%20b", "me \"x\"", false, "why\nnot"};
    EXPECT_EQ(decode_member_request(encode(all)), all);
    const MemberRequest owner{"GET", "/api/queues?page=1", "", true, ""};
    EXPECT_EQ(decode_member_request(encode(owner)), owner);
}

TEST(Members, RequestsThatMakeNoSenseAreNothing) {
    for (const char* const text :
         {"",
          "[]",
          "{}",
          "{\"verb\":\"GET\"",
          R"({"verb":"GET","target":"/api"})",
          R"({"verb":1,"target":"/api","user":"a"})",
          R"({"target":"/api","user":"a"})"})
        EXPECT_FALSE(decode_member_request(text)) << text;
    EXPECT_TRUE(decode_member_request(R"({"verb":"GET","target":"/api","user":"a","later":[1]})"));
}

TEST(Members, AQueueIsDownWhereItsHomeSaysNothing) {
    const QueuePlaces places(
        NodeId(1), {{NodeId(2), "two", MemberSaid::Told{}}, {NodeId(3), "three", {}}});
    EXPECT_EQ(places.of(QueueOf(0).queue), Place::here);
    EXPECT_EQ(places.of(QueueOf(1).queue), Place::here);
    EXPECT_EQ(places.of(QueueOf(2).queue), Place::elsewhere);
    EXPECT_EQ(places.of(QueueOf(3).queue), Place::down);
    EXPECT_EQ(places.node_of(QueueOf(3).queue), "three");
    EXPECT_EQ(places.of(QueueOf(0xabc).queue), Place::down);
    EXPECT_EQ(places.node_of(QueueOf(0xabc).queue), "0000000000000abc");
    EXPECT_EQ(QueuePlaces(NodeId(1)).of(QueueOf(3).queue), Place::elsewhere);
    EXPECT_EQ(QueuePlaces(NodeId(1)).of(QueueOf(1).queue), Place::here);
}

TEST(Members, RowsOfSeveralAreOneArray) {
    std::string rows = "[]";
    for (const char* const more : {"[]", "[1,2]", "nonsense", "", "[3]"}) append_rows(rows, more);
    EXPECT_EQ(rows, "[1,2,3]");
    std::vector<MemberSaid> said{
        {NodeId(1), "a", MemberSaid::Told{200, "[1]"}},
        {NodeId(2), "b", {}},
        {NodeId(3), "c", MemberSaid::Told{404, "{}"}}};
    EXPECT_EQ(arrays_of(said), MemberArrays{"[1]"});
}

}  // namespace
}  // namespace lvt::broker
