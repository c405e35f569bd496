#include "broker/core/topology.h"
#include "broker/management/management_api.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

http::Request change(http::Headers headers) {
    http::Request request;
    request.verb = http::Verb::put;
    request.headers = std::move(headers);
    return request;
}

Visitor visitor(std::vector<Bytes> tags) {
    User user;
    user.name = "u";
    user.tags = std::move(tags);
    return Visitor::of(user);
}

TEST(Visitor, TagsStandForThoseBelow) {
    EXPECT_TRUE(visitor({"administrator"}).monitor);
    EXPECT_TRUE(visitor({"administrator"}).policymaker);
    EXPECT_TRUE(visitor({"monitoring"}).manager);
    EXPECT_FALSE(visitor({"monitoring"}).policymaker);
    EXPECT_FALSE(visitor({"policymaker"}).monitor);
    EXPECT_TRUE(visitor({"management"}).manager);
    EXPECT_FALSE(visitor({"impersonator"}).manager);
}

TEST(CrossSite, ChangesFromOtherOriginsAreForged) {
    const ApiOptions options;
    EXPECT_FALSE(is_forged(options, change({})));
    EXPECT_TRUE(is_forged(options, change({{"Origin", "https://evil"}, {"Host", "broker:15672"}})));
    EXPECT_TRUE(is_forged(options, change({{"Origin", "null"}, {"Host", "broker:15672"}})));
    EXPECT_FALSE(
        is_forged(options, change({{"Origin", "http://broker:15672"}, {"Host", "broker:15672"}})));
    EXPECT_TRUE(is_forged(options, change({{"Sec-Fetch-Site", "cross-site"}})));
    http::Request read = change({{"Origin", "https://evil"}});
    read.verb = http::Verb::get;
    EXPECT_FALSE(is_forged(options, read));
}

TEST(CrossSite, AllowedOriginsMayCall) {
    ApiOptions options;
    options.cors_origins = {"https://friend"};
    EXPECT_FALSE(is_forged(options, change({{"Origin", "https://friend"}})));
    EXPECT_TRUE(is_forged(options, change({{"Origin", "https://friend.evil"}})));
    const auto headers = cors_headers(options, change({{"Origin", "https://friend"}}));
    EXPECT_NE(
        std::find(
            headers.begin(),
            headers.end(),
            std::pair<std::string, std::string>("access-control-allow-origin", "https://friend")),
        headers.end());
    EXPECT_EQ(cors_headers(options, change({{"Origin", "https://evil"}})).size(), 1u);
}

TEST(ReadBody, TakesObjectsAndNothing) {
    boost::json::object out;
    for (const char* const nothing : {"", "null", "undefined"})
        EXPECT_FALSE(read_body(nothing, out)) << nothing;
    EXPECT_FALSE(read_body(R"({"durable":"true"})", out));
    EXPECT_EQ(out.at("durable"), "true");
    for (const char* const wrong : {"{", "[]", "1", "\"{}\""})
        EXPECT_EQ(read_body(wrong, out), "not_json") << wrong;
}

}  // namespace
}  // namespace lvt::broker
