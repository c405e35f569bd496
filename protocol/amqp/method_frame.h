// Method frames: whole ones from values, and those of the hot path straight into reserved memory.
#pragma once

#include "protocol/amqp/frame.h"
#include "protocol/amqp/method.h"

namespace lvt::amqp {

/// Appends a whole method frame.
void encode_method_frame(Bytes& out, std::uint16_t channel, const Method& method);

/// basic.ack: 21 octets.
inline constexpr std::size_t kAckFrameBytes = kFrameOverheadBytes + 13;

/// Writes kAckFrameBytes octets.
inline char* put_ack_frame(
    char* to, std::uint16_t channel, std::uint64_t delivery_tag, bool multiple) {
    to = put_frame_header(to, FrameType::method, channel, 13);
    store_big_endian(
        to, std::uint32_t{BasicAck::kClassId} << 16 | std::uint32_t{BasicAck::kMethodId});
    store_big_endian(to + 4, delivery_tag);
    to[12] = multiple ? 1 : 0;
    return put_frame_end(to + 13);
}

/// The part of basic.deliver that is the same for all deliveries of a consumer, encoded once.
class DeliverPrefix {
public:
    DeliverPrefix() = default;
    /// The tag has at most 255 octets.
    DeliverPrefix(std::uint16_t channel, ByteView consumer_tag);

    /// The size of a whole deliver frame.
    std::size_t frame_bytes(std::size_t exchange_bytes, std::size_t routing_key_bytes) const {
        return prefix_.size() + 12 + exchange_bytes + routing_key_bytes;
    }

    /// Writes a whole deliver frame of frame_bytes() octets. Names have at most 255 octets.
    char* put(
        char* to,
        std::uint64_t delivery_tag,
        bool redelivered,
        ByteView exchange,
        ByteView routing_key) const {
        const std::size_t size = frame_bytes(exchange.size(), routing_key.size());
        char* const size_field = to + 3;
        to = put_bytes(to, prefix_);
        store_big_endian(size_field, static_cast<std::uint32_t>(size - kFrameOverheadBytes));
        store_big_endian(to, delivery_tag);
        to[8] = redelivered ? 1 : 0;
        to = put_short_string(to + 9, exchange);
        return put_frame_end(put_short_string(to, routing_key));
    }

private:
    Bytes prefix_;
};

}  // namespace lvt::amqp
