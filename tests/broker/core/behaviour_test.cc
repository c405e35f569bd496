// What clients see, in raw methods. Every case runs with the lane inline, and with three lanes in several seeds' orders.
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

std::vector<Bytes> numbers(int first, int count) {
    std::vector<Bytes> out;
    for (int i = first; i < first + count; ++i) out.push_back(std::to_string(i));
    return out;
}

struct Mode {
    std::size_t lanes;
    std::uint64_t seed;
};

class Behaviour : public testing::TestWithParam<Mode> {
protected:
    static SimOptions options() {
        SimOptions options;
        options.lanes = GetParam().lanes;
        options.seed = GetParam().seed;
        return options;
    }
    /// A client with channel 1 open.
    SimClient& client() {
        SimClient& client = broker.connect();
        client.open_channel(1);
        return client;
    }
    static void publish_numbers(SimClient& client, ByteView queue, int first, int count) {
        for (const Bytes& body : numbers(first, count)) client.publish(1, "", queue, body);
    }

    SimBroker broker{options()};
};

INSTANTIATE_TEST_SUITE_P(
    Modes, Behaviour, testing::Values(Mode{0, 1}, Mode{3, 1}, Mode{3, 2}, Mode{3, 3}),
    [](const auto& info) {
        return info.param.lanes ? "ThreeLanesSeed" + std::to_string(info.param.seed)
                                : std::string("Inline");
    });

TEST_P(Behaviour, DeliversInOrder) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    publish_numbers(c, "q", 0, 50);
    c.consume(1, "q", true);
    EXPECT_EQ(c.take_bodies(), numbers(0, 50));
    EXPECT_EQ(broker.queue("q").messages_ready, 0u);
}

TEST_P(Behaviour, SharesBetweenConsumersByTurns) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    amqp::BasicQos qos;
    qos.prefetch_count = 10;
    c.call<amqp::BasicQosOk>(1, qos);
    c.consume(1, "q", false, "a");
    c.consume(1, "q", false, "b");
    publish_numbers(c, "q", 0, 6);
    std::string tags;
    for (const Received& received : c.take_all()) {
        tags += std::get<amqp::BasicDeliver>(received.method).consumer_tag;
    }
    EXPECT_EQ(tags, "ababab");
}

TEST_P(Behaviour, PutsBackToTheOriginalPlace) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    publish_numbers(c, "q", 0, 5);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(c.get(1, "q", false));
    c.nack(1, 2, false, true);
    EXPECT_EQ(c.get(1, "q", false)->body, "1");
    EXPECT_EQ(c.get(1, "q", false)->body, "4");
    c.nack(1, 0, true, true);
    for (const Bytes& body : numbers(0, 5)) {
        const auto got = c.get(1, "q");
        EXPECT_EQ(got->body, body);
        EXPECT_TRUE(std::get<amqp::BasicGetOk>(got->method).redelivered);
    }
}

TEST_P(Behaviour, ConfirmsWhatIsDurableOnly) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    c.call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
    broker.set_auto_sync(false);
    c.publish(1, "", "q", "durable", true);
    EXPECT_TRUE(c.take_all().empty());
    c.publish(1, "", "nowhere", "lost");
    EXPECT_EQ(c.expect<amqp::BasicAck>().delivery_tag, 2u) << "not held behind the pending one";
    broker.sync();
    EXPECT_EQ(c.expect<amqp::BasicAck>().delivery_tag, 1u);
}

TEST_P(Behaviour, ReturnsBeforeItConfirms) {
    SimClient& c = client();
    c.call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
    c.publish(1, "", "nowhere", "back", true, true);
    const auto received = c.take_all();
    ASSERT_EQ(received.size(), 2u);
    EXPECT_EQ(std::get<amqp::BasicReturn>(received[0].method).reply_text, "NO_ROUTE");
    EXPECT_EQ(received[0].body, "back");
    EXPECT_EQ(std::get<amqp::BasicAck>(received[1].method).delivery_tag, 1u);
}

TEST_P(Behaviour, ConfirmsComeBeforeTheCloseOkOfTheirConnection) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    c.call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
    broker.set_auto_sync(false);
    publish_numbers(c, "q", 0, 3);
    c.send(0, amqp::ConnectionClose{});
    EXPECT_TRUE(c.take_all().empty());
    broker.set_auto_sync(true);
    const auto received = c.take_all();
    ASSERT_GE(received.size(), 2u);
    EXPECT_EQ(std::get<amqp::BasicAck>((received.end() - 2)->method).delivery_tag, 3u);
    EXPECT_TRUE(std::holds_alternative<amqp::ConnectionCloseOk>(received.back().method));
}

TEST_P(Behaviour, CloseOkMeansDurable) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    broker.set_auto_sync(false);
    publish_numbers(c, "q", 0, 10);
    c.send(1, amqp::ChannelClose{});
    EXPECT_TRUE(c.take_all().empty()) << "close-ok must wait for the disk";
    broker.set_auto_sync(true);
    c.expect<amqp::ChannelCloseOk>();
    broker.crash();
    SimClient& again = client();
    for (const Bytes& body : numbers(0, 10)) EXPECT_EQ(again.get(1, "q")->body, body);
}

TEST_P(Behaviour, KeepsConfirmedMessagesOverACrash) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    c.call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
    publish_numbers(c, "q", 0, 100);
    c.take_all();
    broker.crash();
    SimClient& again = client();
    EXPECT_EQ(broker.queue("q").messages_ready, 100u);
    const auto first = again.get(1, "q");
    EXPECT_FALSE(std::get<amqp::BasicGetOk>(first->method).redelivered) << "nobody ever had it";
}

TEST_P(Behaviour, FlagsAfterACrashWhatMayHaveBeenDelivered) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    publish_numbers(c, "q", 0, 10);
    c.consume(1, "q");
    EXPECT_EQ(c.take_bodies().size(), 8u);
    broker.crash();
    SimClient& again = client();
    const auto first = again.get(1, "q");
    EXPECT_EQ(first->body, "0");
    EXPECT_TRUE(std::get<amqp::BasicGetOk>(first->method).redelivered);
}

TEST_P(Behaviour, KnowsAfterACleanStopWhatWasDelivered) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    publish_numbers(c, "q", 0, 3);
    ASSERT_TRUE(c.get(1, "q", false));
    broker.restart();
    SimClient& again = client();
    const auto redelivered = [&] {
        return std::get<amqp::BasicGetOk>(again.get(1, "q")->method).redelivered;
    };
    EXPECT_TRUE(redelivered());
    EXPECT_FALSE(redelivered());
    EXPECT_FALSE(redelivered());
    EXPECT_FALSE(again.get(1, "q"));
}

TEST_P(Behaviour, StartsSlowlyWithoutQos) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    publish_numbers(c, "q", 0, 100);
    c.consume(1, "q");
    EXPECT_EQ(c.take_bodies().size(), 8u);
    c.ack(1, 1);
    c.ack(1, 2);
    EXPECT_EQ(c.take_bodies().size(), 2u) << "the window slides";
    c.ack(1, 10, true);
    EXPECT_EQ(c.take_bodies().size(), 16u) << "a whole window acked, and starved";
}

TEST_P(Behaviour, AClientThatIsBusyForAWhileIsNotSentMore) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    publish_numbers(c, "q", 0, 100);
    c.consume(1, "q");
    EXPECT_EQ(c.take_bodies().size(), 8u);
    for (std::uint64_t tag = 1; tag <= 5; ++tag) {
        broker.advance(Milliseconds{140});
        EXPECT_TRUE(c.take_bodies().empty());
        c.ack(1, tag);
        EXPECT_EQ(c.take_bodies().size(), 1u);
    }
}

TEST_P(Behaviour, OpensUpForAClientThatTakesAllBeforeItAcks) {
    SimClient& c = client();
    c.declare_queue(1, "q", false);
    for (int i = 0; i < 10'000; ++i) c.publish(1, "", "q", "x", false);
    c.consume(1, "q");
    std::size_t got = c.take_bodies().size();
    for (int i = 0; i < 20 && got < 10'000; ++i) {
        broker.advance(Milliseconds{50});
        got += c.take_bodies().size();
    }
    EXPECT_EQ(got, 10'000u);
}

TEST_P(Behaviour, SendsPoisonToTheTail) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    publish_numbers(c, "q", 0, 3);
    for (int i = 0; i < 5; ++i) {
        const auto got = c.get(1, "q", false);
        EXPECT_EQ(got->body, "0") << i;
        c.nack(1, std::get<amqp::BasicGetOk>(got->method).delivery_tag, false, true);
    }
    EXPECT_EQ(c.get(1, "q")->body, "1");
    EXPECT_EQ(c.get(1, "q")->body, "2");
    EXPECT_EQ(c.get(1, "q")->body, "0");
}

TEST_P(Behaviour, LeavesMessagesThatWereNeverReachedWhereTheyAre) {
    SimClient& owner = client();
    owner.declare_queue(1, "q");
    publish_numbers(owner, "q", 0, 20);
    for (int round = 0; round < 10; ++round) {
        SimClient& c = client();
        c.consume(1, "q");
        EXPECT_EQ(c.take_bodies().front(), std::to_string(round));
        c.ack(1, 1);
        broker.run();
        c.drop();
        broker.run();
    }
    EXPECT_EQ(owner.get(1, "q")->body, "10");
}

TEST_P(Behaviour, TakesBackOnCancelWhatIsNotOnItsWay) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    amqp::BasicQos qos;
    qos.prefetch_count = 5;
    c.call<amqp::BasicQosOk>(1, qos);
    publish_numbers(c, "q", 0, 10);
    c.consume(1, "q");
    EXPECT_EQ(c.take_bodies(), numbers(0, 5));
    amqp::BasicCancel cancel;
    cancel.consumer_tag = "ctag";
    c.call<amqp::BasicCancelOk>(1, cancel);
    c.ack(1, 3, true);
    EXPECT_EQ(c.get(1, "q")->body, "5");
    c.call<amqp::ChannelCloseOk>(1, amqp::ChannelClose{});
    c.open_channel(1);
    EXPECT_EQ(c.get(1, "q")->body, "3");
}

TEST_P(Behaviour, ExclusiveQueuesGoBeforeCloseOk) {
    SimClient& c = client();
    amqp::QueueDeclare declare;
    declare.queue = "mine";
    declare.exclusive = true;
    c.call<amqp::QueueDeclareOk>(1, declare);
    SimClient& other = client();
    const auto close = other.call<amqp::ChannelClose>(1, declare);
    EXPECT_EQ(close.reply_code, 405);
    EXPECT_TRUE(close.reply_text.starts_with(
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'mine' in vhost '/'"));
    other.send(1, amqp::ChannelCloseOk{});
    c.call<amqp::ConnectionCloseOk>(0, amqp::ConnectionClose{});
    other.open_channel(1);
    other.call<amqp::QueueDeclareOk>(1, declare);
}

TEST_P(Behaviour, TellsConsumersOfADeletedQueue) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    c.consume(1, "q");
    SimClient& other = client();
    amqp::QueueDelete method;
    method.queue = "q";
    other.call<amqp::QueueDeleteOk>(1, method);
    EXPECT_EQ(c.expect<amqp::BasicCancel>().consumer_tag, "ctag");
}

TEST_P(Behaviour, GlobalQosIsLive) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    amqp::BasicQos qos;
    qos.prefetch_count = 3;
    qos.global = true;
    c.call<amqp::BasicQosOk>(1, qos);
    publish_numbers(c, "q", 0, 10);
    c.consume(1, "q");
    EXPECT_EQ(c.take_bodies().size(), 3u);
    qos.prefetch_count = 5;
    c.call<amqp::BasicQosOk>(1, qos);
    EXPECT_EQ(c.take_bodies().size(), 2u);
}

TEST_P(Behaviour, TransactionsAreAllOrNothing) {
    SimClient& c = client();
    c.declare_queue(1, "a");
    c.declare_queue(1, "b");
    c.publish(1, "", "a", "taken");
    c.call<amqp::TxSelectOk>(1, amqp::TxSelect{});
    ASSERT_TRUE(c.get(1, "a", false));
    broker.set_auto_sync(false);
    c.ack(1, 1);
    c.publish(1, "", "a", "1");
    c.publish(1, "", "b", "2");
    EXPECT_TRUE(c.take_all().empty());
    EXPECT_EQ(broker.queue("b").messages_ready, 0u);
    c.send(1, amqp::TxCommit{});
    EXPECT_TRUE(c.take_all().empty());
    broker.sync();
    c.expect<amqp::TxCommitOk>();
    broker.set_auto_sync(true);
    broker.crash();
    SimClient& again = client();
    EXPECT_EQ(again.get(1, "a")->body, "1");
    EXPECT_EQ(again.get(1, "b")->body, "2");
    EXPECT_FALSE(again.get(1, "a"));
}

TEST_P(Behaviour, DurableThingsSurviveTransientOnesDoNot) {
    SimClient& c = client();
    c.declare_queue(1, "durable");
    c.declare_queue(1, "transient", false);
    amqp::ExchangeDeclare exchange;
    exchange.exchange = "x";
    exchange.type = "topic";
    exchange.durable = true;
    c.call<amqp::ExchangeDeclareOk>(1, exchange);
    amqp::QueueBind bind;
    bind.queue = "durable";
    bind.exchange = "x";
    bind.routing_key = "a.*";
    c.call<amqp::QueueBindOk>(1, bind);
    c.publish(1, "x", "a.b", "kept");
    c.publish(1, "x", "a.b", "gone", false);
    c.call<amqp::ChannelCloseOk>(1, amqp::ChannelClose{});
    broker.restart();
    SimClient& again = client();
    EXPECT_EQ(again.get(1, "durable")->body, "kept");
    EXPECT_FALSE(again.get(1, "durable"));
    again.publish(1, "x", "a.c", "routed");
    EXPECT_EQ(again.get(1, "durable")->body, "routed");
    amqp::QueueDeclare passive;
    passive.queue = "transient";
    passive.passive = true;
    EXPECT_EQ(
        again.call<amqp::ChannelClose>(1, passive).reply_text,
        "NOT_FOUND - no queue 'transient' in vhost '/'");
}

TEST_P(Behaviour, LargeMessagesSurvive) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    const Bytes body(3'000'000, 'x');
    c.publish(1, "", "q", body);
    c.publish(1, "", "q", "small");
    c.call<amqp::ChannelCloseOk>(1, amqp::ChannelClose{});
    broker.crash();
    SimClient& again = client();
    EXPECT_EQ(again.get(1, "q")->body, body);
    EXPECT_EQ(again.get(1, "q")->body, "small");
}

TEST_P(Behaviour, ErrorsLeaveTheConnectionAlive) {
    SimClient& c = client();
    c.publish(1, "nope", "k", "x");
    EXPECT_EQ(
        c.expect<amqp::ChannelClose>().reply_text, "NOT_FOUND - no exchange 'nope' in vhost '/'");
    c.send(1, amqp::ChannelCloseOk{});
    c.open_channel(1);
    c.open_channel(2);
    c.declare_queue(2, "q");
    amqp::QueueDeclare other;
    other.queue = "q";
    EXPECT_EQ(
        c.call<amqp::ChannelClose>(1, other).reply_text,
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received "
        "'false' but current is 'true'");
    c.publish(2, "", "q", "works");
    EXPECT_EQ(c.get(2, "q")->body, "works");
}

TEST_P(Behaviour, PagesABacklogOutAndIn) {
    SimOptions small = options();
    small.core.resident_bytes_max = 1024 * 1024;
    SimBroker paging(small);
    SimClient& c = paging.connect();
    c.open_channel(1);
    c.declare_queue(1, "q");
    constexpr int kCount = 4000;
    for (int i = 0; i < kCount; ++i) {
        c.publish(1, "", "q", std::to_string(i) + Bytes(1000, ' '));
        if (i % 100 == 0) paging.advance(Milliseconds{20});
    }
    paging.advance(Milliseconds{100});
    EXPECT_GT(paging.queue("q").messages_paged_out, 1000u);
    EXPECT_EQ(paging.queue("q").messages_ready, std::uint64_t{kCount});
    paging.crash();
    SimClient& again = paging.connect();
    again.open_channel(1);
    EXPECT_EQ(paging.queue("q").messages_ready, std::uint64_t{kCount});
    again.consume(1, "q", true);
    const auto bodies = again.take_bodies();
    ASSERT_EQ(bodies.size(), std::size_t{kCount});
    for (int i = 0; i < kCount; ++i) ASSERT_EQ(std::stoi(bodies[i]), i);
    EXPECT_EQ(paging.queue("q").messages_ready, 0u);
}

TEST_P(Behaviour, AlarmsHoldPublishersAndTellThem) {
    SimClient& publisher = client();
    SimClient& consumer = client();
    consumer.declare_queue(1, "q");
    publisher.publish(1, "", "q", "before");
    broker.run();
    broker.core().on_alarm({true, false}, broker.clock().now());
    publisher.publish(1, "", "q", "during");
    EXPECT_EQ(publisher.expect<amqp::ConnectionBlocked>().reason, "low on memory");
    publisher.publish(1, "", "q", "held");
    consumer.consume(1, "q", true);
    EXPECT_EQ(consumer.take_bodies(), (std::vector<Bytes>{"before"}));
    broker.core().on_alarm({}, broker.clock().now());
    broker.advance(Milliseconds{10});
    publisher.expect<amqp::ConnectionUnblocked>();
    EXPECT_EQ(consumer.take_bodies(), (std::vector<Bytes>{"during", "held"}));
}

TEST_P(Behaviour, ConsumersThatShareAWindowTakeTurns) {
    SimClient& c = client();
    amqp::BasicQos qos;
    qos.prefetch_count = 1;
    qos.global = true;
    c.call<amqp::BasicQosOk>(1, qos);
    c.declare_queue(1, "q");
    c.consume(1, "q", false, "one");
    c.consume(1, "q", false, "two");
    for (int i = 0; i < 4; ++i) c.publish(1, "", "q", "m");
    std::vector<Bytes> tags;
    for (std::uint64_t tag = 1; tag <= 4; ++tag) {
        tags.push_back(c.expect<amqp::BasicDeliver>().consumer_tag);
        c.ack(1, tag);
    }
    EXPECT_EQ(tags, (std::vector<Bytes>{"one", "two", "one", "two"}));
}

TEST_P(Behaviour, AWindowFreedBeforeACancelIsFilledOnceMore) {
    SimClient& c = client();
    amqp::BasicQos qos;
    qos.prefetch_count = 2;
    c.call<amqp::BasicQosOk>(1, qos);
    c.declare_queue(1, "q");
    for (const char* const body : {"a", "b", "c", "d"}) c.publish(1, "", "q", body);
    c.consume(1, "q");
    EXPECT_EQ(c.take_bodies(), (std::vector<Bytes>{"a", "b"}));
    c.ack(1, 1);
    c.send(1, amqp::BasicCancel{"ctag", false});
    EXPECT_EQ(c.next().body, "c");
    c.expect<amqp::BasicCancelOk>();
    c.ack(1, 3, true);
    EXPECT_EQ(c.get(1, "q")->body, "d");
    EXPECT_FALSE(c.get(1, "q"));
}

TEST_P(Behaviour, ANoAckConsumerGetsWhatCameBeforeItsCancel) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    c.consume(1, "q", true);
    c.publish(1, "", "q", "a");
    c.publish(1, "", "q", "b");
    c.send(1, amqp::BasicCancel{"ctag", false});
    EXPECT_EQ(c.next().body, "a");
    EXPECT_EQ(c.next().body, "b");
    c.expect<amqp::BasicCancelOk>();
}

}  // namespace
}  // namespace lvt::broker
