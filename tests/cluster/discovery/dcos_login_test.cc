#include "cluster/discovery/dcos_login.h"

#include <gtest/gtest.h>

namespace lvt::discovery {
namespace {

TEST(DcosAccount, SaysWhatItLacks) {
    const auto fault = [](const char* text) { return parse_dcos_account(text).error().message; };
    EXPECT_EQ(fault("no json"), "expected a JSON object");
    EXPECT_EQ(fault(R"({"uid":"a"})"), "it has no private_key");
    EXPECT_EQ(
        fault(R"({"uid":"a","private_key":"x","login_endpoint":"u"})"),
        "private_key is no RSA key in PEM");
    EXPECT_EQ(
        fault(R"({"uid":"a","private_key":"x","login_endpoint":"u","scheme":"HS256"})"),
        "scheme: expected RS256, got 'HS256'");
}

}  // namespace
}  // namespace lvt::discovery
