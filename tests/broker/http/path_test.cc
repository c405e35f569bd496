#include "broker/http/path.h"

#include "broker/http/message.h"

#include <gtest/gtest.h>

namespace lvt::http {
namespace {

Router router_of(std::initializer_list<std::string_view> patterns) {
    Router router;
    for (const std::string_view pattern : patterns) router.add(pattern);
    return router;
}

TEST(PercentEncoding, DecodesEscapesAndLeavesTheRest) {
    EXPECT_EQ(percent_decoded("%2F"), "/");
    EXPECT_EQ(percent_decoded("a%00b"), std::string("a\0b", 3));
    EXPECT_EQ(percent_decoded("100%"), "100%");
    EXPECT_EQ(percent_decoded("%zz%4"), "%zz%4");
    EXPECT_EQ(percent_decoded("a+b"), "a+b");
    EXPECT_EQ(percent_decoded("a+b", true), "a b");
}

TEST(PercentEncoding, EncodesWhatIsNoLetterOrDigit) {
    EXPECT_EQ(percent_encoded("a.b-c_d"), "a.b-c_d");
    EXPECT_EQ(percent_encoded("/~ "), "%2F%7E%20");
    EXPECT_EQ(percent_decoded(percent_encoded("\xff\x01%")), "\xff\x01%");
}

TEST(Query, FindsDecodedValues) {
    const Query query("/api/queues?page=1&name=%5Ea+b%24&use_regex=true&empty=&flag");
    EXPECT_EQ(query.text("page"), "1");
    EXPECT_EQ(query.text("name"), "^a b$");
    EXPECT_TRUE(query.flag("use_regex"));
    EXPECT_EQ(query.find("empty"), "");
    EXPECT_EQ(query.find("flag"), "");
    EXPECT_EQ(query.find("page_size"), std::nullopt);
    EXPECT_EQ(query.text("page_size", "100"), "100");
}

TEST(Router, TakesNamesFromTheirPlaces) {
    const Router router = router_of({"/api/queues", "/api/queues/{vhost}/{queue}"});
    EXPECT_EQ(router.match("/api/queues?columns=name")->pattern, 0u);
    EXPECT_EQ(router.match("/api/queues/")->pattern, 0u);
    const auto match = router.match("/api/queues/%2F/a%2Fb?x=/");
    ASSERT_TRUE(match);
    EXPECT_EQ(match->pattern, 1u);
    EXPECT_EQ(match->names, (std::vector<std::string>{"/", "a/b"}));
}

TEST(Router, KnowsEmptyNames) {
    const Router router = router_of({"/api/exchanges/{vhost}/{exchange}/publish"});
    const auto match = router.match("/api/exchanges/%2F//publish");
    ASSERT_TRUE(match);
    EXPECT_EQ(match->names, (std::vector<std::string>{"/", ""}));
}

TEST(Router, TriesPatternsInTheirOrder) {
    const Router router = router_of({"/users/bulk-delete", "/users/{user}"});
    EXPECT_EQ(router.match("/users/bulk-delete")->pattern, 0u);
    EXPECT_EQ(router.match("/users/bulk")->pattern, 1u);
    EXPECT_FALSE(router.match("/users/a/b"));
    EXPECT_FALSE(router.match("/"));
}

TEST(BasicCredentials, AreReadFromTheHeader) {
    const auto credentials = basic_credentials("Basic Z3Vlc3Q6YTpi");
    ASSERT_TRUE(credentials);
    EXPECT_EQ(credentials->user, "guest");
    EXPECT_EQ(credentials->password, "a:b");
    EXPECT_TRUE(basic_credentials("basic Z3Vlc3Q6"));
    EXPECT_FALSE(basic_credentials("Bearer Z3Vlc3Q6YTpi"));
    EXPECT_FALSE(basic_credentials("Basic Z3Vlc3Q"));
    EXPECT_FALSE(basic_credentials("Basic Z3Vl"));
}

TEST(Request, FindsHeadersWhateverTheirCase) {
    Request request;
    request.headers = {{"X-Reason", "because"}};
    EXPECT_EQ(request.header("x-reason"), "because");
    EXPECT_EQ(request.header("reason"), "");
}

}  // namespace
}  // namespace lvt::http
