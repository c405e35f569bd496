#include "broker/core/topology_errors.h"

#include <fmt/format.h>

#include <string>

namespace lvt::broker {

using amqp::AmqpError;
using amqp::ReplyCode;

AmqpError not_found(ByteView kind, ByteView name, const VirtualHost& vhost) {
    return {
        ReplyCode::not_found, fmt::format("no {} '{}' in vhost '{}'", kind, name, vhost.name())};
}

AmqpError reserved_name(ByteView kind, ByteView name) {
    return {
        ReplyCode::access_refused,
        fmt::format("{} name '{}' contains reserved prefix 'amq.*'", kind, name)};
}

AmqpError default_exchange_refused() {
    return {ReplyCode::access_refused, "operation not permitted on the default exchange"};
}

AmqpError locked(const Queue& queue) {
    return {
        ReplyCode::resource_locked,
        fmt::format(
            "cannot obtain exclusive access to locked queue '{}' in vhost '{}'. It could be "
            "originally declared on another connection or the exclusive property value does not "
            "match that of the original declaration.",
            queue.name,
            queue.vhost->name())};
}

AmqpError home_is_down(const Queue& queue, ByteView home) {
    return {
        ReplyCode::not_found,
        fmt::format(
            "home node '{}' of {} queue '{}' in vhost '{}' is down or inaccessible",
            home,
            queue.durable ? "durable" : "non-durable",
            queue.name,
            queue.vhost->name())};
}

Bytes without_line_ends(ByteView name) {
    Bytes out(name);
    std::erase_if(out, [](char c) { return c == '\r' || c == '\n'; });
    return out;
}

}  // namespace lvt::broker
