#include "broker/core/policy.h"

#include "broker/core/topology.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

PutPolicy policy(Bytes name, Bytes pattern, std::int32_t priority, amqp::Table definition) {
    return {
        "/", std::move(name), false, std::move(pattern), "all", priority, std::move(definition)};
}

amqp::Table length(std::int64_t value) { return amqp::Table().add_long("max-length", value); }

class PolicyTest : public ::testing::Test {
protected:
    PolicyTest() { EXPECT_TRUE(topology_.apply(PutVhost{"/"}).has_value()); }
    void apply(const MetadataCommand& command) {
        EXPECT_TRUE(topology_.apply(command).has_value());
    }
    void put_queue(Bytes name, amqp::Table arguments = {}) {
        apply(PutQueue{"/", name, topology_.next_queue_uid(), true, false, false, arguments});
    }
    const Queue& queue(ByteView name) { return *topology_.find_vhost("/")->find_queue(name); }

    Topology topology_;
};

TEST_F(PolicyTest, MatchesAnywhereInTheNameAndTakesTheHighestPriority) {
    put_queue("my-orders-1");
    apply(policy("low", "orders", 1, length(1)));
    EXPECT_EQ(queue("my-orders-1").policy_name, "low");
    apply(policy("high", "^my", 2, length(2)));
    EXPECT_EQ(queue("my-orders-1").policy_name, "high");
    apply(DeletePolicy{"/", "high", false});
    EXPECT_EQ(queue("my-orders-1").policy_name, "low");
    EXPECT_EQ(queue("my-orders-1").policy.find("max-length")->integer(), 1);
}

TEST_F(PolicyTest, AppliesToWhatItSays) {
    PutPolicy exchanges = policy("e", ".*", 0, amqp::Table().add_string("alternate-exchange", "x"));
    exchanges.apply_to = "exchanges";
    apply(exchanges);
    put_queue("q");
    apply(PutExchange{"/", "x", "fanout", true, false, false, {}});
    EXPECT_EQ(queue("q").policy_name, "");
    EXPECT_EQ(topology_.find_vhost("/")->find_exchange("x")->policy_name, "e");
    EXPECT_EQ(topology_.find_vhost("/")->find_exchange("amq.topic")->policy_name, "e");
}

TEST_F(PolicyTest, LeavesQueuesAloneThatHaveNoUseForOneOfItsKeys) {
    put_queue("classic");
    put_queue("quorum", amqp::Table().add_string("x-queue-type", "quorum"));
    apply(policy("p", "", 0, amqp::Table().add_long("delivery-limit", 3)));
    EXPECT_EQ(queue("classic").policy_name, "");
    EXPECT_EQ(queue("quorum").policy_name, "p");
}

TEST_F(PolicyTest, OperatorPolicyIsLaidOver) {
    apply(policy("p", "", 0, length(100).add_string("overflow", "reject-publish")));
    PutPolicy operators = policy("o", "", 0, length(10).add_long("message-ttl", 5));
    operators.of_operator = true;
    apply(operators);
    put_queue("q");
    EXPECT_EQ(queue("q").operator_policy_name, "o");
    EXPECT_EQ(queue("q").policy.find("max-length")->integer(), 10);
    EXPECT_EQ(queue("q").policy.find("message-ttl")->integer(), 5);
    EXPECT_EQ(queue("q").policy.find("overflow")->string(), "reject-publish");
    EXPECT_EQ(queue("q").settings.max_length, 10u);
}

TEST_F(PolicyTest, DurableCommandsMakeItAgain) {
    apply(policy("p", "", 7, length(100)));
    apply(PutUser{"u", "", {}});
    apply(PutTopicPermissions{"u", "/", "amq.topic", "^a", "^{username}$"});
    apply(PutLimits{true, "u", amqp::Table().add_long("max-channels", 3)});
    apply(PutLimits{false, "/", amqp::Table().add_long("max-queues", 2)});
    apply(DescribeVhost{"/", "d", {"t"}, "quorum"});
    put_queue("q");
    Topology again;
    for (const MetadataCommand& command : topology_.durable_commands()) {
        const auto decoded = decode_metadata(encode_metadata(command));
        ASSERT_TRUE(decoded.has_value());
        ASSERT_TRUE(again.apply(*decoded).has_value());
    }
    EXPECT_EQ(again.find_vhost("/")->find_queue("q")->policy_name, "p");
    EXPECT_EQ(find_limit(again.find_user("u")->limits, "max-channels"), 3u);
    EXPECT_EQ(find_limit(again.definitions("/").limits, "max-queues"), 2u);
    EXPECT_EQ(again.definitions("/").description, "d");
    const TopicPermissions& topic = again.find_user("u")->topic_permissions.at("/").at("amq.topic");
    EXPECT_TRUE(topic.read.matches("u"));
    EXPECT_FALSE(topic.read.matches("v"));
}

Bytes fault(amqp::Table definition, bool of_operator = false) {
    PutPolicy command = policy("p", "^a", 0, std::move(definition));
    command.of_operator = of_operator;
    return fault_in_policy(command);
}

TEST(PolicyFaults, SpeakAsRabbitMq) {
    EXPECT_EQ(fault(length(5)), "");
    EXPECT_EQ(fault({}), "no policy provided");
    EXPECT_EQ(fault(length(-5)), "-5 is not a valid maximum length");
    EXPECT_EQ(
        fault(amqp::Table().add_string("max-length", "5")),
        "<<\"5\">> is not a valid maximum length");
    EXPECT_EQ(fault(amqp::Table().add_long("expires", 0)), "0 is not a valid queue expiry");
    EXPECT_EQ(
        fault(amqp::Table().add_string("overflow", "foo")),
        "<<\"foo\">> is not a valid overflow value");
    EXPECT_EQ(
        fault(amqp::Table().add_long("a", 1).add_long("b", 2)),
        "[{<<\"a\">>,1},{<<\"b\">>,2}] are not recognised policy settings");
    EXPECT_EQ(
        fault(amqp::Table().add_string("dead-letter-exchange", "x"), true),
        "[{<<\"dead-letter-exchange\">>,<<\"x\">>}] are not recognised policy settings");
}

TEST(LimitFaults, SpeakAsRabbitMq) {
    const auto with = [](const char* key, std::int64_t value) {
        return amqp::Table().add_long(key, value);
    };
    EXPECT_EQ(fault_in_limits({false, "/", with("max-queues", -1)}), "");
    EXPECT_EQ(
        fault_in_limits({false, "/", with("max-foo", 2)}),
        "Unrecognised terms [{<<\"max-foo\">>,2}] in limits");
    EXPECT_EQ(
        fault_in_limits({true, "u", with("max-queues", 2)}),
        "Unrecognised terms [{<<\"max-queues\">>,2}] in user-limits");
}

}  // namespace
}  // namespace lvt::broker
