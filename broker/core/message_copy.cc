#include "broker/core/message_copy.h"

#include "protocol/amqp/properties.h"

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

amqp::Table headers_as_seen(const Message& message) {
    amqp::Table out;
    const auto headers = amqp::Properties(message.properties()).headers();
    if (!headers) return out;
    for (const auto& [name, value] : amqp::TableView(*headers)) {
        if (!message.hides_bcc() || name != "BCC") out.add_value(name, value);
    }
    return out;
}

}  // namespace lvt::broker
