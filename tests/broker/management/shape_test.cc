#include "broker/management/shape.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

namespace json = boost::json;

Shape shape(std::string_view query) { return Shape(http::Query("/x?" + std::string(query))); }

std::vector<json::object> rows(std::initializer_list<const char*> names) {
    std::vector<json::object> out;
    std::int64_t length = 0;
    for (const char* const name : names)
        out.push_back({{"name", name}, {"stats", json::object{{"length", ++length}}}});
    return out;
}

std::string text(const Shape& shape, std::vector<json::object> rows) {
    const auto arranged = shape.arrange(std::move(rows));
    return arranged.has_value() ? json::serialize(*arranged) : arranged.error().error;
}

std::string chosen(std::string_view columns, const char* object) {
    json::object value = json::parse(object).as_object();
    ColumnChoice(columns).apply(value);
    return json::serialize(value);
}

TEST(ColumnChoice, LeavesWhatIsAsked) {
    EXPECT_EQ(chosen("a", R"({"a":1,"b":2})"), R"({"a":1})");
    EXPECT_EQ(chosen("", R"({"a":1,"b":2})"), R"({"a":1,"b":2})");
    EXPECT_EQ(chosen("x", R"({"a":1})"), "{}");
}

TEST(ColumnChoice, GoesIntoObjectsAndLists) {
    EXPECT_EQ(chosen("a.b", R"({"a":{"b":1,"c":2},"d":3})"), R"({"a":{"b":1}})");
    EXPECT_EQ(chosen("a.b,a", R"({"a":{"b":1,"c":2}})"), R"({"a":{"b":1,"c":2}})");
    EXPECT_EQ(chosen("a.b", R"({"a":[{"b":1,"c":2}]})"), R"({"a":[{"b":1}]})");
}

TEST(Shape, ListsInTheNaturalOrder) {
    EXPECT_FALSE(shape("columns=name").needs_all_rows());
    EXPECT_EQ(text(shape("columns=name"), rows({"b", "a"})), R"([{"name":"b"},{"name":"a"}])");
}

TEST(Shape, SortsByWhatIsInside) {
    EXPECT_EQ(
        text(shape("columns=name&sort=name"), rows({"b", "a"})), R"([{"name":"a"},{"name":"b"}])");
    EXPECT_EQ(
        text(shape("columns=name&sort=stats.length&sort_reverse=true"), rows({"b", "a"})),
        R"([{"name":"a"},{"name":"b"}])");
    EXPECT_TRUE(shape("columns=name&sort=stats.length").needs("stats"));
    EXPECT_FALSE(shape("columns=name&sort=stats.length").needs("other"));
}

TEST(Shape, SortsNumbersBeforeTexts) {
    std::vector<json::object> mixed{{{"v", "text"}}, {{"v", 7}}, {}};
    EXPECT_EQ(text(shape("sort=v"), std::move(mixed)), R"([{},{"v":7},{"v":"text"}])");
}

TEST(Shape, RowsOfSeveralNodesStandByVirtualHostAndName) {
    std::vector<json::object> all = rows({"b", "c", "a"});
    all[0]["vhost"] = all[2]["vhost"] = "/";
    all[1]["vhost"] = "!";
    Shape merged = shape("columns=name");
    EXPECT_FALSE(merged.needs("vhost"));
    merged.merge();
    EXPECT_TRUE(merged.needs("vhost") && merged.needs_all_rows());
    EXPECT_EQ(text(merged, all), R"([{"name":"c"},{"name":"a"},{"name":"b"}])");
    Shape sorted = shape("columns=name&sort=stats.length");
    sorted.merge();
    EXPECT_EQ(text(sorted, all), R"([{"name":"b"},{"name":"c"},{"name":"a"}])");
}

TEST(Shape, CutsPages) {
    EXPECT_EQ(
        text(shape("page=2&page_size=2&columns=name"), rows({"a", "b", "c"})),
        R"({"filtered_count":3,"item_count":1,"items":[{"name":"c"}],"page":2,"page_count":2,)"
        R"("page_size":2,"total_count":3})");
    EXPECT_EQ(text(shape("page=3&page_size=2"), rows({"a", "b", "c"})), "page_out_of_range");
    EXPECT_EQ(
        text(shape("page=1"), {}),
        R"({"filtered_count":0,"item_count":0,"items":[],"page":1,"page_count":0,)"
        R"("page_size":100,"total_count":0})");
}

TEST(Shape, FiltersPagesByName) {
    EXPECT_EQ(
        text(shape("page=1&columns=name&name=A"), rows({"xay", "b"})),
        R"({"filtered_count":1,"item_count":1,"items":[{"name":"xay"}],"page":1,"page_count":1,)"
        R"("page_size":100,"total_count":2})");
    // As KEDA asks: the page counts although pagination is said to be off.
    EXPECT_EQ(
        text(
            shape("page=1&use_regex=true&pagination=false&name=%5Ea.%24&columns=name"),
            rows({"ab", "abc"})),
        R"({"filtered_count":1,"item_count":1,"items":[{"name":"ab"}],"page":1,"page_count":1,)"
        R"("page_size":100,"total_count":2})");
}

TEST(Shape, RefusesQueriesThatMakeNoSense) {
    for (const char* const query :
         {"page=0", "page=x", "page=1&page_size=501", "page=1&page_size="})
        EXPECT_EQ(shape(query).fault()->error, "invalid_pagination_parameters") << query;
    EXPECT_TRUE(shape("page=1&use_regex=true&name=(").fault());
    EXPECT_FALSE(shape("page=1&name=(").fault());
    EXPECT_FALSE(shape("page_size=7000").fault());
}

TEST(Shape, GivesUpWhereANameTakesTooLong) {
    const std::string name = std::string(200, 'a') + "b";
    EXPECT_EQ(
        text(shape("page=1&use_regex=true&name=%5E(a%2B)%2B%24"), rows({name.c_str()})),
        "bad_request");
}

}  // namespace
}  // namespace lvt::broker
