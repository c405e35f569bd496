#include "broker/load/load_plan.h"

#include <gtest/gtest.h>

namespace lvt::broker::load {
namespace {

LoadOptions options_of(std::uint32_t producers, std::uint32_t consumers, std::uint32_t queues) {
    LoadOptions options;
    options.producers = producers;
    options.consumers = consumers;
    options.queues = queues;
    options.queue_prefix = Bytes("q");
    return options;
}

std::vector<Bytes> keys(const LoadPlan& plan, std::uint32_t producer) {
    std::vector<Bytes> out;
    for (const Destination& d : plan.destinations(producer)) out.push_back(d.routing_key);
    return out;
}

TEST(LoadPlan, PairsProducersConsumersAndQueues) {
    const LoadPlan plan(options_of(4, 4, 4));
    for (std::uint32_t i = 0; i < 4; ++i) {
        EXPECT_EQ(keys(plan, i), std::vector<Bytes>{plan.queue_name(i)});
        EXPECT_EQ(plan.queues_of_consumer(i), std::vector<std::uint32_t>{i});
    }
}

TEST(LoadPlan, SharesManyQueuesAmongFew) {
    const LoadPlan plan(options_of(2, 2, 5));
    EXPECT_EQ(keys(plan, 0), (std::vector<Bytes>{"q-0", "q-2", "q-4"}));
    EXPECT_EQ(keys(plan, 1), (std::vector<Bytes>{"q-1", "q-3"}));
    EXPECT_EQ(plan.queues_of_consumer(1), (std::vector<std::uint32_t>{1, 3}));
    EXPECT_EQ(plan.streams().size(), 5u);
}

TEST(LoadPlan, SharesFewQueuesAmongMany) {
    const LoadPlan plan(options_of(3, 3, 2));
    EXPECT_EQ(keys(plan, 2), std::vector<Bytes>{"q-0"});
    EXPECT_EQ(plan.queues_of_consumer(2), std::vector<std::uint32_t>{0});
    EXPECT_EQ(plan.streams().size(), 3u);
}

TEST(LoadPlan, SendsAFanOutOnceForAllQueues) {
    LoadOptions options = options_of(1, 3, 3);
    options.exchange = "ex";
    options.exchange_type = "fanout";
    const LoadPlan plan(options);
    EXPECT_EQ(plan.destinations(0).size(), 1u);
    EXPECT_EQ(plan.copies(), 3u);
}

TEST(LoadPlan, GivesEachWildcardBindingAKeyOfItsQueue) {
    LoadOptions options = options_of(2, 1, 2);
    options.exchange = "ex";
    options.exchange_type = "topic";
    options.bindings = 5;
    const LoadPlan plan(options);
    ASSERT_EQ(plan.destinations(1).size(), 5u);
    for (std::uint32_t b = 0; b < 5; ++b) {
        const Stream& stream = plan.streams()[plan.destinations(1)[b].stream];
        EXPECT_EQ(stream.producer, 1u);
        EXPECT_EQ(stream.queue, b % 2);
    }
    EXPECT_EQ(plan.streams().size(), 4u);
    EXPECT_EQ(plan.copies(), 1u);
}

}  // namespace
}  // namespace lvt::broker::load
