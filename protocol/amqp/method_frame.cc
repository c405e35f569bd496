#include "protocol/amqp/method_frame.h"

namespace lvt::amqp {

void encode_method_frame(Bytes& out, std::uint16_t channel, const Method& method) {
    ByteWriter writer(out);
    writer.u8(static_cast<std::uint8_t>(FrameType::method));
    writer.u16(channel);
    const std::size_t size_at = writer.size();
    writer.u32(0);
    const std::size_t payload_at = writer.size();
    encode_method(method, writer);
    writer.patch_u32(size_at, static_cast<std::uint32_t>(writer.size() - payload_at));
    writer.u8(kFrameEnd);
}

DeliverPrefix::DeliverPrefix(std::uint16_t channel, ByteView consumer_tag) {
    ByteWriter writer(prefix_);
    writer.u8(static_cast<std::uint8_t>(FrameType::method));
    writer.u16(channel);
    writer.u32(0);
    writer.u16(BasicDeliver::kClassId);
    writer.u16(BasicDeliver::kMethodId);
    writer.short_string(consumer_tag);
}

}  // namespace lvt::amqp
