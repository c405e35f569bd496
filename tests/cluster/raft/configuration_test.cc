#include "cluster/raft/configuration.h"

#include <gtest/gtest.h>

namespace lvt::cluster {
namespace {

const Configuration kThree(
    {{NodeId{7}, Role::voter}, {NodeId{~0ull}, Role::standby}, {NodeId{12}, Role::voter}});

TEST(RaftConfiguration, IsAsItWasAfterEncoding) {
    const Result<Configuration> again = Configuration::decode(kThree.encode());
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(*again, kThree);
    EXPECT_EQ(again->voters(), 2u);
}

TEST(RaftConfiguration, HasTheEnginesOctets) {
    const Bytes bytes = Configuration({{NodeId{300}, Role::voter}}).encode();
    EXPECT_EQ(
        bytes,
        Bytes(
            "\x01\x01\0\0\0\0\0\0\0\x2c\x01\0\0\0\0\0\0"
            "300\0\x01\0\0",
            24));
}

TEST(RaftConfiguration, RefusesEveryTruncationAndEveryFlippedOctet) {
    const Bytes good = kThree.encode();
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_TRUE(Configuration::decode(good.substr(0, size)).has_error()) << size;
    for (std::size_t i = 0; i < good.size(); ++i) {
        Bytes bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 2);
        const Result<Configuration> decoded = Configuration::decode(bad);
        EXPECT_TRUE(decoded.has_error() || *decoded != kThree) << i;
    }
}

TEST(RaftConfiguration, RefusesWhatNobodyCouldLead) {
    EXPECT_TRUE(
        Configuration::decode(Configuration({{NodeId{7}, Role::standby}}).encode()).has_error());
    const Configuration twice({{NodeId{7}, Role::voter}, {NodeId{7}, Role::voter}});
    EXPECT_TRUE(Configuration::decode(twice.encode()).has_error());
}

TEST(RaftConfiguration, KeepsTheOrderOfItsMembersWhenItChanges) {
    const Configuration grown = kThree.with(NodeId{1});
    EXPECT_EQ(grown.members().back(), (Member{NodeId{1}, Role::standby}));
    EXPECT_EQ(grown.with_role(NodeId{12}, Role::standby).members()[2].role, Role::standby);
    EXPECT_EQ(kThree.without(NodeId{7}).members()[0].id, NodeId{~0ull});
    EXPECT_FALSE(kThree.without(NodeId{7}).role_of(NodeId{7}));
}

}  // namespace
}  // namespace lvt::cluster
