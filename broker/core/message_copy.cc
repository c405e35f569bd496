#include "broker/core/message_copy.h"

namespace lvt::broker {

MessagePtr with_properties(MessagePool& pool, const Message& message, ByteView properties) {
    const MessageParts parts{
        message.exchange(),
        message.routing_key(),
        properties,
        message.body().size(),
        message.priority(),
        message.persistent(),
        message.expiration_ms()};
    return MessageBuilder::build(pool, parts, message.body());
}

}  // namespace lvt::broker
