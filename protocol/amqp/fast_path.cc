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

/// The payload of the frame of that type and channel that stands whole at the front of `rest`; empty where none does.
/// Inlined by force: each caller's constants take half of it away.
[[gnu::always_inline]] inline ByteView whole_frame(
    ByteView rest, FrameType type, std::uint16_t channel, std::size_t lowest, std::uint32_t max) {
    if (rest.size() < kFrameOverheadBytes + lowest) return {};
    const char* const at = rest.data();
    if (static_cast<std::uint8_t>(at[0]) != static_cast<std::uint8_t>(type)) return {};
    if (load_big_endian<std::uint16_t>(at + 1) != channel) return {};
    const std::size_t size = load_big_endian<std::uint32_t>(at + 3);
    if (size < lowest || size + kFrameOverheadBytes > max) return {};
    if (size + kFrameOverheadBytes > rest.size()) return {};
    if (static_cast<std::uint8_t>(at[kFrameHeaderBytes + size]) != kFrameEnd) return {};
    return {at + kFrameHeaderBytes, size};
}

/// The channel of the frame in front, 0 where there is none.
std::uint16_t channel_of(ByteView rest) {
    return rest.size() < kFrameHeaderBytes ? 0 : load_big_endian<std::uint16_t>(rest.data() + 1);
}

}  // namespace

bool parse_publish(ByteView input, std::uint32_t frame_max, FusedPublish& out) {
    ByteView rest = input;
    const std::uint16_t channel = channel_of(rest);
    if (channel == 0) return false;
    const ByteView method =
        whole_frame(rest, FrameType::method, channel, kPublishBytesLowest, frame_max);
    if (method.empty()) return false;
    const char* const at = method.data();
    if (load_big_endian<std::uint32_t>(at) != kPublishIds) return false;
    const std::size_t exchange_size = static_cast<std::uint8_t>(at[6]);
    if (method.size() < kPublishBytesLowest + exchange_size) return false;
    const std::size_t key_size = static_cast<std::uint8_t>(at[7 + exchange_size]);
    if (method.size() != kPublishBytesLowest + exchange_size + key_size) return false;
    rest.remove_prefix(method.size() + kFrameOverheadBytes);

    const ByteView header =
        whole_frame(rest, FrameType::header, channel, kContentHeaderBytes + 2, frame_max);
    if (header.empty()) return false;
    if (load_big_endian<std::uint32_t>(header.data()) != kBasicHeader) return false;
    const auto body_size = load_big_endian<std::uint64_t>(header.data() + 4);
    rest.remove_prefix(header.size() + kFrameOverheadBytes);

    ByteView body;
    if (body_size != 0) {
        body = whole_frame(rest, FrameType::body, channel, 1, frame_max);
        if (body.size() != body_size) return false;
        rest.remove_prefix(body.size() + kFrameOverheadBytes);
    }
    out.properties = {header.data() + kContentHeaderBytes, header.size() - kContentHeaderBytes};
    if (!scan_properties(out.properties, out.scan)) return false;
    out.channel = channel;
    const char bits = method.back();
    out.mandatory = (bits & 1) != 0;
    out.immediate = (bits & 2) != 0;
    out.exchange = ByteView(at + 7, exchange_size);
    out.routing_key = ByteView(at + 8 + exchange_size, key_size);
    out.body = body;
    out.total_bytes = input.size() - rest.size();
    return true;
}

std::optional<FusedAck> parse_ack(ByteView input) {
    const std::uint16_t channel = channel_of(input);
    if (channel == 0) return std::nullopt;
    const ByteView method =
        whole_frame(input, FrameType::method, channel, kAckBytes, kAckFrameBytes);
    if (method.empty()) return std::nullopt;
    const char* const at = method.data();
    if (load_big_endian<std::uint32_t>(at) != kAckIds) return std::nullopt;
    const auto tag = load_big_endian<std::uint64_t>(at + 4);
    return FusedAck{channel, (at[12] & 1) != 0, tag, kAckFrameBytes};
}

}  // namespace lvt::amqp
