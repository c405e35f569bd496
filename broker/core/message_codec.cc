#include "broker/core/message_codec.h"

#include "broker/core/expiration.h"
#include "protocol/amqp/properties.h"
#include "protocol/base/byte_reader.h"

#include <fmt/format.h>

namespace lvt::broker {

namespace {

constexpr std::uint8_t kFormatVersion = 1;
constexpr std::uint8_t kPersistentFlag = 1;
constexpr std::uint8_t kHidesBccFlag = 2;

}  // namespace

void encode_message_prefix(const Message& message, char* to) {
    to[0] = static_cast<char>(kFormatVersion);
    to[1] = static_cast<char>(message.exchange().size());
    to[2] = static_cast<char>(message.routing_key().size());
    to[3] = static_cast<char>(
        (message.persistent() ? kPersistentFlag : 0) | (message.hides_bcc() ? kHidesBccFlag : 0));
    to[4] = static_cast<char>(message.priority());
    store_big_endian(to + 5, static_cast<std::uint32_t>(message.properties().size()));
}

Result<MessagePtr> decode_message(MessagePool& pool, ByteView stored) {
    ByteReader in(stored);
    const std::uint8_t version = in.u8();
    const std::size_t exchange_size = in.u8();
    const std::size_t routing_key_size = in.u8();
    const std::uint8_t flags = in.u8();
    MessageParts parts;
    parts.priority = in.u8();
    const std::size_t properties_size = in.u32();
    if (in.ok() && version != kFormatVersion) {
        return Error{ErrorKind::unsupported, fmt::format("stored message of version {}", version)};
    }
    parts.exchange = in.view(exchange_size);
    parts.routing_key = in.view(routing_key_size);
    parts.properties = in.view(properties_size);
    parts.persistent = flags & kPersistentFlag;
    if (!in.ok()) return Error{ErrorKind::corrupt, "stored message cut off"};
    const auto scan = amqp::scan_properties(parts.properties);
    if (!scan) return Error{ErrorKind::corrupt, "stored message with malformed properties"};
    if (scan->has(amqp::property::kExpiration)) {
        const auto expiration = parse_expiration(scan->expiration);
        if (const auto* const ms = std::get_if<std::uint64_t>(&expiration))
            parts.expiration_ms = *ms;
    }
    parts.body_size = in.rest().size();
    MessagePtr message = MessageBuilder::build(pool, parts, in.rest());
    if (flags & kHidesBccFlag) message.mutable_get()->hide_bcc();
    return message;
}

}  // namespace lvt::broker
