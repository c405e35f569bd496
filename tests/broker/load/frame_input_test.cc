#include "broker/load/frame_input.h"

#include "protocol/amqp/method_frame.h"

#include <gtest/gtest.h>

namespace lvt::broker::load {
namespace {

void feed(FrameInput& input, ByteView octets) {
    std::memcpy(input.space(), octets.data(), octets.size());
    input.received(octets.size());
}

Bytes two_frames() {
    Bytes octets;
    amqp::encode_frame(octets, amqp::FrameType::method, 7, "method");
    amqp::encode_frame(octets, amqp::FrameType::body, 8, "a body");
    return octets;
}

TEST(FrameInput, HandsOutFramesAtEverySplit) {
    const Bytes octets = two_frames();
    for (std::size_t cut = 0; cut <= octets.size(); ++cut) {
        FrameInput input(4096);
        amqp::Frame frame;
        std::vector<Bytes> payloads;
        for (const ByteView part :
             {ByteView(octets).substr(0, cut), ByteView(octets).substr(cut)}) {
            feed(input, part);
            while (input.next(frame)) payloads.emplace_back(frame.payload);
        }
        ASSERT_EQ(payloads, (std::vector<Bytes>{"method", "a body"})) << cut;
        ASSERT_EQ(frame.channel, 8);
        ASSERT_EQ(frame.type, amqp::FrameType::body);
    }
}

TEST(FrameInput, TakesTheLargestFrameAndNoLarger) {
    for (const std::size_t payload : {4088u, 4089u}) {
        Bytes octets;
        amqp::encode_frame(octets, amqp::FrameType::body, 1, Bytes(payload, 'x'));
        FrameInput input(4096);
        amqp::Frame frame;
        feed(input, ByteView(octets).substr(0, 100));
        EXPECT_FALSE(input.next(frame));
        feed(input, ByteView(octets).substr(100));
        EXPECT_EQ(input.next(frame), payload == 4088);
        EXPECT_EQ(input.broken(), payload != 4088);
    }
}

TEST(FrameInput, StopsAtAWrongFrameEnd) {
    Bytes octets = two_frames();
    octets[13] = 'x';
    FrameInput input(4096);
    amqp::Frame frame;
    feed(input, octets);
    EXPECT_FALSE(input.next(frame));
    EXPECT_TRUE(input.broken());
    EXPECT_FALSE(input.next(frame));
}

}  // namespace
}  // namespace lvt::broker::load
