// What queues do with limits, times and priorities, in raw methods; every case inline and with three lanes. The exact answers are
// RabbitMQ's: tests/conformance compares them. Here is what needs a clock or a restart.
#include "protocol/amqp/properties.h"
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

class QueueFeatures : public testing::TestWithParam<std::size_t> {
protected:
    static SimOptions options() {
        SimOptions options;
        options.lanes = GetParam();
        return options;
    }
    SimClient& client() {
        SimClient& client = broker.connect();
        client.open_channel(1);
        return client;
    }
    static void declare(SimClient& client, ByteView name, const amqp::Table& arguments) {
        amqp::QueueDeclare method;
        method.queue = Bytes(name);
        method.durable = true;
        method.arguments = arguments;
        client.call<amqp::QueueDeclareOk>(1, method);
    }
    static void publish_expiring(
        SimClient& client, ByteView queue, ByteView body, ByteView expiration) {
        amqp::PropertiesBuilder properties;
        properties.set_text(amqp::property::kExpiration, expiration);
        client.publish_with(1, "", queue, properties.build(), body);
    }
    static amqp::Table dead_letters_to(ByteView queue) {
        amqp::Table table;
        table.add_string("x-dead-letter-exchange", "");
        table.add_string("x-dead-letter-routing-key", queue);
        return table;
    }
    static std::vector<Bytes> drain(SimClient& client, ByteView queue) {
        std::vector<Bytes> out;
        while (auto got = client.get(1, queue)) out.push_back(got->body);
        return out;
    }

    SimBroker broker{options()};
};

INSTANTIATE_TEST_SUITE_P(Lanes, QueueFeatures, testing::Values(0, 3), [](const auto& info) {
    return info.param ? "ThreeLanes" : "Inline";
});

using Bodies = std::vector<Bytes>;

TEST_P(QueueFeatures, MessagesExpireOnTimeAndNotBefore) {
    SimClient& c = client();
    declare(c, "q", amqp::Table().add_int("x-message-ttl", 1000));
    c.publish(1, "", "q", "a");
    broker.run();
    broker.advance(Milliseconds(600));
    c.publish(1, "", "q", "b");
    broker.run();
    broker.advance(Milliseconds(390));
    EXPECT_EQ(broker.queue("q").messages_ready, 2u);
    broker.advance(Milliseconds(10));
    EXPECT_EQ(broker.queue("q").messages_ready, 1u);
    EXPECT_EQ(drain(c, "q"), Bodies{"b"});
}

TEST_P(QueueFeatures, WhatExpiredBehindAnotherIsNotHandedOut) {
    SimClient& c = client();
    declare(c, "q", {});
    publish_expiring(c, "q", "first", "500");
    publish_expiring(c, "q", "second", "100");
    broker.run();
    broker.advance(Milliseconds(200));
    EXPECT_EQ(broker.queue("q").messages_ready, 2u);
    c.consume(1, "q", true);
    EXPECT_EQ(c.take_bodies(), Bodies{"first"});
}

TEST_P(QueueFeatures, WithoutTimeAMessageIsHandedOutOnce) {
    SimClient& c = client();
    declare(c, "q", amqp::Table().add_int("x-message-ttl", 0));
    c.consume(1, "q");
    c.publish(1, "", "q", "m");
    EXPECT_EQ(c.take_bodies(), Bodies{"m"});
    c.nack(1, 1, false, true);
    EXPECT_EQ(c.take_bodies(), Bodies{});
    EXPECT_EQ(broker.queue("q").messages_ready, 0u);
}

TEST_P(QueueFeatures, BlindCopiesStayBlindOverARestartAndCountWhereAMessageDies) {
    SimClient& c = client();
    for (const char* const name : {"dead", "blind"}) c.declare_queue(1, name);
    amqp::Table arguments;
    arguments.add_string("x-dead-letter-exchange", "");
    declare(c, "q", arguments);
    Bytes keys;
    amqp::append_value(keys, {'S', "blind"});
    amqp::Table headers;
    headers.add_value("BCC", {'A', keys});
    amqp::PropertiesBuilder properties;
    properties.set_delivery_mode(amqp::kPersistent).set_headers(headers);
    c.publish_with(1, "", "q", properties.build(), "m");
    EXPECT_EQ(drain(c, "blind"), Bodies{"m"});
    broker.restart();
    SimClient& again = client();
    const auto got = again.get(1, "q", false);
    ASSERT_TRUE(got);
    EXPECT_EQ(amqp::Properties(got->properties).headers(), ByteView());
    again.nack(1, 1, false, false);
    const auto copy = again.get(1, "blind");
    ASSERT_TRUE(copy);
    EXPECT_FALSE(amqp::TableView(*amqp::Properties(copy->properties).headers()).find("BCC"));
}

TEST_P(QueueFeatures, DeathsOfTheOldKindAreCountedTogether) {
    SimClient& c = client();
    c.declare_queue(1, "dead");
    declare(c, "q", dead_letters_to("dead"));
    const auto death = [](ByteView queue) {
        return amqp::Table().add_string("queue", queue).add_string("reason", "rejected");
    };
    Bytes deaths;
    for (const char* const queue : {"q", "other", "q", "q"}) {
        amqp::append_value(deaths, {'F', death(queue).bytes()});
    }
    amqp::Table headers;
    headers.add_value("x-death", {'A', deaths});
    amqp::PropertiesBuilder properties;
    properties.set_headers(headers);
    c.publish_with(1, "", "q", properties.build(), "m");
    ASSERT_TRUE(c.get(1, "q", false));
    c.nack(1, 1, false, false);
    const auto got = c.get(1, "dead");
    ASSERT_TRUE(got);
    const amqp::TableView after(*amqp::Properties(got->properties).headers());
    std::vector<std::pair<Bytes, std::int64_t>> counts;
    amqp::ArrayView(*after.find("x-death")->array()).for_each([&](const amqp::FieldValue& entry) {
        const amqp::TableView table(*entry.table());
        counts.emplace_back(*table.find("queue")->string(), *table.find("count")->integer());
    });
    const std::vector<std::pair<Bytes, std::int64_t>> expected = {{"q", 4}, {"other", 1}};
    EXPECT_EQ(counts, expected);
}

TEST_P(QueueFeatures, TimeGoesOnWhileTheBrokerIsDown) {
    SimClient& c = client();
    declare(c, "q", amqp::Table().add_int("x-message-ttl", 1000));
    c.publish(1, "", "q", "old");
    broker.run();
    broker.advance(Milliseconds(500));
    broker.restart();
    EXPECT_EQ(broker.queue("q").messages_ready, 1u);
    broker.advance(Milliseconds(500));
    EXPECT_EQ(broker.queue("q").messages_ready, 0u);
}

TEST_P(QueueFeatures, DeadLettersSurviveARestart) {
    SimClient& c = client();
    c.declare_queue(1, "dead");
    amqp::Table arguments = dead_letters_to("dead");
    arguments.add_int("x-max-length", 2);
    declare(c, "q", arguments);
    for (const char* const body : {"1", "2", "3", "4"}) c.publish(1, "", "q", body);
    broker.run();
    broker.advance(Milliseconds(300));
    broker.crash();
    SimClient& again = client();
    EXPECT_EQ(drain(again, "dead"), (Bodies{"1", "2"}));
    EXPECT_EQ(drain(again, "q"), (Bodies{"3", "4"}));
}

/// Rule 10: whatever reaches the disk, a message is in one of the two queues at least.
TEST_P(QueueFeatures, ADeadLetterIsNeverLostInACrash) {
    for (std::size_t kept = 0; kept < 4; ++kept) {
        SimBroker sim{options()};
        SimClient& c = sim.connect();
        c.open_channel(1);
        c.declare_queue(1, "dead");
        declare(c, "q", dead_letters_to("dead"));
        c.call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
        c.publish(1, "", "q", "m");
        c.expect<amqp::BasicAck>();
        ASSERT_TRUE(c.get(1, "q", false));
        sim.set_auto_sync(false);
        c.nack(1, 1, false, false);
        sim.run();
        sim.advance(Milliseconds(300));
        sim.set_auto_sync(true);
        sim.crash(kept);
        SimClient& again = sim.connect();
        again.open_channel(1);
        EXPECT_GE(drain(again, "q").size() + drain(again, "dead").size(), 1u) << kept;
    }
}

TEST_P(QueueFeatures, PrioritiesSurviveARestart) {
    SimClient& c = client();
    declare(c, "q", amqp::Table().add_int("x-max-priority", 5));
    const auto publish = [&](ByteView body, std::uint8_t priority) {
        amqp::PropertiesBuilder properties;
        properties.set_delivery_mode(amqp::kPersistent).set_priority(priority);
        c.publish_with(1, "", "q", properties.build(), body);
    };
    publish("low1", 0);
    publish("high1", 5);
    publish("above", 200);
    publish("low2", 0);
    publish("mid", 2);
    broker.run();
    broker.advance(Milliseconds(300));
    broker.restart();
    SimClient& again = client();
    EXPECT_EQ(drain(again, "q"), (Bodies{"high1", "above", "mid", "low1", "low2"}));
}

TEST_P(QueueFeatures, AReturnedMessageGoesBackToItsPlaceInItsPriority) {
    SimClient& c = client();
    declare(c, "q", amqp::Table().add_int("x-max-priority", 2));
    c.publish(1, "", "q", "a");
    c.publish(1, "", "q", "b");
    ASSERT_TRUE(c.get(1, "q", false));
    c.nack(1, 1, false, true);
    EXPECT_EQ(drain(c, "q"), (Bodies{"a", "b"}));
}

TEST_P(QueueFeatures, AnUnusedQueueGoesForGood) {
    SimClient& c = client();
    declare(c, "q", amqp::Table().add_int("x-expires", 1000));
    broker.restart();
    broker.advance(Milliseconds(990));
    SimClient& again = client();
    amqp::QueueDeclare passive;
    passive.queue = "q";
    passive.passive = true;
    again.call<amqp::QueueDeclareOk>(1, passive);
    broker.advance(Milliseconds(990));
    EXPECT_EQ(broker.core().list_queues("/").size(), 1u);
    broker.advance(Milliseconds(10));
    EXPECT_EQ(broker.core().list_queues("/").size(), 0u);
    broker.restart();
    EXPECT_EQ(broker.core().list_queues("/").size(), 0u);
}

TEST_P(QueueFeatures, AConsumerThatHoldsAMessageTooLongLosesItAndKeepsItsChannel) {
    SimClient& c = client();
    declare(c, "q", amqp::Table().add_int("x-consumer-timeout", 1000));
    c.publish(1, "", "q", "m");
    c.consume(1, "q");
    EXPECT_EQ(c.take_bodies(), Bodies{"m"});
    SimClient& other = client();
    other.consume(1, "q", false, "other");
    broker.advance(Milliseconds(990));
    EXPECT_EQ(other.take_bodies(), Bodies{});
    broker.advance(Milliseconds(10));
    Bodies seen = other.take_bodies();
    for (const Bytes& body : c.take_bodies()) seen.push_back(body);
    EXPECT_EQ(seen, Bodies{"m"});
    c.ack(1, 1);
    c.call<amqp::BasicQosOk>(1, amqp::BasicQos{});
}

TEST_P(QueueFeatures, TheDeliveryLimitCountsOverARestart) {
    SimClient& c = client();
    c.declare_queue(1, "dead");
    amqp::Table arguments = dead_letters_to("dead");
    arguments.add_string("x-queue-type", "quorum").add_int("x-delivery-limit", 1);
    declare(c, "q", arguments);
    c.publish(1, "", "q", "m");
    ASSERT_TRUE(c.get(1, "q", false));
    c.nack(1, 1, false, true);
    broker.run();
    broker.advance(Milliseconds(300));
    broker.restart();
    SimClient& again = client();
    ASSERT_TRUE(again.get(1, "q", false));
    again.nack(1, 1, false, true);
    EXPECT_EQ(drain(again, "q"), Bodies{});
    EXPECT_EQ(drain(again, "dead"), Bodies{"m"});
}

TEST_P(QueueFeatures, OnlyTheOldestConsumerOfASingleActiveQueueGetsAnything) {
    SimClient& c = client();
    declare(c, "q", amqp::Table().add_bool("x-single-active-consumer", true));
    c.consume(1, "q", true, "first");
    SimClient& other = client();
    other.consume(1, "q", true, "second");
    for (const char* const body : {"1", "2"}) c.publish(1, "", "q", body);
    EXPECT_EQ(c.take_bodies(), (Bodies{"1", "2"}));
    EXPECT_EQ(other.take_bodies(), Bodies{});
    c.drop();
    broker.run();
    SimClient& publisher = client();
    publisher.publish(1, "", "q", "3");
    EXPECT_EQ(other.take_bodies(), Bodies{"3"});
}

}  // namespace
}  // namespace lvt::broker
