// What is counted, exactly: message_stats of queues, exchanges, channels and virtual hosts, and the rates made of them. Every case inline and
// with three lanes.
#include "broker/core/session_state.h"
#include "broker/core/topology.h"
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

#include <map>

namespace lvt::broker {
namespace {

/// Only what is not zero.
using Numbers = std::map<std::string, std::uint64_t>;

Numbers numbers(const StatsReading& reading) {
    Numbers out;
    for (std::size_t i = 0; i < reading.names.size(); ++i)
        if (reading.values[i]) out[std::string(reading.names[i])] = reading.values[i];
    return out;
}

class Statistics : public testing::TestWithParam<std::size_t> {
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
    SimClient& client_with_queue(const amqp::Table& arguments = {}) {
        SimClient& c = client();
        declare(c, "q", arguments);
        return c;
    }
    static void declare(SimClient& client, ByteView name, const amqp::Table& arguments) {
        amqp::QueueDeclare method;
        method.queue = Bytes(name);
        method.durable = true;
        method.arguments = arguments;
        client.call<amqp::QueueDeclareOk>(1, method);
    }
    const VirtualHost& vhost() { return *broker.core().topology().find_vhost("/"); }
    Numbers of_queue(ByteView name = "q") {
        broker.run();
        return numbers(stats_of(*vhost().find_queue(name)).messages);
    }
    Numbers of_exchange(ByteView name) {
        broker.run();
        return numbers(stats_of(vhost(), name.empty() ? nullptr : vhost().find_exchange(name)));
    }
    Numbers of_vhost() {
        broker.run();
        return numbers(stats_of(vhost()).messages);
    }
    Numbers of_broker() {
        broker.run();
        return numbers(broker.core().stats().messages);
    }
    /// The one channel that there is.
    const ChannelState& channel() {
        broker.run();
        for (const auto& lane : broker.core().sessions())
            for (const auto& session : lane)
                if (session && !session->channels.empty())
                    return *session->channels.begin()->second;
        throw std::runtime_error("no channel");
    }
    Numbers of_channel() { return numbers(stats_of(channel())); }
    double rate(const StatsReading& reading, std::string_view name) {
        for (std::size_t i = 0; i < reading.names.size(); ++i)
            if (reading.names[i] == name) return reading.rate(i, broker.clock().now().monotonic);
        throw std::runtime_error("no such number");
    }

    SimBroker broker{options()};
};

INSTANTIATE_TEST_SUITE_P(Lanes, Statistics, testing::Values(0, 3), [](const auto& info) {
    return info.param ? "ThreeLanes" : "Inline";
});

TEST_P(Statistics, PublishesCountAtOnce) {
    SimClient& c = client_with_queue();
    for (int i = 0; i < 3; ++i) c.publish(1, "", "q", "x");
    EXPECT_EQ(of_queue(), (Numbers{{"publish", 3}}));
    EXPECT_EQ(of_exchange(""), (Numbers{{"publish_in", 3}, {"publish_out", 3}}));
    EXPECT_EQ(of_channel(), (Numbers{{"publish", 3}}));
    EXPECT_EQ(of_vhost(), (Numbers{{"publish", 3}}));
    const VhostReading reading = stats_of(vhost());
    EXPECT_EQ(numbers(reading.lengths), (Numbers{{"messages", 3}, {"messages_ready", 3}}));
}

TEST_P(Statistics, ExchangesCountEachQueueOut) {
    SimClient& c = client_with_queue();
    declare(c, "r", {});
    for (const char* const queue : {"q", "r"}) {
        amqp::QueueBind bind;
        bind.queue = queue;
        bind.exchange = "amq.fanout";
        c.call<amqp::QueueBindOk>(1, bind);
    }
    c.publish(1, "amq.fanout", "", "x");
    c.publish(1, "amq.fanout", "", "y");
    EXPECT_EQ(of_exchange("amq.fanout"), (Numbers{{"publish_in", 2}, {"publish_out", 4}}));
    EXPECT_EQ(of_queue("r"), (Numbers{{"publish", 2}}));
    EXPECT_EQ(vhost().stats.routed, 4u);
}

TEST_P(Statistics, UnroutableIsReturnedOrDropped) {
    SimClient& c = client();
    c.publish(1, "", "nowhere", "x", true, true);
    c.publish(1, "", "nowhere", "x", true, false);
    c.publish(1, "", "nowhere", "x", true, false);
    const Numbers expected{{"publish", 3}, {"return_unroutable", 1}, {"drop_unroutable", 2}};
    EXPECT_EQ(of_channel(), expected);
    EXPECT_EQ(of_vhost(), expected);
    EXPECT_EQ(of_exchange(""), (Numbers{{"publish_in", 3}}));
}

TEST_P(Statistics, ConfirmsCountWhenTheyAreSent) {
    SimClient& c = client_with_queue();
    c.call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
    broker.set_auto_sync(false);
    for (int i = 0; i < 4; ++i) c.publish(1, "", "q", "x");
    EXPECT_EQ(of_channel(), (Numbers{{"publish", 4}}));
    broker.set_auto_sync(true);
    broker.sync();
    EXPECT_EQ(of_channel(), (Numbers{{"publish", 4}, {"confirm", 4}}));
    EXPECT_EQ(of_broker(), (Numbers{{"publish", 4}, {"confirm", 4}, {"disk_writes", 4}}));
    EXPECT_EQ(vhost().stats.received_confirm, 4u);
}

TEST_P(Statistics, RefusedPublishesAreNeitherConfirmedNorInTheQueue) {
    SimClient& c = client_with_queue(
        amqp::Table().add_int("x-max-length", 1).add_string("x-overflow", "reject-publish"));
    c.call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
    c.publish(1, "", "q", "x");
    c.publish(1, "", "q", "y");
    EXPECT_EQ(of_channel(), (Numbers{{"publish", 2}, {"confirm", 1}}));
    EXPECT_EQ(of_queue(), (Numbers{{"publish", 1}}));
}

TEST_P(Statistics, ConsumersWithAndWithoutAck) {
    SimClient& c = client_with_queue();
    for (int i = 0; i < 3; ++i) c.publish(1, "", "q", "x");
    c.consume(1, "q");
    broker.run();
    c.ack(1, 2, true);
    const Numbers expected{{"publish", 3}, {"deliver", 3}, {"deliver_get", 3}, {"ack", 2}};
    EXPECT_EQ(of_queue(), expected);
    EXPECT_EQ(of_channel(), expected);
    EXPECT_EQ(of_vhost(), expected);
    EXPECT_EQ(
        numbers(stats_of(vhost()).lengths),
        (Numbers{{"messages", 1}, {"messages_unacknowledged", 1}}));
    c.take_all();
    declare(c, "r", {});
    c.consume(1, "r", true, "auto");
    c.publish(1, "", "r", "x");
    EXPECT_EQ(of_queue("r"), (Numbers{{"publish", 1}, {"deliver_no_ack", 1}, {"deliver_get", 1}}));
}

TEST_P(Statistics, Gets) {
    SimClient& c = client_with_queue();
    c.publish(1, "", "q", "x");
    c.publish(1, "", "q", "y");
    EXPECT_TRUE(c.get(1, "q", true));
    EXPECT_TRUE(c.get(1, "q", false));
    EXPECT_FALSE(c.get(1, "q", true));
    EXPECT_FALSE(c.get(1, "q", true));
    const Numbers expected{
        {"publish", 2}, {"get", 1}, {"get_no_ack", 1}, {"deliver_get", 2}, {"get_empty", 2}};
    EXPECT_EQ(of_queue(), expected);
    EXPECT_EQ(of_channel(), expected);
    EXPECT_EQ(of_vhost(), expected);
}

TEST_P(Statistics, WhatComesBackIsRedeliveredAndNotAcked) {
    SimClient& c = client_with_queue();
    c.publish(1, "", "q", "x");
    EXPECT_TRUE(c.get(1, "q", false));
    c.nack(1, 1, false, true);
    EXPECT_TRUE(c.get(1, "q", false));
    c.nack(1, 2, false, false);
    EXPECT_EQ(
        of_queue(), (Numbers{{"publish", 1}, {"get", 2}, {"deliver_get", 2}, {"redeliver", 1}}));
    EXPECT_FALSE(stats_of(*vhost().find_queue("q")).lengths.any());
}

TEST_P(Statistics, OctetsInHandFollowEveryWayBack) {
    SimClient& c = client_with_queue();
    const auto in_hand = [&] {
        c.take_all();
        return vhost().find_queue("q")->unacked_body_bytes;
    };
    for (const std::size_t size : {1, 20, 300, 4'000, 50'000})
        c.publish(1, "", "q", Bytes(size, 'x'));
    c.consume(1, "q");
    EXPECT_EQ(in_hand(), 54'321u);
    c.ack(1, 1);
    EXPECT_EQ(in_hand(), 54'320u);
    c.nack(1, 2, false, false);
    EXPECT_EQ(in_hand(), 54'300u);
    c.nack(1, 3, false, true);  // and once more to the consumer
    EXPECT_EQ(in_hand(), 54'300u);
    c.call<amqp::ChannelCloseOk>(1, amqp::ChannelClose{});
    EXPECT_EQ(in_hand(), 0u);
    c.open_channel(1);
    EXPECT_TRUE(c.get(1, "q", false));
    EXPECT_EQ(in_hand(), 300u);
    EXPECT_TRUE(c.get(1, "q", true));
    EXPECT_EQ(in_hand(), 300u);
    amqp::BasicRecover recover;
    recover.requeue = true;
    c.call<amqp::BasicRecoverOk>(1, recover);
    EXPECT_EQ(in_hand(), 0u);
    c.consume(1, "q");
    EXPECT_EQ(in_hand(), 50'300u);
    c.drop();
    EXPECT_EQ(in_hand(), 0u);
}

TEST_P(Statistics, ChannelsThatCloseLeaveTheirCounts) {
    SimClient& c = client_with_queue();
    c.publish(1, "", "q", "x");
    c.consume(1, "q");
    broker.run();
    c.drop();
    broker.run();
    EXPECT_EQ(of_vhost(), (Numbers{{"publish", 1}, {"deliver", 1}, {"deliver_get", 1}}));
    const VhostReading reading = stats_of(vhost());
    EXPECT_EQ(numbers(reading.lengths), (Numbers{{"messages", 1}, {"messages_ready", 1}}));
    EXPECT_GT(reading.octets.value("recv_oct"), 100u);
    EXPECT_GT(reading.octets.value("send_oct"), 100u);
}

TEST_P(Statistics, DeliveriesAreWhatClientsSee) {
    SimClient& c = client_with_queue();
    const Bytes large(100'000, 'x');
    for (int i = 0; i < 8; ++i) c.publish(1, "", "q", large);
    broker.run();
    amqp::BasicQos qos;
    qos.prefetch_count = 100;
    c.call<amqp::BasicQosOk>(1, qos);
    c.consume(1, "q");
    broker.run();
    // The client reads all that is sent: after a cancel the counts are what it has seen.
    const std::size_t seen = c.take_bodies().size();
    EXPECT_EQ(of_queue()["deliver"], seen);
}

TEST_P(Statistics, TransactionsCountAtTheCommit) {
    SimClient& c = client_with_queue();
    c.call<amqp::TxSelectOk>(1, amqp::TxSelect{});
    c.publish(1, "", "q", "x");
    c.publish(1, "amq.fanout", "", "x");
    EXPECT_EQ(of_channel(), Numbers{});
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    EXPECT_EQ(of_queue(), (Numbers{{"publish", 1}}));
    EXPECT_EQ(of_channel(), (Numbers{{"publish", 2}, {"drop_unroutable", 1}}));
    EXPECT_EQ(of_exchange("amq.fanout"), (Numbers{{"publish_in", 1}}));
    EXPECT_TRUE(c.get(1, "q", false));
    c.ack(1, 1);
    EXPECT_EQ(of_queue()["ack"], 0u);
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    EXPECT_EQ(of_queue()["ack"], 1u);
}

TEST_P(Statistics, DeadLettersAreNobodysPublishes) {
    SimClient& c = client();
    declare(c, "dead", {});
    declare(
        c,
        "q",
        amqp::Table()
            .add_string("x-dead-letter-exchange", "")
            .add_string("x-dead-letter-routing-key", "dead"));
    c.publish(1, "", "q", "x");
    EXPECT_TRUE(c.get(1, "q", false));
    c.nack(1, 1, false, false);
    EXPECT_EQ(of_queue("dead"), Numbers{});
    EXPECT_EQ(stats_of(*vhost().find_queue("dead")).lengths.value("messages"), 1u);
    const auto rejected = static_cast<std::size_t>(DeathReason::rejected);
    EXPECT_EQ(broker.core().counters().dead_lettered[rejected][0][1], 1u);
    EXPECT_EQ(broker.core().counters().dead_lettered[rejected][0][0], 0u);
}

TEST_P(Statistics, RecoveredAndPurgedMessagesKeepTheTotalsRight) {
    SimClient& c = client_with_queue();
    for (int i = 0; i < 5; ++i) c.publish(1, "", "q", "x");
    broker.run();
    broker.restart();
    EXPECT_EQ(stats_of(vhost()).lengths.value("messages_ready"), 5u);
    EXPECT_EQ(of_queue(), Numbers{});
    SimClient& d = client();
    amqp::QueuePurge purge;
    purge.queue = "q";
    EXPECT_EQ(d.call<amqp::QueuePurgeOk>(1, purge).message_count, 5u);
    EXPECT_EQ(stats_of(vhost()).lengths.value("messages"), 0u);
    d.publish(1, "", "q", "x");
    EXPECT_TRUE(d.get(1, "q", false));
    EXPECT_EQ(stats_of(vhost()).lengths.value("messages_unacknowledged"), 1u);
    amqp::QueueDelete remove;
    remove.queue = "q";
    d.call<amqp::QueueDeleteOk>(1, remove);
    EXPECT_EQ(stats_of(vhost()).lengths.value("messages"), 0u);
}

TEST_P(Statistics, ObjectsAndTheirTurnover) {
    SimClient& c = client_with_queue();
    c.consume(1, "q");
    SimClient& d = broker.connect();
    d.open_channel(1);
    d.open_channel(2);
    broker.run();
    ObjectTotals totals = broker.core().object_totals();
    EXPECT_EQ(totals.connections, 2u);
    EXPECT_EQ(totals.channels, 3u);
    EXPECT_EQ(totals.consumers, 1u);
    EXPECT_EQ(totals.queues, 1u);
    EXPECT_EQ(totals.exchanges, 7u);
    d.drop();
    c.call<amqp::ChannelCloseOk>(1, amqp::ChannelClose{});
    totals = broker.core().object_totals();
    EXPECT_EQ(totals.connections, 1u);
    EXPECT_EQ(totals.channels, 0u);
    EXPECT_EQ(totals.consumers, 0u);
    EXPECT_EQ(
        numbers(broker.core().stats().churn),
        (Numbers{
            {"channel_closed", 3},
            {"channel_created", 3},
            {"connection_closed", 1},
            {"connection_created", 2},
            {"queue_created", 1},
            {"queue_declared", 1}}));
}

TEST_P(Statistics, SizesFallIntoTheirBuckets) {
    SimClient& c = client_with_queue();
    c.publish(1, "", "q", Bytes(100, 'x'));
    c.publish(1, "", "q", Bytes(101, 'x'));
    c.publish(1, "", "q", "");
    broker.run();
    const MessageSizes& sizes = broker.core().counters().sizes;
    EXPECT_EQ(sizes.counts[0], 2u);
    EXPECT_EQ(sizes.counts[1], 1u);
    EXPECT_EQ(sizes.sum, 201u);
}

TEST_P(Statistics, RatesAreOfTheLastSeconds) {
    SimClient& c = client_with_queue();
    broker.advance(Milliseconds(5'000));
    for (int i = 0; i < 100; ++i) {
        c.publish(1, "", "q", "x");
        broker.run();
        broker.advance(Milliseconds(100));
    }
    const QueueReading reading = stats_of(*vhost().find_queue("q"));
    EXPECT_NEAR(rate(reading.messages, "publish"), 10, 1);
    EXPECT_NEAR(rate(reading.lengths, "messages_ready"), 10, 1);
    EXPECT_NEAR(rate(stats_of(vhost()).messages, "publish"), 10, 1);
    EXPECT_NEAR(rate(broker.core().stats().messages, "publish"), 10, 1);
    EXPECT_NEAR(rate(stats_of(channel()), "publish"), 10, 1);
    EXPECT_NEAR(rate(stats_of(vhost(), nullptr), "publish_in"), 10, 1);
    EXPECT_GT(rate(stats_of(*channel().session), "recv_oct"), 100);
    amqp::QueuePurge purge;
    purge.queue = "q";
    c.call<amqp::QueuePurgeOk>(1, purge);
    EXPECT_LT(rate(stats_of(*vhost().find_queue("q")).lengths, "messages_ready"), 0);
    broker.advance(Milliseconds(11'000));
    EXPECT_EQ(rate(stats_of(*vhost().find_queue("q")).messages, "publish"), 0);
}

TEST_P(Statistics, AnIdleBrokerForgetsItsSamplesAndSleeps) {
    SimClient& c = client_with_queue();
    c.publish(1, "", "q", "x");
    broker.run();
    broker.advance(Milliseconds(6'000));
    EXPECT_TRUE(vhost().find_queue("q")->sampled.history);
    EXPECT_TRUE(broker.core().next_deadline());
    broker.advance(Milliseconds(90'000));
    EXPECT_FALSE(vhost().find_queue("q")->sampled.history);
    EXPECT_FALSE(broker.core().next_deadline());
}

}  // namespace
}  // namespace lvt::broker
