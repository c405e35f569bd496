// Where a broker listens and as whom to log in: amqp://user:password@host:port/vhost, or amqps:// with TLS
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

    /// amqps: the port is 5671 where it is left out.
    bool tls = false;
    /// Of those that sign the server's certificate, PEM; empty: the ones that the system trusts.
    Bytes cacertfile = {};
    bool verify = true;
    /// What the server is asked for and has to be, where that is not the host.
    Bytes server_name = {};

    bool operator==(const AmqpUrl&) const = default;
};

/// Percent signs are decoded in user, password and virtual host; what is left out keeps its default. An IPv6 address stands
/// in brackets. A virtual host "" needs the slash ("amqp://host/"); without it, it is "/".
/// amqps takes RabbitMQ's "?cacertfile=FILE&verify=verify_none&server_name_indication=NAME", each of them or none.
/// Fails with invalid: another scheme, a bad port, a broken percent escape, an unknown parameter; no text tells the password.
Result<AmqpUrl> parse_amqp_url(ByteView text);

}  // namespace lvt::broker::load
