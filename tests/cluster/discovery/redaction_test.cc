#include "cluster/discovery/redaction.h"

#include <gtest/gtest.h>

namespace lvt::discovery {
namespace {

TEST(Redaction, HidesHeadersThatCarrySecrets) {
    for (const char* name :
         {"Authorization",
          "X-Consul-Token",
          "X-Amz-Security-Token",
          "Proxy-Authorization",
          "X-aws-ec2-metadata-token",
          "Cookie"})
        EXPECT_EQ(redacted_header(name, "s3"), "********") << name;
    EXPECT_EQ(redacted_header("Accept", "s3"), "s3");
    EXPECT_EQ(redacted_header("X-aws-ec2-metadata-token-ttl-seconds", "60"), "60");
}

TEST(Redaction, HidesPasswordsAndTokensOfUrls) {
    EXPECT_EQ(redacted_url("http://u:s3@h:1/p@q"), "http://********@h:1/p@q");
    EXPECT_EQ(redacted_url("http://h/p?a=1&token=s3&b=2"), "http://h/p?a=1&token=********&b=2");
    EXPECT_EQ(
        redacted_url("http://h/?X-Amz-Signature=s3&Action=x"),
        "http://h/?X-Amz-Signature=********&Action=x");
    EXPECT_EQ(redacted_url("http://h/token?NextToken=7"), "http://h/token?NextToken=7");
}

TEST(Redaction, HidesMembersElementsAndParametersOfBodies) {
    EXPECT_EQ(
        redacted_body(R"({"name":"root","password":"s\"3","n":1})"),
        R"({"name":"root","password":"********","n":1})");
    EXPECT_EQ(redacted_body(R"({"token" : "s3"})"), R"({"token" : "********"})");
    EXPECT_EQ(redacted_body(R"({"secret":73})"), R"({"secret":********})");
    EXPECT_EQ(
        redacted_body("<A><SecretAccessKey>s3</SecretAccessKey><B>b</B></A>"),
        "<A><SecretAccessKey>********</SecretAccessKey><B>b</B></A>");
    EXPECT_EQ(redacted_body("Action=x&WebIdentityToken=s3"), "Action=x&WebIdentityToken=********");
    EXPECT_EQ(redacted_body(R"({"password":"s3)"), R"({"password":"********)");
}

TEST(Redaction, MakesOneShortLine) {
    EXPECT_EQ(redacted_body("a\nb\tc"), "a b c");
    EXPECT_EQ(redacted_body("abcdef", 3), "abc...");
}

}  // namespace
}  // namespace lvt::discovery
