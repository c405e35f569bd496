#include "broker/core/publish_check.h"

#include "broker/core/expiration.h"

#include <fmt/format.h>

namespace lvt::broker {

namespace {

amqp::AmqpError refused(Bytes text) {
    return {
        amqp::ReplyCode::precondition_failed,
        std::move(text),
        amqp::BasicPublish::kClassId,
        amqp::BasicPublish::kMethodId};
}

amqp::AmqpError unknown_mode(const amqp::PropertiesScan& scan) {
    return refused(
        fmt::format("invalid message: {{delivery_mode_unknown,{}}}", scan.delivery_mode));
}

}  // namespace

amqp::AmqpResult<void> check_publish_properties(
    const amqp::PropertiesScan& scan, ByteView user, bool impersonator) {
    if (scan.has(amqp::property::kUserId) && scan.user_id != user && !impersonator) {
        return refused(fmt::format(
            "user_id property set to '{}' but authenticated user was '{}'", scan.user_id, user));
    }
    if (scan.delivery_mode > amqp::kPersistent ||
        (scan.delivery_mode == 0 && scan.has(amqp::property::kDeliveryMode)))
        return unknown_mode(scan);
    if (scan.has(amqp::property::kExpiration)) {
        const auto parsed = parse_expiration(scan.expiration);
        if (const Bytes* const wrong = std::get_if<Bytes>(&parsed)) {
            return refused(fmt::format("invalid expiration '{}': {}", scan.expiration, *wrong));
        }
    }
    if (scan.has(amqp::property::kDeliveryMode) && scan.delivery_mode != 1 && !scan.persistent())
        return unknown_mode(scan);
    return {};
}

amqp::BasicReturn refused_publish(Bytes exchange, Bytes routing_key, amqp::AmqpError fault) {
    amqp::BasicReturn out;
    out.reply_code = static_cast<std::uint16_t>(fault.code);
    out.reply_text = std::move(fault.text);
    out.exchange = std::move(exchange);
    out.routing_key = std::move(routing_key);
    return out;
}

}  // namespace lvt::broker
