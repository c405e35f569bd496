#include "broker/auth/regex.h"

#include "broker/auth/permissions.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

bool found(ByteView pattern, ByteView subject) {
    const auto regex = Regex::parse(pattern);
    EXPECT_TRUE(regex.has_value()) << pattern;
    return regex.has_value() && regex->find_in(subject) == true;
}

TEST(Regex, FindsAPartUnlessAnchored) {
    EXPECT_TRUE(found("b", "abc"));
    EXPECT_FALSE(found("^b", "abc"));
    EXPECT_TRUE(found("^(amq\\.gen.*|amq\\.default)$", "amq.gen-1"));
    EXPECT_TRUE(found("", ""));
}

TEST(Regex, SpeaksPerlsDialect) {
    EXPECT_TRUE(found("^(?!amq\\.).*", "queue"));
    EXPECT_FALSE(found("^(?!amq\\.).*", "amq.direct"));
    EXPECT_TRUE(found("(?<=a)b", "ab"));
    EXPECT_TRUE(found("(?i)QUEUE", "queue"));
    EXPECT_TRUE(found("^\\Qa.b\\E$", "a.b"));
    EXPECT_TRUE(found("^\\x{ff}$", "\xff"));
}

TEST(Regex, SaysWhatIsWrong) {
    EXPECT_EQ(Regex::parse("a(b").error().message, "missing closing parenthesis at 3");
    EXPECT_EQ(
        Regex::parse("a[b").error().message, "missing terminating ] for character class at 3");
    EXPECT_TRUE(Regex::parse(Bytes(Regex::kPatternBytesMax + 1, 'a')).has_error());
    EXPECT_TRUE(Regex::parse(Bytes(1000, '(') + Bytes(1000, ')')).has_error());
}

TEST(Regex, GivesUpWhatTakesTooLong) {
    const Bytes subject(200, 'a');
    for (const char* const pattern : {"^(a+)+$", "^(a|aa)+$", "^(.*a){20}$"}) {
        const auto regex = Regex::parse(pattern);
        ASSERT_TRUE(regex.has_value());
        EXPECT_EQ(regex->find_in(subject + "b"), std::nullopt) << pattern;
    }
    const auto loop = Regex::parse("^(?:.|\\n)*$");
    EXPECT_NE(loop->find_in(Bytes(1'000'000, 'a')), false);
}

TEST(PermissionPattern, WhatTakesTooLongIsNotAllowed) {
    const auto pattern = PermissionPattern::parse("^(a+)+$");
    ASSERT_TRUE(pattern.has_value());
    EXPECT_TRUE(pattern->matches("aaa"));
    EXPECT_FALSE(pattern->matches(Bytes(200, 'a') + "b"));
}

TEST(PermissionPattern, TheEmptyOneMatchesOnlyTheEmptyName) {
    EXPECT_TRUE(PermissionPattern::parse("")->matches(""));
    EXPECT_FALSE(PermissionPattern::parse("")->matches("a"));
    EXPECT_TRUE(PermissionPattern::parse(".*")->matches("a\nb"));
}

}  // namespace
}  // namespace lvt::broker
