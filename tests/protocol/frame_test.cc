#include "protocol/amqp/frame.h"

#include <gtest/gtest.h>

#include "protocol/amqp/method_frame.h"

namespace lvt::amqp {
namespace {

TEST(Frame, EncodesTypeChannelSizePayloadAndEnd) {
    Bytes out = "before";
    encode_frame(out, FrameType::method, 0x0102, "abc");
    EXPECT_EQ(out, Bytes("before\1\1\2\0\0\0\3abc\xce", 17));
}

TEST(Frame, HeartbeatIsEmptyOnChannelZero) {
    Bytes out;
    encode_frame(out, FrameType::heartbeat, 0, {});
    EXPECT_EQ(out, kHeartbeatFrame);
}

TEST(Frame, EncodesMethodFrames) {
    Bytes out;
    encode_method_frame(out, 3, ChannelCloseOk{});
    EXPECT_EQ(out, Bytes("\1\0\3\0\0\0\4\0\x14\0\x29\xce", 12));
}

TEST(Frame, EncodesContentHeaders) {
    Bytes out;
    encode_header_frame(out, 1, 0x1122334455667788, ByteView("\x10\0\2", 3));
    EXPECT_EQ(
        out,
        Bytes("\2\0\1\0\0\0\x0f\0\x3c\0\0\x11\x22\x33\x44\x55\x66\x77\x88\x10\0\2\xce", 23));
    EXPECT_EQ(out.size(), header_frame_bytes(3));
}

TEST(Frame, CutsBodiesAtTheNegotiatedMax) {
    const std::uint32_t frame_max = kFrameMaxLowest;
    const std::size_t payload_max = frame_max - 8;
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, payload_max - 1, payload_max, payload_max + 1,
          2 * payload_max, 2 * payload_max + 1}) {
        const Bytes body(size, 'b');
        Bytes out;
        encode_body_frames(out, 1, body, frame_max);
        EXPECT_EQ(out.size(), body_frames_bytes(size, frame_max));
        Bytes together;
        ByteView rest = out;
        while (!rest.empty()) {
            const auto payload = load_big_endian<std::uint32_t>(rest.data() + 3);
            ASSERT_LE(payload, payload_max);
            together += rest.substr(7, payload);
            rest.remove_prefix(payload + 8);
        }
        EXPECT_EQ(together, body) << size;
    }
}

TEST(Frame, AckInPlaceEqualsTheEncoder) {
    for (const bool multiple : {false, true}) {
        Bytes expected;
        encode_method_frame(expected, 7, BasicAck{0x0102030405060708, multiple});
        Bytes out(kAckFrameBytes, '\0');
        EXPECT_EQ(put_ack_frame(out.data(), 7, 0x0102030405060708, multiple), &*out.end());
        EXPECT_EQ(out, expected);
    }
}

TEST(DeliverPrefix, EqualsTheEncoder) {
    for (const Bytes& tag : {Bytes(), Bytes("ctag"), Bytes(255, 't')}) {
        for (const bool redelivered : {false, true}) {
            BasicDeliver deliver{tag, 0xfedcba9876543210, redelivered, "ex", Bytes(255, 'k')};
            Bytes expected;
            encode_method_frame(expected, 65535, deliver);
            const DeliverPrefix prefix(65535, tag);
            Bytes out(prefix.frame_bytes(2, 255), '\0');
            char* end = prefix.put(
                out.data(), deliver.delivery_tag, redelivered, "ex", deliver.routing_key);
            EXPECT_EQ(end, out.data() + out.size());
            EXPECT_EQ(out, expected);
        }
    }
}

}  // namespace
}  // namespace lvt::amqp
