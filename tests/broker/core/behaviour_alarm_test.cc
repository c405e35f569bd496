// Publishers under a resource alarm (design 7.5).
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lvt::broker {
namespace {

class Alarm : public testing::TestWithParam<std::size_t> {
protected:
    static SimOptions options() {
        SimOptions options;
        options.seed = 5 + GetParam();
        options.lanes = GetParam();
        options.core.blocked_nack_after = Milliseconds{30'000};
        return options;
    }

    SimClient& client() {
        SimClient& c = broker.connect();
        c.open_channel(1);
        return c;
    }

    SimClient& publisher_with_confirms() {
        SimClient& c = client();
        c.declare_queue(1, "q");
        c.call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
        return c;
    }

    void set(AlarmState alarm) {
        broker.core().on_alarm(alarm, broker.clock().now());
        broker.advance(Milliseconds{10});
    }

    /// The last number of each nack.
    static std::vector<std::uint64_t> nacks(const std::vector<Received>& received) {
        std::vector<std::uint64_t> out;
        for (const Received& one : received) {
            if (const auto* const nack = std::get_if<amqp::BasicNack>(&one.method))
                out.push_back(nack->delivery_tag);
        }
        return out;
    }

    SimBroker broker{options()};
};

TEST_P(Alarm, PublishesWithConfirmsAreNackedAfterATime) {
    SimClient& c = publisher_with_confirms();
    set({true, false});
    for (int i = 0; i < 3; ++i) c.publish(1, "", "q", "held");
    EXPECT_EQ(c.expect<amqp::ConnectionBlocked>().reason, "low on memory");
    broker.advance(Milliseconds{29'000});
    EXPECT_TRUE(c.take_all().empty());
    broker.advance(Milliseconds{2'000});
    EXPECT_EQ(nacks(c.take_all()).back(), 3u);
    EXPECT_EQ(broker.queue("q").messages_ready, 0u);
}

TEST_P(Alarm, WhatStillComesIsNackedTooAndTheEndOfTheAlarmIsTold) {
    SimClient& c = publisher_with_confirms();
    set({false, true});
    c.publish(1, "", "q", "held");
    EXPECT_EQ(c.expect<amqp::ConnectionBlocked>().reason, "low on disk");
    broker.advance(Milliseconds{31'000});
    EXPECT_EQ(nacks(c.take_all()), (std::vector<std::uint64_t>{1}));
    c.publish(1, "", "q", "again");
    broker.run();
    broker.advance(Milliseconds{1'000});
    EXPECT_EQ(nacks(c.take_all()), (std::vector<std::uint64_t>{2}));
    set({});
    c.expect<amqp::ConnectionUnblocked>();
    c.publish(1, "", "q", "taken");
    broker.advance(Milliseconds{20});
    EXPECT_EQ(c.expect<amqp::BasicAck>().delivery_tag, 3u);
    EXPECT_EQ(broker.queue("q").messages_ready, 1u);
}

TEST_P(Alarm, WithoutConfirmsAPublishWaitsForTheEnd) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    set({true, false});
    c.publish(1, "", "q", "held");
    c.expect<amqp::ConnectionBlocked>();
    broker.advance(Milliseconds{120'000});
    EXPECT_TRUE(c.take_all().empty());
    EXPECT_EQ(broker.queue("q").messages_ready, 0u);
    set({});
    c.expect<amqp::ConnectionUnblocked>();
    EXPECT_EQ(broker.queue("q").messages_ready, 1u);
}

TEST_P(Alarm, WhatStandsBetweenNackedPublishesIsCarriedOut) {
    SimClient& c = publisher_with_confirms();
    set({true, false});
    c.publish(1, "", "q", "one");
    amqp::QueueDeclare declare;
    declare.queue = "made";
    c.send(1, declare);
    c.publish(1, "", "q", "two");
    c.expect<amqp::ConnectionBlocked>();
    broker.advance(Milliseconds{31'000});
    const std::vector<Received> got = c.take_all();
    EXPECT_EQ(nacks(got).back(), 2u);
    EXPECT_EQ(
        std::count_if(
            got.begin(),
            got.end(),
            [](const Received& one) {
                return std::holds_alternative<amqp::QueueDeclareOk>(one.method);
            }),
        1);
}

INSTANTIATE_TEST_SUITE_P(Lanes, Alarm, testing::Values(0, 3));

}  // namespace
}  // namespace lvt::broker
