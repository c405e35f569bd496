#include "broker/management/node_facts.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

TEST(NodeFacts, ComeBackAsTheyWereTold) {
    ToldFacts facts;
    facts.listeners = {{"amqp", "127.0.0.1", 5672}, {"clustering", "::", 25672}};
    facts.pid = 42;
    facts.uptime_ms = 1;
    facts.memory_bytes = 2;
    facts.memory_limit_bytes = 3;
    facts.disk_free_bytes = 4;
    facts.disk_free_limit_bytes = 5;
    facts.files_open = 6;
    facts.files_max = 7;
    facts.processors = 8;
    facts.disk_alarm = true;
    facts.product = "RabbitMQ";
    facts.version = "3.13.0";
    const auto back = decode_node_facts(encode_node_facts(facts));
    ASSERT_TRUE(back.has_value());
    ASSERT_EQ(back->listeners.size(), 2u);
    EXPECT_EQ(back->listeners[1].protocol, "clustering");
    EXPECT_EQ(back->listeners[1].port, 25672);
    EXPECT_EQ(encode_node_facts(*back), encode_node_facts(facts));
    EXPECT_TRUE(back->disk_alarm);
    EXPECT_FALSE(back->memory_alarm);
}

TEST(NodeFacts, WhatANodeOfAnotherVersionSaysIsPassedOver) {
    EXPECT_FALSE(decode_node_facts("").has_value());
    EXPECT_FALSE(decode_node_facts("[]").has_value());
    const auto odd = decode_node_facts(
        R"({"listeners": [1, {"port": "x"}], "pid": "much", "new": {}, "mem_used": -1})");
    ASSERT_TRUE(odd.has_value());
    EXPECT_EQ(odd->pid, 0);
    EXPECT_EQ(odd->memory_bytes, 0u);
    EXPECT_EQ(odd->listeners.size(), 1u);
}

}  // namespace
}  // namespace lvt::broker
