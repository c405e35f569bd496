#include "broker/config/conf_file.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

/// "KEY=VALUE" of one line, or "error".
std::string parsed(std::string_view text) {
    const Result<std::vector<ConfLine>> lines = parse_conf(text, "f");
    if (lines.has_error()) return "error";
    std::string out;
    for (const ConfLine& line : *lines) out += line.key + "=" + line.value + ";";
    return out;
}

// The cases were put to cuttlefish 3.0.1 (RabbitMQ 3.10.8) as well; single quotes are of later releases.
TEST(ConfFile, TakesWhatRabbitMqTakes) {
    EXPECT_EQ(parsed("a = 1"), "a=1;");
    EXPECT_EQ(parsed("b=2\n"), "b=2;");
    EXPECT_EQ(parsed("  k\t=\tindented  \n"), "k=indented;");
    EXPECT_EQ(parsed("d = value with spaces   # comment\n"), "d=value with spaces;");
    EXPECT_EQ(parsed("a = b#x"), "a=b;");
    EXPECT_EQ(parsed("g.h.1 = a\"b"), "g.h.1=a\"b;");
    EXPECT_EQ(parsed("c = \"quoted value\""), "c=\"quoted value\";");
    EXPECT_EQ(parsed("l = \"a#b\""), "l=\"a;");
    EXPECT_EQ(parsed("h = a\\#b"), "h=a\\;");
    EXPECT_EQ(parsed("i = $(env)"), "i=$(env);");
    EXPECT_EQ(parsed("j = a=b"), "j=a=b;");
    EXPECT_EQ(parsed("n = crlf\r\n"), "n=crlf;");
    EXPECT_EQ(parsed("A_b-c = 1"), "A_b-c=1;");
    EXPECT_EQ(parsed("m\\.n = 1"), "m\\.n=1;");
    EXPECT_EQ(parsed("# only\n\n   \n#\n"), "");
    EXPECT_EQ(parsed(""), "");
}

TEST(ConfFile, RefusesWhatRabbitMqRefuses) {
    for (const char* text :
         {"a",
          "a =",
          "= b",
          "a b = c",
          "a..b = 1",
          "a.* = 1",
          "a = #x",
          ".a = 1",
          "a. = 1",
          "\xc3\xbc = 1",
          "include x.conf"})
        EXPECT_EQ(parsed(text), "error") << text;
}

TEST(ConfFile, SingleQuotesKeepEverything) {
    EXPECT_EQ(parsed("p = 'a#b c'"), "p=a#b c;");
    EXPECT_EQ(parsed("p = 'a' # comment"), "p=a;");
    EXPECT_EQ(parsed("p = 'open"), "p='open;");
    EXPECT_EQ(parsed("p = 'a' b"), "p='a' b;");
}

TEST(ConfFile, CountsLines) {
    const auto lines = parse_conf("\n# c\na = 1\r\n\nb = 2", "f");
    ASSERT_TRUE(lines.has_value());
    ASSERT_EQ(lines->size(), 2u);
    EXPECT_EQ((*lines)[0].line, 3u);
    EXPECT_EQ((*lines)[1].line, 5u);
}

TEST(ConfFile, SkipsAByteOrderMark) {
    EXPECT_EQ(
        parsed("\xef\xbb\xbf"
               "a = 1"),
        "a=1;");
}

TEST(ConfFile, RefusesAHugeFile) {
    EXPECT_EQ(parsed(std::string(kConfBytesMax + 1, '\n')), "error");
}

TEST(ConfFile, NamesFileAndLine) {
    EXPECT_EQ(
        parse_conf("a = 1\nnope\n", "x.conf").error().message,
        "x.conf:2: expected 'key = value', got 'nope'");
}

TEST(ConfFile, SplitsKeysAtDots) {
    EXPECT_EQ(split_key("a.b.c"), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(split_key("a.b\\.c"), (std::vector<std::string>{"a", "b.c"}));
}

}  // namespace
}  // namespace lvt::broker
