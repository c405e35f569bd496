#include "cluster/discovery/node_name.h"

#include "cluster/discovery/ordinal.h"

#include <gtest/gtest.h>

namespace lvt::discovery {
namespace {

const Self kSelf{"id-1", "bunny@here", "here", 25672, false};
const Self kLong{"id-1", "bunny@here", "here", 25672, true};

TEST(NodeName, IsMadeOfAHostAsRabbitMqMakesIt) {
    EXPECT_EQ(node_name_of(kSelf, "rabbit@x.y"), "rabbit@x.y");
    EXPECT_EQ(node_name_of(kSelf, "x.y.z"), "bunny@x");
    EXPECT_EQ(node_name_of(kLong, "x.y.z"), "bunny@x.y.z");
    EXPECT_EQ(node_name_of(kSelf, "10.1.2.3"), "bunny@10.1.2.3");
    EXPECT_EQ(node_name_of(kSelf, "fd00::1"), "bunny@fd00::1");
}

TEST(NodeName, HasTwoParts) {
    EXPECT_EQ(name_prefix("rabbit@h"), "rabbit");
    EXPECT_EQ(name_host("rabbit@h"), "h");
    EXPECT_EQ(name_prefix("rabbit"), "rabbit");
    EXPECT_EQ(name_host("rabbit"), "");
}

TEST(HostPort, IsReadInAllItsForms) {
    EXPECT_EQ(parse_host_port("h"), (HostPort{"h", 0}));
    EXPECT_EQ(parse_host_port("h:1"), (HostPort{"h", 1}));
    EXPECT_EQ(parse_host_port("10.0.0.1:65535"), (HostPort{"10.0.0.1", 65535}));
    EXPECT_EQ(parse_host_port("::1"), (HostPort{"::1", 0}));
    EXPECT_EQ(parse_host_port("[::1]"), (HostPort{"::1", 0}));
    EXPECT_EQ(parse_host_port("[::1]:5"), (HostPort{"::1", 5}));
    for (const char* wrong :
         {"",
          ":1",
          "h:",
          "h:0",
          "h:65536",
          "h:1x",
          "a b",
          "a/b",
          "[::1",
          "[x]:1",
          "[::1]5",
          "h:-1"})
        EXPECT_FALSE(parse_host_port(wrong)) << wrong;
}

TEST(HostPort, IsWrittenAsItIsRead) {
    EXPECT_EQ(format_host_port("h", 0), "h");
    EXPECT_EQ(format_host_port("h", 5), "h:5");
    EXPECT_EQ(format_host_port("::1", 5), "[::1]:5");
    EXPECT_EQ(format_host_port("::1", 0), "::1");
}

TEST(CandidateText, HasANameOrAPortOrBoth) {
    EXPECT_EQ(parse_candidate("rabbit@h", kSelf), (Candidate{"", "rabbit@h", "h", 0}));
    EXPECT_EQ(parse_candidate("rabbit@h:7", kSelf), (Candidate{"", "rabbit@h:7", "h", 7}));
    EXPECT_EQ(parse_candidate("h:7", kSelf), (Candidate{"", "bunny@h:7", "h", 7}));
    for (const char* wrong : {"", "h", "@h", "rabbit@", "rabbit@h:x", "rabbit@a b"})
        EXPECT_FALSE(parse_candidate(wrong, kSelf)) << wrong;
}

TEST(Ordinal, IsTheLastNumberBeforeTheFirstDot) {
    EXPECT_EQ(with_ordinal("rabbit@foo-0-bar-1.svc.ns", 0), "rabbit@foo-0-bar-0.svc.ns");
    EXPECT_EQ(with_ordinal("rabbit@foo-12", 3), "rabbit@foo-3");
    EXPECT_EQ(with_ordinal("rabbit@foo-0.a-7.b", 2), "rabbit@foo-2.a-7.b");
    EXPECT_EQ(with_ordinal("rabbit@foo-1-x", 0), "rabbit@foo-0-x");
    EXPECT_EQ(with_ordinal("bunny@hop", 0), "");
    EXPECT_EQ(with_ordinal("foo-1", 0), "");
    EXPECT_EQ(with_ordinal("rabbit@-1", 0), "");
    EXPECT_EQ(with_ordinal("ra-1@foo", 0), "");
}

}  // namespace
}  // namespace lvt::discovery
