#include "protocol/amqp/frame.h"

#include "protocol/base/assert.h"

namespace lvt::amqp {
namespace {

/// Makes room for `size` octets at the end of `out`.
char* grow(Bytes& out, std::size_t size) {
    const std::size_t before = out.size();
    out.resize(before + size);
    return out.data() + before;
}

}  // namespace

void encode_frame(Bytes& out, FrameType type, std::uint16_t channel, ByteView payload) {
    ASSERT(payload.size() <= 0xffffffffu - kFrameOverheadBytes);
    char* to = grow(out, payload.size() + kFrameOverheadBytes);
    to = put_frame_header(to, type, channel, static_cast<std::uint32_t>(payload.size()));
    put_frame_end(put_bytes(to, payload));
}

void encode_header_frame(
    Bytes& out, std::uint16_t channel, std::uint64_t body_size, ByteView properties) {
    put_header_frame(
        grow(out, header_frame_bytes(properties.size())), channel, body_size, properties);
}

void encode_body_frames(
    Bytes& out, std::uint16_t channel, ByteView body, std::uint32_t frame_max) {
    ASSERT(frame_max > kFrameOverheadBytes);
    put_body_frames(grow(out, body_frames_bytes(body.size(), frame_max)), channel, body, frame_max);
}

}  // namespace lvt::amqp
