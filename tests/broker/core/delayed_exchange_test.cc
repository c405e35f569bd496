// x-delayed-message exchanges: when their messages come, by which way, and what a restart leaves; every case inline and with three
// lanes.
#include "protocol/amqp/properties.h"
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

class DelayedExchange : public testing::TestWithParam<std::size_t> {
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
    static amqp::ExchangeDeclare declaration(ByteView routes_as) {
        amqp::ExchangeDeclare method;
        method.exchange = "later";
        method.type = "x-delayed-message";
        method.durable = true;
        if (!routes_as.empty()) method.arguments.add_string("x-delayed-type", routes_as);
        return method;
    }
    /// Exchange "later", and queue "q" bound to it with "key".
    static void declare(SimClient& client, ByteView routes_as = "direct") {
        client.call<amqp::ExchangeDeclareOk>(1, declaration(routes_as));
        client.declare_queue(1, "q");
        amqp::QueueBind bind;
        bind.queue = "q";
        bind.exchange = "later";
        bind.routing_key = "key";
        client.call<amqp::QueueBindOk>(1, bind);
    }
    static Bytes properties(const amqp::Table& headers, bool persistent = true) {
        amqp::PropertiesBuilder builder;
        builder.set_headers(headers);
        if (persistent) builder.set_delivery_mode(2);
        return builder.build();
    }
    static void publish(SimClient& client, ByteView body, std::int64_t delay) {
        client.publish_with(
            1, "later", "key", properties(amqp::Table().add_long("x-delay", delay)), body);
    }
    static std::vector<Bytes> drain(SimClient& client) {
        std::vector<Bytes> out;
        while (auto got = client.get(1, "q")) out.push_back(got->body);
        return out;
    }

    SimBroker broker{options()};
};

INSTANTIATE_TEST_SUITE_P(Lanes, DelayedExchange, testing::Values(0, 3), [](const auto& info) {
    return info.param ? "ThreeLanes" : "Inline";
});

using Bodies = std::vector<Bytes>;

TEST_P(DelayedExchange, RoutesInTheOrderInWhichMessagesAreDue) {
    SimClient& c = client();
    declare(c);
    publish(c, "slow", 2000);
    publish(c, "quick", 500);
    publish(c, "at once", 0);
    publish(c, "been there", -100);
    c.publish(1, "later", "key", "without");
    broker.run();
    EXPECT_EQ(drain(c), (Bodies{"at once", "been there", "without"}));
    broker.advance(Milliseconds(490));
    EXPECT_EQ(drain(c), Bodies{});
    broker.advance(Milliseconds(20));
    EXPECT_EQ(drain(c), Bodies{"quick"});
    broker.advance(Milliseconds(1500));
    EXPECT_EQ(drain(c), Bodies{"slow"});
}

TEST_P(DelayedExchange, BlindCopiesWaitTooAndStayBlind) {
    SimClient& c = client();
    declare(c);
    Bytes keys;
    amqp::append_value(keys, {'S', "key"});
    amqp::Table headers;
    headers.add_value("BCC", {'A', keys}).add_int("x-delay", 100);
    c.publish_with(1, "later", "nowhere", properties(headers), "m");
    broker.run();
    broker.advance(Milliseconds(200));
    const auto got = c.get(1, "q");
    ASSERT_TRUE(got);
    EXPECT_EQ(
        amqp::Properties(got->properties).headers(),
        amqp::Table().add_int("x-delay", -100).bytes());
}

TEST_P(DelayedExchange, TellsHowLongTheMessageWaited) {
    SimClient& c = client();
    declare(c);
    const amqp::Table headers = amqp::Table().add_int("x-delay", 700).add_string("a", "b");
    c.publish_with(1, "later", "key", properties(headers), "m");
    broker.run();
    broker.advance(Milliseconds(700));
    const auto got = c.get(1, "q");
    ASSERT_TRUE(got);
    EXPECT_EQ(
        got->properties, properties(amqp::Table().add_int("x-delay", -700).add_string("a", "b")));
    EXPECT_EQ(std::get<amqp::BasicGetOk>(got->method).exchange, "later");
    EXPECT_FALSE(std::get<amqp::BasicGetOk>(got->method).redelivered);
}

TEST_P(DelayedExchange, ConfirmsWhatIsStoredAndReturnsNothing) {
    SimClient& c = client();
    declare(c);
    c.call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
    publish(c, "m", 60000);
    c.expect<amqp::BasicAck>();
    broker.crash();
    SimClient& again = client();
    broker.advance(Milliseconds(59000));
    EXPECT_EQ(drain(again), Bodies{});
    broker.advance(Milliseconds(1000));
    EXPECT_EQ(drain(again), Bodies{"m"});
    broker.advance(Milliseconds(300));
    broker.crash();
    EXPECT_EQ(drain(client()), Bodies{}) << "it came twice";
}

/// Rule 10: whatever reaches the disk when its time comes, the message is still to come or has come.
TEST_P(DelayedExchange, ADueMessageIsNeverLostInACrash) {
    for (std::size_t kept = 0; kept < 4; ++kept) {
        SimBroker sim{options()};
        SimClient& c = sim.connect();
        c.open_channel(1);
        declare(c);
        c.call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
        publish(c, "m", 1000);
        c.expect<amqp::BasicAck>();
        sim.set_auto_sync(false);
        sim.advance(Milliseconds(1300));
        sim.set_auto_sync(true);
        sim.crash(kept);
        sim.advance(Milliseconds(100));
        SimClient& again = sim.connect();
        again.open_channel(1);
        EXPECT_EQ(drain(again), Bodies{"m"}) << kept;
    }
}

TEST_P(DelayedExchange, WaitsOnOverARestartAndItsMessagesGoWithIt) {
    SimClient& c = client();
    declare(c, "topic");
    publish(c, "m", 5000);
    broker.run();
    broker.restart();
    SimClient& again = client();
    broker.advance(Milliseconds(1000));
    again.call<amqp::ExchangeDeclareOk>(1, declaration("topic"));
    again.call<amqp::ExchangeDeleteOk>(1, amqp::ExchangeDelete{0, "later"});
    broker.advance(Milliseconds(5000));
    declare(again, "topic");
    broker.restart();
    broker.advance(Milliseconds(5000));
    EXPECT_EQ(drain(client()), Bodies{});
}

/// Neither the message's own expiration nor the queues' names are touched by the wait.
TEST_P(DelayedExchange, ExpirationCountsFromTheEndOfTheDelay) {
    SimClient& c = client();
    declare(c);
    amqp::PropertiesBuilder builder;
    builder.set_headers(amqp::Table().add_int("x-delay", 1000))
        .set_text(amqp::property::kExpiration, "300");
    c.publish_with(1, "later", "key", builder.build(), "m");
    broker.run();
    broker.advance(Milliseconds(1200));
    EXPECT_EQ(broker.queue("q").messages_ready, 1u);
    broker.advance(Milliseconds(200));
    EXPECT_EQ(broker.queue("q").messages_ready, 0u);
}

TEST_P(DelayedExchange, WantsToKnowHowToRoute) {
    for (const char* const type : {"", "x-delayed-message", "no such type"}) {
        SimClient& c = client();
        const auto closed = c.call<amqp::ChannelClose>(1, declaration(type));
        EXPECT_EQ(closed.reply_code, 406);
        EXPECT_EQ(
            closed.reply_text,
            "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange "
            "type");
    }
}

}  // namespace
}  // namespace lvt::broker
