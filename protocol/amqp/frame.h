// Frames (spec 4.2.3): what AMQP's octet stream is cut into, and their encoders.
//
//   0      1         3          7            7 + size
//   +------+---------+----------+------------+------+
//   | type | channel |   size   |  payload   | 0xCE |
//   +------+---------+----------+------------+------+
//      u8     u16        u32     size octets    u8       all big-endian; size + 8 <= the negotiated frame_max
//
//   payload of a method frame:  class id u16, method id u16, arguments
//   payload of a header frame:  class id u16, weight u16 (0), body size u64, property flags u16, properties
//   payload of a body frame:    octets of the body
//   payload of a heartbeat:     nothing
//
// The `encode_` functions append to a Bytes. The `put_` functions write to memory that the caller has reserved and
// return the address behind what they wrote; a `_bytes` function beside each says how much that is.
#pragma once

#include "protocol/base/byte_reader.h"
#include "protocol/base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lvt::amqp {

enum class FrameType : std::uint8_t { method = 1, header = 2, body = 3, heartbeat = 8 };

inline constexpr std::uint8_t kFrameEnd = 0xce;
inline constexpr std::size_t kFrameHeaderBytes = 7;
/// Everything around a payload.
inline constexpr std::size_t kFrameOverheadBytes = kFrameHeaderBytes + 1;
/// The specification's frame-min-size: no peer may ask for less.
inline constexpr std::uint32_t kFrameMaxLowest = 4096;
/// A content header's payload without the properties.
inline constexpr std::size_t kContentHeaderBytes = 12;
inline constexpr std::uint16_t kBasicClassId = 60;

/// A frame, or a part of a body frame.
struct Frame {
    FrameType type = FrameType::heartbeat;
    std::uint16_t channel = 0;
    ByteView payload;
    /// False only for a body frame of which more follows.
    bool ended = true;
};

inline constexpr ByteView kHeartbeatFrame{"\x08\0\0\0\0\0\0\xce", 8};

void encode_frame(Bytes& out, FrameType type, std::uint16_t channel, ByteView payload);

/// `properties` are in wire form, from the flags on.
void encode_header_frame(
    Bytes& out, std::uint16_t channel, std::uint64_t body_size, ByteView properties);

/// Cuts the body at frame_max - 8. An empty body has no frame.
void encode_body_frames(Bytes& out, std::uint16_t channel, ByteView body, std::uint32_t frame_max);

constexpr std::size_t header_frame_bytes(std::size_t properties_bytes) {
    return kFrameOverheadBytes + kContentHeaderBytes + properties_bytes;
}

constexpr std::size_t body_frames_bytes(std::size_t body_bytes, std::uint32_t frame_max) {
    const std::size_t payload_max = frame_max - kFrameOverheadBytes;
    if (body_bytes == 0) return 0;
    if (body_bytes <= payload_max) return body_bytes + kFrameOverheadBytes;
    return body_bytes + kFrameOverheadBytes * ((body_bytes + payload_max - 1) / payload_max);
}

inline char* put_short_string(char* to, ByteView value) {
    *to = static_cast<char>(value.size());
    return put_bytes(to + 1, value);
}

inline char* put_frame_header(
    char* to, FrameType type, std::uint16_t channel, std::uint32_t payload_bytes) {
    to[0] = static_cast<char>(type);
    store_big_endian(to + 1, channel);
    store_big_endian(to + 3, payload_bytes);
    return to + kFrameHeaderBytes;
}

inline char* put_frame_end(char* to) {
    *to = static_cast<char>(kFrameEnd);
    return to + 1;
}

/// Writes header_frame_bytes(properties.size()) octets.
inline char* put_header_frame(
    char* to, std::uint16_t channel, std::uint64_t body_size, ByteView properties) {
    to = put_frame_header(
        to,
        FrameType::header,
        channel,
        static_cast<std::uint32_t>(kContentHeaderBytes + properties.size()));
    store_big_endian(to, std::uint32_t{kBasicClassId} << 16);
    store_big_endian(to + 4, body_size);
    return put_frame_end(put_bytes(to + kContentHeaderBytes, properties));
}

/// Writes body_frames_bytes(body.size(), frame_max) octets.
inline char* put_body_frames(
    char* to, std::uint16_t channel, ByteView body, std::uint32_t frame_max) {
    const std::size_t payload_max = frame_max - kFrameOverheadBytes;
    while (!body.empty()) {
        const ByteView payload = body.substr(0, payload_max);
        body.remove_prefix(payload.size());
        to = put_frame_header(
            to, FrameType::body, channel, static_cast<std::uint32_t>(payload.size()));
        to = put_frame_end(put_bytes(to, payload));
    }
    return to;
}

}  // namespace lvt::amqp
