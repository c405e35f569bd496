// Queues that outgrow their memory, and clients that take too much of it.
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

class Paging : public testing::TestWithParam<std::size_t> {
protected:
    static SimOptions options() {
        SimOptions options;
        options.seed = 11 + GetParam();
        options.lanes = GetParam();
        options.core.resident_bytes_max = 1024 * 1024;
        return options;
    }

    SimClient& client() {
        SimClient& c = broker.connect();
        c.open_channel(1);
        return c;
    }

    void declare(SimClient& c, ByteView name, const amqp::Table& arguments, bool durable = true) {
        amqp::QueueDeclare declare;
        declare.queue = name;
        declare.durable = durable;
        declare.arguments = arguments;
        c.call<amqp::QueueDeclareOk>(1, declare);
    }

    /// Bodies begin with their number.
    void fill(SimClient& c, ByteView queue, int from, int to, bool persistent = false) {
        for (int i = from; i < to; ++i) {
            c.publish(1, "", queue, std::to_string(i) + Bytes(1000, ' '), persistent);
            if (i % 100 == 0) broker.advance(Milliseconds{20});
        }
        for (int i = 0; i < 20; ++i) broker.advance(Milliseconds{20});
    }

    static std::vector<int> numbers(const std::vector<Bytes>& bodies) {
        std::vector<int> out;
        for (const Bytes& body : bodies) out.push_back(std::stoi(body));
        return out;
    }

    static std::vector<int> range(int from, int to) {
        std::vector<int> out;
        for (int i = from; i < to; ++i) out.push_back(i);
        return out;
    }

    SimBroker broker{options()};
};

TEST_P(Paging, TransientMessagesLeaveMemoryAndComeBackInOrder) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    fill(c, "q", 0, 5000);
    EXPECT_GT(broker.queue("q").messages_paged_out, 3000u);
    EXPECT_EQ(broker.queue("q").messages_ready, 5000u);
    EXPECT_LT(broker.core().status().resident_bytes, 2u * 1024 * 1024);
    c.consume(1, "q", true);
    EXPECT_EQ(numbers(c.take_bodies()), range(0, 5000));
    EXPECT_EQ(broker.store().pages(), 0u);
    fill(c, "q", 0, 10);
    EXPECT_EQ(numbers(c.take_bodies()), range(0, 10));
}

TEST_P(Paging, WhatIsAckedInTimeNeverReachesTheDiskThoughMoreFollows) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    c.consume(1, "q");
    c.publish(1, "", "q", "first");
    c.take_bodies();
    c.ack(1, 1);
    for (int i = 0; i < 30; ++i) broker.advance(Milliseconds{10});
    const storage::Lsn before = broker.store().durable();
    for (std::uint64_t tag = 2; tag < 12; ++tag) {
        c.publish(1, "", "q", "one is always on its way");
        broker.advance(Milliseconds{10});
        if (tag > 2) c.ack(1, tag - 1);
        broker.run();
    }
    EXPECT_EQ(broker.store().durable(), before);
    for (int i = 0; i < 10; ++i) broker.advance(Milliseconds{10});
    EXPECT_GT(broker.store().durable(), before) << "the last one waits for its ack";
    broker.crash();
    EXPECT_EQ(broker.queue("q").messages_ready, 1u);
}

TEST_P(Paging, LessIsReadAtOnceWhileAConsumerThatAcksIsBehind) {
    SimClient& c = client();
    c.declare_queue(1, "q", false);
    const auto as_much_as_there_is = [&] { return broker.core().read_bytes_max() > 1u << 30; };
    c.call<amqp::BasicQosOk>(1, amqp::BasicQos{0, 10, false});
    c.consume(1, "q");
    fill(c, "q", 0, 300);
    (void)c.take_all();
    EXPECT_TRUE(as_much_as_there_is());
    c.ack(1, 5, true);
    broker.run();
    EXPECT_LT(broker.core().read_bytes_max(), 256u * 1024);
    EXPECT_GE(broker.core().read_bytes_max(), 16u * 1024);
    broker.advance(Milliseconds{100});
    EXPECT_TRUE(as_much_as_there_is());
}

TEST_P(Paging, AlsoOfQueuesThatDoNotSurvive) {
    SimClient& c = client();
    c.declare_queue(1, "q", false);
    fill(c, "q", 0, 3000, true);
    EXPECT_GT(broker.queue("q").messages_paged_out, 1000u);
    c.consume(1, "q", true);
    EXPECT_EQ(numbers(c.take_bodies()), range(0, 3000));
}

TEST_P(Paging, TransientOnesAreGoneAfterARestartAndPersistentOnesAreNot) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    for (int i = 0; i < 4000; i += 2) {
        c.publish(1, "", "q", std::to_string(i) + Bytes(1000, ' '), true);
        c.publish(1, "", "q", std::to_string(i + 1) + Bytes(1000, ' '), false);
        if (i % 100 == 0) broker.advance(Milliseconds{20});
    }
    for (int i = 0; i < 20; ++i) broker.advance(Milliseconds{20});
    EXPECT_GT(broker.queue("q").messages_paged_out, 1000u);
    broker.restart();
    SimClient& again = client();
    EXPECT_EQ(broker.queue("q").messages_ready, 2000u);
    again.consume(1, "q", true);
    const std::vector<int> got = numbers(again.take_bodies());
    ASSERT_EQ(got.size(), 2000u);
    for (int i = 0; i < 2000; ++i) ASSERT_EQ(got[static_cast<std::size_t>(i)], 2 * i);
}

TEST_P(Paging, PurgeAndDeleteForgetThePages) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    c.declare_queue(1, "r");
    fill(c, "q", 0, 3000);
    fill(c, "r", 0, 3000, true);
    EXPECT_GT(broker.store().pages(), 0u);
    EXPECT_EQ(c.call<amqp::QueuePurgeOk>(1, amqp::QueuePurge{0, "q", false}).message_count, 3000u);
    EXPECT_EQ(c.call<amqp::QueuePurgeOk>(1, amqp::QueuePurge{0, "r", false}).message_count, 3000u);
    EXPECT_EQ(broker.store().pages(), 0u);
    fill(c, "q", 0, 3000);
    fill(c, "q", 3000, 3010);
    EXPECT_GT(broker.store().pages(), 0u);
    amqp::QueueDelete gone;
    gone.queue = "q";
    EXPECT_EQ(c.call<amqp::QueueDeleteOk>(1, gone).message_count, 3010u);
    EXPECT_EQ(broker.store().pages(), 0u);
    broker.restart();
    EXPECT_EQ(broker.queue("r").messages_ready, 0u);
}

TEST_P(Paging, PriorityQueuesPageEachPriority) {
    SimClient& c = client();
    amqp::Table priorities;
    priorities.add_long("x-max-priority", 2);
    declare(c, "q", priorities);
    for (int i = 0; i < 6000; ++i) {
        amqp::PropertiesBuilder properties{amqp::Properties(ByteView("\0\0", 2))};
        properties.set_priority(static_cast<std::uint8_t>(i % 3)).set_delivery_mode(2);
        c.publish_with(1, "", "q", properties.build(), std::to_string(i) + Bytes(1000, ' '));
        if (i % 100 == 0) broker.advance(Milliseconds{20});
    }
    for (int i = 0; i < 20; ++i) broker.advance(Milliseconds{20});
    EXPECT_GT(broker.queue("q").messages_paged_out, 2000u);
    EXPECT_LT(broker.core().status().resident_bytes, 3u * 1024 * 1024);
    for (int start = 0; start < 2; ++start) {
        SimClient& one = client();
        one.consume(1, "q", start == 1);
        std::vector<int> expected;
        for (int priority = 2; priority >= 0; --priority)
            for (int i = priority; i < 6000; i += 3) expected.push_back(i);
        if (start == 1) EXPECT_EQ(numbers(one.take_bodies()), expected);
        broker.crash();
    }
}

TEST_P(Paging, WhatIsReturnedStandsInFrontOfThePages) {
    SimClient& c = client();
    SimClient& taker = client();
    c.declare_queue(1, "q");
    fill(c, "q", 0, 500);
    taker.call<amqp::BasicQosOk>(1, amqp::BasicQos{0, 300, false});
    taker.consume(1, "q");
    EXPECT_EQ(numbers(taker.take_bodies()), range(0, 300));
    fill(c, "q", 500, 4000);
    EXPECT_GT(broker.queue("q").messages_paged_out, 1000u);
    taker.drop();
    broker.run();
    c.consume(1, "q", true);
    EXPECT_EQ(numbers(c.take_bodies()), range(0, 4000));
}

TEST_P(Paging, GetWaitsForThePage) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    fill(c, "q", 0, 3000);
    for (int i = 0; i < 3000; ++i) {
        const auto got = c.get(1, "q");
        ASSERT_TRUE(got);
        ASSERT_EQ(std::stoi(got->body), i);
    }
    EXPECT_FALSE(c.get(1, "q"));
}

TEST_P(Paging, LengthLimitsHoldForWhatIsInPages) {
    SimClient& c = client();
    amqp::Table limit;
    limit.add_long("x-max-length", 3000);
    declare(c, "q", limit);
    fill(c, "q", 0, 5000);
    EXPECT_EQ(broker.queue("q").messages_ready, 3000u);
    c.consume(1, "q", true);
    EXPECT_EQ(numbers(c.take_bodies()), range(2000, 5000));
}

TEST_P(Paging, ConsumersThatNeverAckGetNoMoreThanTheLimitAndOthersGoOn) {
    SimOptions small = options();
    small.core.unacked_bytes_max = 3 * 1024 * 1024;
    small.core.slow_start_window = 0;
    SimBroker limited(small);
    SimClient& c = limited.connect();
    c.open_channel(1);
    c.declare_queue(1, "q");
    c.declare_queue(1, "other");
    SimClient& greedy = limited.connect();
    greedy.open_channel(1);
    greedy.consume(1, "q");
    for (int i = 0; i < 6000; ++i) {
        c.publish(1, "", "q", std::to_string(i) + Bytes(1000, ' '));
        if (i % 100 == 0) limited.advance(Milliseconds{20});
    }
    limited.advance(Milliseconds{20});
    const auto held = static_cast<int>(greedy.take_bodies().size());
    EXPECT_GT(held, 2000);
    EXPECT_LT(held, 3100);
    SimClient& modest = limited.connect();
    modest.open_channel(1);
    modest.consume(1, "other");
    c.publish(1, "", "other", "served");
    EXPECT_EQ(modest.take_bodies(), (std::vector<Bytes>{"served"}));
    greedy.ack(1, static_cast<std::uint64_t>(held), true);
    EXPECT_EQ(numbers(greedy.take_bodies()).front(), held);
    greedy.drop();
    limited.run();
    EXPECT_EQ(limited.queue("q").messages_ready, static_cast<std::uint64_t>(6000 - held));
}

INSTANTIATE_TEST_SUITE_P(Lanes, Paging, testing::Values(0, 3));

}  // namespace
}  // namespace lvt::broker
