// What needs no server; the rest is in the mechanisms' cases, which talk to many.
#include "cluster/discovery/http_client.h"

#include <gtest/gtest.h>

#include <thread>

namespace lvt::discovery {
namespace {

TEST(HttpAnswer, IsTransientWhereAskingAgainMayHelp) {
    for (const int status : {408, 429, 500, 502, 503, 504})
        EXPECT_EQ(fault_of("x", {status, "", {}}).failure, Failure::transient) << status;
    for (const int status : {301, 302, 400, 401, 403, 404, 405, 410})
        EXPECT_EQ(fault_of("x", {status, "", {}}).failure, Failure::permanent) << status;
    EXPECT_EQ(
        fault_of("etcd: list", {403, R"({"password":"p"})", {}}).message,
        R"(etcd: list: status 403: {"password":"********"})");
    EXPECT_EQ(
        fault_of("x", {302, "", {{"location", "http://u:p@h/"}}}).message,
        "x: status 302 to http://********@h/");
}

TEST(HttpClient, AnAddressWhereNobodyListensIsTransient) {
    NullLogSink log;
    HttpClient client{{}, log};
    const auto answer = client.perform({.url = "http://127.0.0.1:1/", .without_proxy = true});
    ASSERT_TRUE(answer.has_error());
    EXPECT_EQ(answer.error().failure, Failure::transient);
    EXPECT_TRUE(answer.error().message.starts_with("GET http://127.0.0.1:1/: "));
}

TEST(HttpClient, AUrlThatIsNoneIsPermanent) {
    NullLogSink log;
    HttpClient client{{}, log};
    const auto answer = client.perform({.url = "ht tp://x/"});
    ASSERT_TRUE(answer.has_error());
    EXPECT_EQ(answer.error().failure, Failure::permanent);
}

TEST(HttpClient, CancelEndsEverythingButWhatMayGoOn) {
    NullLogSink log;
    HttpClient client{{}, log};
    std::thread other{[&] { client.cancel(); }};
    other.join();
    EXPECT_TRUE(client.cancelled());
    const auto cancelled = client.perform({.url = "http://127.0.0.1:1/"});
    EXPECT_EQ(cancelled.error().failure, Failure::cancelled);
    const auto last =
        client.perform({.url = "http://127.0.0.1:1/", .without_proxy = true, .after_cancel = true});
    EXPECT_EQ(last.error().failure, Failure::transient);
}

TEST(UrlEscaped, KeepsWhatIsUnreserved) {
    EXPECT_EQ(url_escaped("aZ09-_.~"), "aZ09-_.~");
    EXPECT_EQ(url_escaped("my rabbit/+"), "my%20rabbit%2F%2B");
}

}  // namespace
}  // namespace lvt::discovery
