// Where a broker listens and as whom to log in: amqp://user:password@host:port/vhost
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

#include <cstdint>

namespace lvt::broker::load {

struct AmqpUrl {
    Bytes user = "guest";
    Bytes password = "guest";
    Bytes host = "localhost";
    std::uint16_t port = 5672;
    Bytes virtual_host = "/";

    bool operator==(const AmqpUrl&) const = default;
};

/// Percent signs are decoded in user, password and virtual host; what is left out keeps its default. An IPv6 address stands
/// in brackets. A virtual host "" needs the slash ("amqp://host/"); without it, it is "/".
/// Fails with invalid: another scheme, a bad port, a broken percent escape.
Result<AmqpUrl> parse_amqp_url(ByteView text);

}  // namespace lvt::broker::load
