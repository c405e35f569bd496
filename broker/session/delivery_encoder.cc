#include "broker/session/delivery_encoder.h"

namespace lvt::broker {
namespace {

std::size_t content_bytes(const Message& message, std::uint32_t frame_max) {
    return amqp::header_frame_bytes(message.properties().size()) +
           amqp::body_frames_bytes(message.body().size(), frame_max);
}

void put_content(
    char* to, std::uint16_t channel, const Message& message, std::uint32_t frame_max) {
    const ByteView body = message.body();
    to = amqp::put_header_frame(to, channel, body.size(), message.properties());
    amqp::put_body_frames(to, channel, body, frame_max);
}

}  // namespace

void DeliveryEncoder::encode(
    OutputBuffer& out, const Message& message, std::uint64_t delivery_tag, bool redelivered,
    std::uint32_t frame_max) const {
    const ByteView exchange = message.exchange();
    const ByteView routing_key = message.routing_key();
    const std::size_t size = prefix_.frame_bytes(exchange.size(), routing_key.size()) +
                             content_bytes(message, frame_max);
    char* to = out.reserve(size);
    to = prefix_.put(to, delivery_tag, redelivered, exchange, routing_key);
    put_content(to, channel_, message, frame_max);
    out.commit(size);
}

void encode_with_content(
    OutputBuffer& out, std::uint16_t channel, const amqp::Method& method, const Message& message,
    std::uint32_t frame_max) {
    Bytes frame;
    amqp::encode_method_frame(frame, channel, method);
    out.append(frame);
    const std::size_t size = content_bytes(message, frame_max);
    put_content(out.reserve(size), channel, message, frame_max);
    out.commit(size);
}

}  // namespace lvt::broker
