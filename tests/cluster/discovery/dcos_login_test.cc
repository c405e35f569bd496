#include "cluster/discovery/dcos_login.h"

#include "cluster/discovery/base64.h"

#include <gtest/gtest.h>

namespace lvt::discovery {
namespace {

TEST(Base64, GoesBothWays) {
    const std::pair<const char*, const char*> pairs[] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, coded] : pairs) {
        EXPECT_EQ(to_base64(plain), coded);
        EXPECT_EQ(from_base64(coded), plain);
    }
    EXPECT_EQ(to_base64url("\xfb\xff\xfe"), "-__-");
    EXPECT_EQ(to_base64url("f"), "Zg");
    for (const char* wrong : {"Z", "Zg=", "Zg==Zg==", "Z===", "Zm9*", "=Zg="})
        EXPECT_FALSE(from_base64(wrong)) << wrong;
}

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
