#include "broker/load/publish_frames.h"

#include "protocol/amqp/frame_decoder.h"

#include <gtest/gtest.h>

namespace lvt::broker::load {
namespace {

struct Publish {
    Bytes routing_key;
    Bytes header;
    Bytes body;
};

/// Everything in a batch, as the broker's own decoder reads it.
std::vector<Publish> decoded(ByteView octets) {
    amqp::FrameDecoder decoder(4096);
    std::vector<Publish> out;
    while (true) {
        const auto next = decoder.next(octets);
        if (!next.value()) return out;
        const amqp::Frame& frame = **next;
        if (frame.type == amqp::FrameType::method) {
            const amqp::Method method = amqp::decode_method(frame.payload).value();
            out.push_back({std::get<amqp::BasicPublish>(method).routing_key, {}, {}});
        } else if (frame.type == amqp::FrameType::header) {
            out.back().header = frame.payload;
        } else {
            out.back().body += frame.payload;
        }
    }
}

PublishFramesOptions with_body(std::uint32_t body_bytes) {
    PublishFramesOptions options;
    options.exchange = "ex";
    options.body_bytes = body_bytes;
    options.frame_max = 4096;
    options.run = 9;
    return options;
}

std::uint64_t word(ByteView body, std::size_t at) {
    std::uint64_t value;
    std::memcpy(&value, body.data() + at, sizeof value);
    return value;
}

TEST(PublishFrames, StampsAndNumbersEachMessage) {
    PublishFrames frames(with_body(24), {{"key", 5}});
    const auto batch = frames.next(3, [](std::size_t i) { return 1000 + i; });
    EXPECT_EQ(batch.messages, 3u);
    const auto messages = decoded(batch.octets);
    ASSERT_EQ(messages.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(messages[i].routing_key, "key");
        EXPECT_EQ(messages[i].body.size(), 24u);
        EXPECT_EQ(word(messages[i].body, 0), 1000 + i);
        EXPECT_EQ(word(messages[i].body, 8), (Position{9, 5, i}.packed()));
    }
    EXPECT_EQ(frames.published()[5], 3u);
}

TEST(PublishFrames, TakesTurnsOverDestinations) {
    PublishFrames frames(with_body(16), {{"a", 0}, {"b", 1}});
    Bytes keys;
    for (int i = 0; i < 5; ++i) {
        const auto batch = frames.next(1, [](std::size_t) { return 1; });
        keys += decoded(batch.octets).front().routing_key;
    }
    EXPECT_EQ(keys, "ababa");
    EXPECT_EQ(frames.published(), (std::vector<std::uint64_t>{3, 2}));
}

TEST(PublishFrames, WritesAboutSixtyFourKilobytesAndGoesRound) {
    PublishFrames frames(with_body(1024), {{"key", 0}});
    std::uint64_t messages = 0;
    for (int i = 0; i < 10; ++i) {
        const auto batch = frames.next(100'000, [](std::size_t) { return 1; });
        EXPECT_GE(batch.octets.size(), PublishFrames::kWriteBytes);
        EXPECT_LT(batch.octets.size(), PublishFrames::kWriteBytes + 2048);
        const auto decoded_messages = decoded(batch.octets);
        ASSERT_EQ(decoded_messages.size(), batch.messages);
        EXPECT_EQ(Position::unpack(word(decoded_messages.front().body, 8)).seq, messages);
        messages += batch.messages;
    }
    EXPECT_EQ(frames.published()[0], messages);
}

TEST(PublishFrames, CutsLargeBodies) {
    PublishFrames frames(with_body(10'000), {{"key", 0}});
    const auto batch = frames.next(1, [](std::size_t) { return 7; });
    const auto messages = decoded(batch.octets);
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_EQ(messages[0].body.size(), 10'000u);
    EXPECT_EQ(word(messages[0].body, 0), 7u);
}

TEST(PublishFrames, LeavesShortBodiesAlone) {
    for (const std::uint32_t size : {0u, 7u, 15u}) {
        PublishFrames frames(with_body(size), {{"key", 0}});
        const auto batch = frames.next(2, [](std::size_t) { return 7; });
        const auto messages = decoded(batch.octets);
        ASSERT_EQ(messages.size(), 2u);
        EXPECT_EQ(messages[1].body.size(), size);
    }
}

TEST(PublishFrames, SaysPersistentInTheHeader) {
    PublishFramesOptions options = with_body(16);
    options.persistent = true;
    PublishFrames frames(options, {{"key", 0}});
    const auto batch = frames.next(1, [](std::size_t) { return 7; });
    const Bytes header = decoded(batch.octets).front().header;
    EXPECT_EQ(header.substr(12), Bytes("\x10\0\x02", 3));
}

}  // namespace
}  // namespace lvt::broker::load
