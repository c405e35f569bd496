#include "broker/core/route_cache.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

class RouteCacheTest : public testing::Test {
protected:
    MessagePtr message(ByteView exchange, ByteView key) {
        MessageParts parts;
        parts.exchange = exchange;
        parts.routing_key = key;
        return MessageBuilder::build(pool, parts, "");
    }
    /// What stands for a queue; never looked into.
    static Queue* numbered(std::size_t i) { return reinterpret_cast<Queue*>(i + 1); }

    void put(ByteView exchange, ByteView key, std::size_t queue) {
        const MessagePtr one = message(exchange, key);
        ASSERT_EQ(cache.find(*one, epoch), nullptr);
        cache.room().queues = {numbered(queue)};
        cache.keep(*one);
    }
    Queue* found(ByteView exchange, ByteView key) {
        const Route* const route = cache.find(*message(exchange, key), epoch);
        return route ? route->queues.at(0) : nullptr;
    }

    MessagePool pool;
    RouteCache cache;
    std::uint64_t epoch = 1;
};

TEST_F(RouteCacheTest, KnowsManyRoutesInTurn) {
    for (std::size_t i = 0; i < RouteCache::kRoutesMax; ++i) put("e", std::to_string(i), i);
    for (int round = 0; round < 2; ++round) {
        for (std::size_t i = 0; i < RouteCache::kRoutesMax; ++i)
            EXPECT_EQ(found("e", std::to_string(i)), numbered(i));
    }
}

TEST_F(RouteCacheTest, TellsExchangeAndKeyApart) {
    put("ab", "c", 1);
    EXPECT_EQ(found("a", "bc"), nullptr);
    put("a", "bc", 2);
    EXPECT_EQ(found("ab", "c"), numbered(1));
    EXPECT_EQ(found("a", "bc"), numbered(2));
}

TEST_F(RouteCacheTest, ForgetsEverythingInAnotherEpoch) {
    put("e", "a", 1);
    put("e", "b", 2);
    epoch = 2;
    EXPECT_EQ(found("e", "b"), nullptr);
    EXPECT_EQ(found("e", "a"), nullptr);
    put("e", "a", 3);
    EXPECT_EQ(found("e", "a"), numbered(3));
    EXPECT_EQ(found("e", "b"), nullptr);
}

TEST_F(RouteCacheTest, TheOldestMakesWay) {
    const std::size_t most = RouteCache::kRoutesMax;
    for (std::size_t i = 0; i <= most; ++i) put("e", std::to_string(i), i);
    EXPECT_EQ(found("e", "0"), nullptr);
    for (std::size_t i = 1; i <= most; ++i) EXPECT_EQ(found("e", std::to_string(i)), numbered(i));
}

TEST_F(RouteCacheTest, WhatIsNotKeptIsNotKnown) {
    put("e", "a", 1);
    const MessagePtr by_headers = message("h", "");
    EXPECT_EQ(cache.find(*by_headers, epoch), nullptr);
    cache.room().queues = {numbered(2)};
    EXPECT_EQ(cache.find(*by_headers, epoch), nullptr);
    EXPECT_EQ(found("e", "a"), numbered(1));
}

}  // namespace
}  // namespace lvt::broker
