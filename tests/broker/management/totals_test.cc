#include "broker/management/totals.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

namespace json = boost::json;

std::string sum(std::string_view to, std::string_view more) {
    json::object out = json::parse(to).as_object();
    add_numbers(out, json::parse(more).as_object());
    return json::serialize(out);
}

TEST(AddNumbers, AddsWhatIsCountedAndKeepsTheRest) {
    EXPECT_EQ(
        sum(R"({"publish":3,"name":"a","on":true})", R"({"publish":4,"name":"b","on":false})"),
        R"({"publish":7,"name":"a","on":true})");
    EXPECT_EQ(sum(R"({"rate":0.5})", R"({"rate":1})"), R"({"rate":1.5E0})");
}

TEST(AddNumbers, WhatOnlyOneHasIsThere) {
    EXPECT_EQ(sum(R"({"a":1})", R"({"b":2})"), R"({"a":1,"b":2})");
    EXPECT_EQ(sum(R"({})", R"({"ack_details":{"rate":2}})"), R"({"ack_details":{"rate":2}})");
}

TEST(AddNumbers, SamplesAreAddedWhereTheyStandForTheSameTime) {
    EXPECT_EQ(
        sum(R"({"d":{"samples":[{"sample":1,"timestamp":20},{"sample":2,"timestamp":10}]}})",
            R"({"d":{"samples":[{"sample":5,"timestamp":21}]}})"),
        R"({"d":{"samples":[{"sample":6,"timestamp":20},{"sample":2,"timestamp":10}]}})");
}

TEST(AddNumbers, ListsOfNumbersStay) {
    EXPECT_EQ(sum(R"({"x":[600,3600]})", R"({"x":[600,3600]})"), R"({"x":[600,3600]})");
}

TEST(FoldGuests, AddsThemToTheChannelsThatTheyStandFor) {
    std::vector<json::object> rows;
    for (const char* const row :
         {R"({"name":"a","consumer_count":1,"message_stats":{"deliver":2},"number":1})",
          R"({"name":"b","consumer_count":0,"number":1})",
          R"({"name":"a","consumer_count":2,"messages_unacknowledged":9,)"
          R"("message_stats":{"deliver":3,"ack":1},"number":1,"guest":true})",
          R"({"name":"gone","consumer_count":2,"guest":true})"})
        rows.push_back(json::parse(row).as_object());
    fold_guests(rows);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(
        json::serialize(rows[0]),
        R"({"name":"a","consumer_count":3,"message_stats":{"deliver":5,"ack":1},"number":1})");
    EXPECT_EQ(json::serialize(rows[1]), R"({"name":"b","consumer_count":0,"number":1})");
}

}  // namespace
}  // namespace lvt::broker
