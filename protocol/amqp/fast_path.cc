#include "protocol/amqp/fast_path.h"

#include "protocol/amqp/method_frame.h"

namespace lvt::amqp {
namespace {

constexpr std::uint32_t ids(std::uint16_t class_id, std::uint16_t method_id) {
    return std::uint32_t{class_id} << 16 | method_id;
}

constexpr std::uint32_t kPublishIds = ids(BasicPublish::kClassId, BasicPublish::kMethodId);
constexpr std::uint32_t kAckIds = ids(BasicAck::kClassId, BasicAck::kMethodId);
/// Class and weight of a content header.
constexpr std::uint32_t kBasicHeader = ids(kBasicClassId, 0);
/// ids, ticket, two lengths, bits.
constexpr std::size_t kPublishBytesLowest = 4 + 2 + 1 + 1 + 1;
constexpr std::size_t kAckBytes = kAckFrameBytes - kFrameOverheadBytes;

/// The first three octets of a frame.
std::uint32_t type_and_channel(const char* frame) {
    return std::uint32_t{load_big_endian<std::uint8_t>(frame)} << 16 |
           load_big_endian<std::uint16_t>(frame + 1);
}

std::uint32_t type_and_channel(FrameType type, std::uint16_t channel) {
    return std::uint32_t{static_cast<std::uint8_t>(type)} << 16 | channel;
}

/// The payload's size where a whole frame stands at the front of `rest`, else 0.
std::size_t whole_frame(ByteView rest, std::size_t payload_lowest, std::uint32_t frame_max) {
    if (rest.size() < kFrameOverheadBytes + payload_lowest) return 0;
    const std::size_t size = load_big_endian<std::uint32_t>(rest.data() + 3);
    if (size < payload_lowest || size + kFrameOverheadBytes > frame_max) return 0;
    if (size + kFrameOverheadBytes > rest.size()) return 0;
    const char end = rest[kFrameHeaderBytes + size];
    return static_cast<std::uint8_t>(end) == kFrameEnd ? size : 0;
}

}  // namespace

std::optional<FusedPublish> parse_publish(ByteView input, std::uint32_t frame_max) {
    ByteView rest = input;
    const std::size_t method_size = whole_frame(rest, kPublishBytesLowest, frame_max);
    if (method_size == 0) return std::nullopt;
    const char* at = rest.data();
    const auto channel = load_big_endian<std::uint16_t>(at + 1);
    if (type_and_channel(at) != type_and_channel(FrameType::method, channel) || channel == 0) {
        return std::nullopt;
    }
    at += kFrameHeaderBytes;
    if (load_big_endian<std::uint32_t>(at) != kPublishIds) return std::nullopt;
    const std::size_t exchange_size = static_cast<std::uint8_t>(at[6]);
    if (method_size < kPublishBytesLowest + exchange_size) return std::nullopt;
    const std::size_t key_size = static_cast<std::uint8_t>(at[7 + exchange_size]);
    if (method_size != kPublishBytesLowest + exchange_size + key_size) return std::nullopt;
    std::optional<FusedPublish> out(std::in_place);
    out->channel = channel;
    out->exchange = ByteView(at + 7, exchange_size);
    out->routing_key = ByteView(at + 8 + exchange_size, key_size);
    const char bits = at[method_size - 1];
    out->mandatory = bits & 1;
    out->immediate = bits & 2;
    rest.remove_prefix(method_size + kFrameOverheadBytes);

    const std::size_t header_size = whole_frame(rest, kContentHeaderBytes + 2, frame_max);
    if (header_size == 0) return std::nullopt;
    at = rest.data();
    if (type_and_channel(at) != type_and_channel(FrameType::header, channel)) return std::nullopt;
    at += kFrameHeaderBytes;
    if (load_big_endian<std::uint32_t>(at) != kBasicHeader) return std::nullopt;
    const auto body_size = load_big_endian<std::uint64_t>(at + 4);
    out->properties = ByteView(at + kContentHeaderBytes, header_size - kContentHeaderBytes);
    rest.remove_prefix(header_size + kFrameOverheadBytes);

    if (body_size != 0) {
        if (whole_frame(rest, 1, frame_max) != body_size) return std::nullopt;
        at = rest.data();
        if (type_and_channel(at) != type_and_channel(FrameType::body, channel)) return std::nullopt;
        out->body = ByteView(at + kFrameHeaderBytes, body_size);
        rest.remove_prefix(body_size + kFrameOverheadBytes);
    }
    const auto scan = scan_properties(out->properties);
    if (!scan) return std::nullopt;
    out->scan = *scan;
    out->total_bytes = input.size() - rest.size();
    return out;
}

std::optional<FusedAck> parse_ack(ByteView input) {
    if (whole_frame(input, kAckBytes, kFrameMaxLowest) != kAckBytes) return std::nullopt;
    const char* at = input.data();
    const auto channel = load_big_endian<std::uint16_t>(at + 1);
    if (type_and_channel(at) != type_and_channel(FrameType::method, channel) || channel == 0) {
        return std::nullopt;
    }
    at += kFrameHeaderBytes;
    if (load_big_endian<std::uint32_t>(at) != kAckIds) return std::nullopt;
    const auto tag = load_big_endian<std::uint64_t>(at + 4);
    return FusedAck{channel, (at[12] & 1) != 0, tag, kAckFrameBytes};
}

}  // namespace lvt::amqp
