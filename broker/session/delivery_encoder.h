// DeliveryEncoder: messages as a client gets them, one reservation and direct stores each.
//
//   method frame (basic.deliver, get-ok, return) | header frame | body frames, each at most frame_max
#pragma once

#include "broker/core/message.h"
#include "broker/session/output_buffer.h"
#include "protocol/amqp/method.h"
#include "protocol/amqp/method_frame.h"

namespace lvt::broker {

/// Of one consumer. Holds the part of basic.deliver that all its deliveries share.
class DeliveryEncoder {
public:
    DeliveryEncoder() = default;
    /// The tag has at most 255 octets.
    DeliveryEncoder(std::uint16_t channel, ByteView consumer_tag)
        : channel_(channel), prefix_(channel, consumer_tag) {}

    void encode(
        OutputBuffer& out, const Message& message, std::uint64_t delivery_tag, bool redelivered,
        std::uint32_t frame_max) const;

private:
    std::uint16_t channel_ = 0;
    amqp::DeliverPrefix prefix_;
};

/// Any method with that message as its content: basic.get-ok, basic.return.
void encode_with_content(
    OutputBuffer& out, std::uint16_t channel, const amqp::Method& method, const Message& message,
    std::uint32_t frame_max);

}  // namespace lvt::broker
