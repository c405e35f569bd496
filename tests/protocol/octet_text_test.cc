#include "protocol/amqp/octet_text.h"

#include <gtest/gtest.h>

namespace lvt::amqp {
namespace {

TEST(OctetText, NumbersAreErlangs) {
    EXPECT_EQ(octet_numbers(""), "<<>>");
    EXPECT_EQ(octet_numbers(ByteView("\0\xff\x0a", 3)), "<<0,255,10>>");
    EXPECT_EQ(octet_numbers("ab"), "<<97,98>>");
}

TEST(OctetText, PrintableOctetsAreText) {
    EXPECT_EQ(octet_text(""), "<<>>");
    EXPECT_EQ(octet_text("GET /"), "<<\"GET /\">>");
    EXPECT_EQ(octet_text("a\"\\"), "<<\"a\\\"\\\\\">>");
    EXPECT_EQ(octet_text("ab\x01"), "<<97,98,1>>");
}

TEST(OctetText, ShowsABeginningOfWhatIsLong) {
    const Bytes text = octet_numbers(Bytes(100, '\1'));
    EXPECT_TRUE(text.ends_with(",1,...>>"));
    EXPECT_LT(text.size(), 255u);
}

}  // namespace
}  // namespace lvt::amqp
