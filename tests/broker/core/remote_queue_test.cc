// Queues as clients of other nodes see them.
#include "tests/broker/core/remote_queue_fixture.h"

namespace lvt::broker {
namespace {

using RemoteQueue = RemoteQueueTest;

INSTANTIATE_TEST_SUITE_P(Modes, RemoteQueue, remote_modes(), name_of_mode);

TEST_P(RemoteQueue, IsPublishedToAndConsumedFromElsewhere) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    confirm_mode(away);
    publish_numbers(away, "q", 0, 50);
    EXPECT_EQ(confirms(away), std::pair(50ul, 0ul));
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 50u);
    qos(away, 100);
    away.consume(1, "q");
    const auto got = deliveries(away);
    EXPECT_EQ(bodies(got), numbers(0, 50));
    away.ack(1, tag_of(got.back()), true);
    cluster.run();
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 0u);
    EXPECT_EQ(cluster.node(0).queue("q").messages_unacknowledged, 0u);
}

TEST_P(RemoteQueue, TakesBackWhatIsReturned) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    publish_numbers(home, "q", 0, 10);
    qos(away, 10);
    away.consume(1, "q");
    const auto got = deliveries(away);
    ASSERT_EQ(got.size(), 10u);
    for (std::size_t i = 0; i < 5; ++i) away.ack(1, tag_of(got[i]));
    away.nack(1, tag_of(got[5]), false, false);
    cluster.run();
    away.drop();
    cluster.run();
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 4u);
    home.consume(1, "q");
    const auto rest = deliveries(home);
    EXPECT_EQ(bodies(rest), numbers(6, 4));
    EXPECT_TRUE(std::get<amqp::BasicDeliver>(rest[0].method).redelivered);
}

TEST_P(RemoteQueue, GivesSingleMessages) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    away.declare_queue(1, "here");
    EXPECT_FALSE(away.get(1, "q", false));
    publish_numbers(home, "q", 0, 4);
    publish_numbers(away, "here", 10, 2);
    cluster.run();
    std::vector<Received> got;
    for (const ByteView queue : {"q", "here", "q", "here", "q"}) {
        auto one = away.get(1, queue, false);
        ASSERT_TRUE(one);
        got.push_back(std::move(*one));
    }
    EXPECT_EQ(bodies(got), (std::vector<Bytes>{"0", "10", "1", "11", "2"}));
    EXPECT_EQ(std::get<amqp::BasicGetOk>(got[4].method).message_count, 1u);
    away.ack(1, 3, true);
    away.nack(1, 4, false, true);
    away.nack(1, 5, false, true);
    cluster.run();
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 2u);
    EXPECT_EQ(cluster.node(0).queue("q").messages_unacknowledged, 0u);
    EXPECT_EQ(cluster.node(1).queue("here").messages_ready, 1u);
    EXPECT_EQ(away.get(1, "q", true)->body, "2");
}

TEST_P(RemoteQueue, IsAskedPurgedAndDeleted) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    publish_numbers(home, "q", 0, 7);
    cluster.run();
    amqp::QueueDeclare declare;
    declare.queue = "q";
    declare.durable = true;
    EXPECT_EQ(away.call<amqp::QueueDeclareOk>(1, declare).message_count, 7u);
    declare.passive = true;
    EXPECT_EQ(away.call<amqp::QueueDeclareOk>(1, declare).message_count, 7u);
    EXPECT_EQ(away.call<amqp::QueuePurgeOk>(1, amqp::QueuePurge{}).message_count, 7u);
    publish_numbers(home, "q", 0, 2);
    cluster.run();
    amqp::QueueDelete remove;
    remove.queue = "q";
    EXPECT_EQ(away.call<amqp::QueueDeleteOk>(1, remove).message_count, 2u);
    // It is a new one, and here.
    away.declare_queue(1, "q");
    publish_numbers(away, "q", 0, 1);
    cluster.run();
    EXPECT_EQ(cluster.node(1).queue("q").messages_ready, 1u);
}

TEST_P(RemoteQueue, RefusesAsAtHome) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    home.consume(1, "q");
    amqp::BasicConsume consume;
    consume.queue = "q";
    consume.exclusive = true;
    const auto close = away.call<amqp::ChannelClose>(1, consume);
    EXPECT_EQ(close.reply_code, 403);
    EXPECT_EQ(close.reply_text, "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use");
    EXPECT_EQ(close.class_id, 60);
    EXPECT_EQ(close.method_id, 20);
    away.send(1, amqp::ChannelCloseOk{});
    away.open_channel(1);
    away.consume(1, "q");
    publish_numbers(home, "q", 0, 2);
    cluster.run();
    EXPECT_EQ(home.take_bodies().size() + away.take_bodies().size(), 2u);
}

TEST_P(RemoteQueue, ConfirmsWhatIsDurableAtHome) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    confirm_mode(away);
    cluster.run();
    cluster.node(0).set_auto_sync(false);
    publish_numbers(away, "q", 0, 3);
    EXPECT_EQ(confirms(away), std::pair(0ul, 0ul));
    away.send(1, amqp::ChannelClose{200, "", 0, 0});
    EXPECT_TRUE(away.take_all().empty());
    cluster.node(0).set_auto_sync(true);
    away.expect<amqp::BasicAck>();
    const auto rest = away.take_all();
    ASSERT_FALSE(rest.empty());
    EXPECT_TRUE(std::holds_alternative<amqp::ChannelCloseOk>(rest.back().method));
    cluster.crash(0);
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 3u);
}

TEST_P(RemoteQueue, CloseOkComesWhenHomeHasItOnDisk) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    cluster.run();
    cluster.node(0).set_auto_sync(false);
    publish_numbers(away, "q", 0, 3);
    amqp::ConnectionClose close;
    close.reply_code = 200;
    away.send(0, close);
    EXPECT_TRUE(away.take_all().empty());
    cluster.node(0).set_auto_sync(true);
    cluster.advance(Milliseconds(50));
    away.expect<amqp::ConnectionCloseOk>();
    cluster.crash(0);
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 3u);
}

TEST_P(RemoteQueue, FanOutWaitsForAllOfItsQueues) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "there");
    away.declare_queue(1, "here");
    bind(home, "there", "amq.fanout");
    bind(away, "here", "amq.fanout");
    confirm_mode(away);
    for (const std::size_t slow : {0, 1}) {
        cluster.node(slow).set_auto_sync(false);
        away.publish(1, "amq.fanout", "", "x");
        EXPECT_EQ(confirms(away), std::pair(0ul, 0ul));
        cluster.node(slow).set_auto_sync(true);
        EXPECT_GE(confirms(away).first, 1u);
    }
    EXPECT_EQ(cluster.node(0).queue("there").messages_ready, 2u);
    EXPECT_EQ(cluster.node(1).queue("here").messages_ready, 2u);
}

TEST_P(RemoteQueue, CommitsTransactions) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    publish_numbers(home, "q", 0, 2);
    cluster.run();
    away.call<amqp::TxSelectOk>(1, amqp::TxSelect{});
    const auto first = away.get(1, "q", false);
    ASSERT_TRUE(first);
    publish_numbers(away, "q", 10, 2);
    away.ack(1, 1);
    cluster.run();
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 1u);
    EXPECT_EQ(cluster.node(0).queue("q").messages_unacknowledged, 1u);
    cluster.node(0).set_auto_sync(false);
    away.send(1, amqp::TxCommit{});
    EXPECT_TRUE(away.take_all().empty());
    cluster.node(0).set_auto_sync(true);
    away.expect<amqp::TxCommitOk>();
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 3u);
    EXPECT_EQ(cluster.node(0).queue("q").messages_unacknowledged, 0u);
}

TEST_P(RemoteQueue, RecoversWhatIsInHand) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    publish_numbers(home, "q", 0, 3);
    qos(away, 10);
    away.consume(1, "q");
    EXPECT_EQ(away.take_bodies(), numbers(0, 3));
    away.call<amqp::BasicRecoverOk>(1, amqp::BasicRecover{true});
    const auto again = deliveries(away);
    EXPECT_EQ(bodies(again), numbers(0, 3));
    EXPECT_TRUE(std::get<amqp::BasicDeliver>(again[0].method).redelivered);
    away.ack(1, tag_of(again.back()), true);
    cluster.run();
    EXPECT_EQ(cluster.node(0).queue("q").messages_unacknowledged, 0u);
}

TEST_P(RemoteQueue, SlotsAreUsedAgainHereAndThere) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "there");
    away.declare_queue(1, "here");
    qos(away, 5);
    amqp::BasicCancel cancel;
    cancel.consumer_tag = "ctag";
    for (int round = 0; round < 3; ++round) {
        for (const Bytes queue : {"there", "here"}) {
            publish_numbers(home, queue, 0, 3);
            away.consume(1, queue);
            const auto got = deliveries(away);
            EXPECT_EQ(bodies(got), numbers(0, 3));
            away.ack(1, tag_of(got.back()), true);
            away.call<amqp::BasicCancelOk>(1, cancel);
        }
    }
    cluster.run();
    EXPECT_EQ(cluster.node(0).queue("there").messages_unacknowledged, 0u);
    EXPECT_EQ(cluster.node(1).queue("here").messages_unacknowledged, 0u);
}

TEST_P(RemoteQueue, LargeDeliveriesKeepComing) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    const Bytes body(100'000, 'x');
    for (int i = 0; i < 40; ++i) home.publish(1, "", "q", body);
    away.consume(1, "q", true);
    EXPECT_EQ(away.take_bodies().size(), 40u);
}

TEST_P(RemoteQueue, PublishersWaitForASlowNode) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    cluster.run();
    cluster.node(0).set_auto_sync(false);
    const Bytes body(1'000'000, 'x');
    for (int i = 0; i < 60; ++i) {
        away.publish(1, "", "q", body);
        cluster.run();
    }
    // It is not read any more.
    EXPECT_LT(cluster.node(0).queue("q").messages_ready, 30u);
    cluster.node(0).set_auto_sync(true);
    cluster.run();
    cluster.advance(Milliseconds(500));
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 60u);
}

/// Many clients at three nodes, queues at each: everything that is confirmed comes exactly once, and nothing stays in hand.
TEST_P(RemoteQueue, NothingIsLostOrDoubled) {
    SimCluster three(options(3));
    std::mt19937_64 random(GetParam().seed);
    std::vector<SimClient*> publishers;
    std::vector<SimClient*> consumers;
    for (std::size_t i = 0; i < 3; ++i) {
        publishers.push_back(&three.client(i));
        publishers.back()->declare_queue(1, "q" + std::to_string(i));
        confirm_mode(*publishers.back());
    }
    three.run();
    for (std::size_t i = 0; i < 3; ++i) {
        consumers.push_back(&three.client(i));
        qos(*consumers[i], 7);
        for (int q = 0; q < 3; ++q) {
            const Bytes name = "q" + std::to_string(q);
            consumers[i]->consume(1, name, false, name);
        }
    }
    std::vector<Bytes> sent;
    std::vector<Bytes> received;
    const auto take = [&](SimClient& consumer, bool all) {
        for (const Received& one : deliveries(consumer)) {
            // Some go back.
            if (!all && random() % 4 == 0) {
                consumer.nack(1, tag_of(one), false, true);
                continue;
            }
            received.push_back(one.body);
            consumer.ack(1, tag_of(one));
        }
    };
    for (int round = 0; round < 200; ++round) {
        const Bytes body = std::to_string(round);
        publishers[random() % 3]->publish(1, "", "q" + std::to_string(random() % 3), body);
        sent.push_back(body);
        if (random() % 3 == 0) take(*consumers[random() % 3], false);
    }
    for (int round = 0; round < 50; ++round)
        for (SimClient* const consumer : consumers) take(*consumer, true);
    three.run();
    std::sort(sent.begin(), sent.end());
    std::sort(received.begin(), received.end());
    EXPECT_EQ(received, sent);
    for (std::size_t i = 0; i < 3; ++i) {
        const QueueListing queue = three.node(i).queue("q" + std::to_string(i));
        EXPECT_EQ(queue.messages_ready + queue.messages_unacknowledged, 0u);
    }
}

}  // namespace
}  // namespace lvt::broker
