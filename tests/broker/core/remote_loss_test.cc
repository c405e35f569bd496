// Queues of other nodes: what is refused, what is lost, and what is not.
#include "tests/broker/core/remote_queue_fixture.h"

namespace lvt::broker {
namespace {

using RemoteLoss = RemoteQueueTest;

INSTANTIATE_TEST_SUITE_P(Modes, RemoteLoss, remote_modes(), name_of_mode);

TEST_P(RemoteLoss, NacksWhatIsRefusedThere) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    amqp::Table arguments;
    arguments.add_long("x-max-length", 5);
    arguments.add_string("x-overflow", "reject-publish");
    declare(home, "q", arguments);
    confirm_mode(away);
    publish_numbers(away, "q", 0, 8);
    std::vector<std::uint64_t> nacked;
    std::uint64_t acked = 0;
    for (const Received& one : away.take_all()) {
        if (const auto* const nack = std::get_if<amqp::BasicNack>(&one.method))
            nacked.push_back(nack->delivery_tag);
        if (const auto* const ack = std::get_if<amqp::BasicAck>(&one.method))
            acked = std::max(acked, ack->delivery_tag);
    }
    EXPECT_EQ(nacked, (std::vector<std::uint64_t>{6, 7, 8}));
    EXPECT_EQ(acked, 5u);
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 5u);
}

TEST_P(RemoteLoss, LostNodeCancelsNacksAndIsNotFound) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    publish_numbers(home, "q", 0, 3);
    qos(away, 10);
    away.consume(1, "q");
    EXPECT_EQ(away.take_bodies().size(), 3u);
    confirm_mode(away);
    cluster.node(0).set_auto_sync(false);
    publish_numbers(away, "q", 10, 2);
    cluster.run();
    EXPECT_EQ(away.take_bodies(), numbers(10, 2));
    cluster.cut(0, 1);
    std::size_t cancels = 0;
    std::uint64_t nacks = 0;
    for (const Received& one : away.take_all()) {
        cancels += std::holds_alternative<amqp::BasicCancel>(one.method);
        nacks += std::holds_alternative<amqp::BasicNack>(one.method);
    }
    EXPECT_EQ(cancels, 1u);
    EXPECT_EQ(nacks, 2u);
    publish_numbers(away, "q", 20, 1);
    away.expect<amqp::BasicNack>();
    amqp::BasicGet get;
    get.queue = "q";
    const auto close = away.call<amqp::ChannelClose>(1, get);
    EXPECT_EQ(
        close.reply_text,
        "NOT_FOUND - home node 'rabbit@node0' of durable queue 'q' in vhost '/' is down or "
        "inaccessible");
    away.send(1, amqp::ChannelCloseOk{});
    cluster.node(0).set_auto_sync(true);
    cluster.run();
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 5u);
    cluster.join(0, 1);
    away.open_channel(1);
    const auto got = away.get(1, "q", true);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->body, "0");
    EXPECT_TRUE(std::get<amqp::BasicGetOk>(got->method).redelivered);
}

TEST_P(RemoteLoss, AnswerThatIsLostEndsTheWaiting) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    publish_numbers(home, "q", 0, 1);
    away.consume(1, "q");
    cluster.run();
    amqp::BasicCancel cancel;
    cancel.consumer_tag = "ctag";
    away.send(1, cancel);
    amqp::BasicGet get;
    get.queue = "q";
    away.send(1, get);
    cluster.node(1).run(3);
    cluster.cut(0, 1);
    bool failed = false;
    for (const Received& one : away.take_all())
        failed |= std::holds_alternative<amqp::ChannelClose>(one.method);
    EXPECT_TRUE(failed);
    away.send(1, amqp::ChannelCloseOk{});
    cluster.join(0, 1);
    away.open_channel(1);
    EXPECT_TRUE(away.get(1, "q", true));
}

TEST_P(RemoteLoss, CrashOfTheHomeLosesNothingConfirmed) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    confirm_mode(away);
    publish_numbers(away, "q", 0, 20);
    cluster.node(1).run(10);
    const std::uint64_t acked = confirms(away).first;
    cluster.crash(0);
    cluster.run();
    cluster.join(0, 1);
    cluster.run();
    EXPECT_GE(cluster.node(0).queue("q").messages_ready, acked);
    SimClient& again = cluster.client(1);
    again.consume(1, "q", true);
    EXPECT_GE(again.take_bodies().size(), acked);
}

TEST_P(RemoteLoss, DeadLettersGoElsewhere) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    away.declare_queue(1, "dead");
    amqp::Table arguments;
    arguments.add_string("x-dead-letter-exchange", "");
    arguments.add_string("x-dead-letter-routing-key", "dead");
    declare(home, "q", arguments);
    publish_numbers(home, "q", 0, 3);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(home.get(1, "q", false));
        if (i == 1) cluster.cut(0, 1);
        home.nack(1, static_cast<std::uint64_t>(i) + 1, false, false);
        cluster.run();
    }
    EXPECT_EQ(cluster.node(1).queue("dead").messages_ready, 1u);
    cluster.join(0, 1);
    cluster.run();
    EXPECT_EQ(cluster.node(1).queue("dead").messages_ready, 3u);
    cluster.advance(Milliseconds(500));
    cluster.crash(0);
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 0u);
}

TEST_P(RemoteLoss, DeadLettersOnTheirWaySurviveACrash) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    away.declare_queue(1, "dead");
    amqp::Table arguments;
    arguments.add_string("x-dead-letter-exchange", "");
    arguments.add_string("x-dead-letter-routing-key", "dead");
    declare(home, "q", arguments);
    publish_numbers(home, "q", 0, 1);
    ASSERT_TRUE(home.get(1, "q", false));
    cluster.cut(0, 1);
    home.nack(1, 1, false, false);
    cluster.run();
    cluster.advance(Milliseconds(500));
    cluster.crash(0);
    EXPECT_EQ(cluster.node(0).queue("q").messages_ready, 1u);
}

TEST_P(RemoteLoss, NonsenseEndsTheStream) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    away.consume(1, "q");
    EXPECT_TRUE(cluster.feed(1, 0, "nonsense").has_error());
    away.expect<amqp::BasicCancel>();
}

TEST_P(RemoteLoss, AlarmsHoldPublishersEverywhere) {
    SimClient& home = cluster.client(0);
    SimClient& away = cluster.client(1);
    home.declare_queue(1, "q");
    cluster.run();
    cluster.node(0).core().on_alarm({true, false}, cluster.node(0).clock().now());
    cluster.node(0).core().end_turn(cluster.node(0).clock().now());
    home.get(1, "q");  // a turn
    publish_numbers(away, "q", 0, 1);
    away.expect<amqp::ConnectionBlocked>();
    cluster.node(0).core().on_alarm({}, cluster.node(0).clock().now());
    home.get(1, "q");
    away.expect<amqp::ConnectionUnblocked>();
}

}  // namespace
}  // namespace lvt::broker
