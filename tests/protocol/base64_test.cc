#include "protocol/base/base64.h"

#include <gtest/gtest.h>

namespace lvt {
namespace {

TEST(Base64, KnowsTheVectorsOfTheStandard) {
    const std::pair<ByteView, ByteView> vectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"}};
    for (const auto& [octets, text] : vectors) {
        EXPECT_EQ(base64_encoded(octets), text);
        EXPECT_EQ(base64_decoded(text), octets);
    }
}

TEST(Base64, EveryOctetComesBack) {
    Bytes all;
    for (int octet = 0; octet < 256; ++octet) {
        all += static_cast<char>(octet);
        EXPECT_EQ(base64_decoded(base64_encoded(all)), all);
    }
}

TEST(Base64, HasAFormForUrls) {
    EXPECT_EQ(base64url_encoded("\xfb\xff\xfe"), "-__-");
    EXPECT_EQ(base64url_encoded("f"), "Zg");
    EXPECT_EQ(base64url_encoded(""), "");
}

TEST(Base64, BlanksAtTheEndDoNotMatter) { EXPECT_EQ(base64_decoded("YQ==\n"), "a"); }

TEST(Base64, OtherTextIsRefused) {
    for (const ByteView text :
         {"!", "!!!!", "Zg", "Zg=", "Z===", "Zg==Zg==", "Z g=", "=Zg=", "Zm9*", "===="})
        EXPECT_FALSE(base64_decoded(text)) << text;
}

}  // namespace
}  // namespace lvt
