#include "protocol/base/utf8.h"

#include <gtest/gtest.h>

namespace lvt {
namespace {

TEST(Utf8, AcceptsWhatIsWellFormed) {
    for (const char* const text :
         {"",
          "a",
          "\x7f",
          "\xc3\xbc",
          "\xe2\x82\xac",
          "\xf0\x9f\x98\x80",
          "a\xc3\xbcz",
          "\xed\xa0\x80",
          "\xf4\x90\x80\x80"}) {
        EXPECT_TRUE(is_utf8(text)) << text;
    }
    EXPECT_TRUE(is_utf8(ByteView("a\0b", 3)));
}

TEST(Utf8, RejectsWhatIsNot) {
    for (const char* const text :
         {"\xff\xfe",
          "\x80",
          "\xc3",
          "\xc3z",
          "\xe2\x82",
          "\xf0\x9f\x98",
          "\xc0\x80",
          "\xc1\xbf",
          "\xe0\x9f\xbf",
          "\xf0\x8f\xbf\xbf",
          "a\xfez"}) {
        EXPECT_FALSE(is_utf8(text)) << text;
    }
}

}  // namespace
}  // namespace lvt
