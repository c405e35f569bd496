// SASL: user and password out of the response of connection.start-ok.
#pragma once

#include "protocol/amqp/amqp_error.h"
#include "protocol/base/bytes.h"

namespace lvt::broker {

/// The client's certificate is the proof; there is no response to look at.
inline constexpr ByteView kExternal = "EXTERNAL";

struct Credentials {
    Bytes user;
    Bytes password;
};

///   PLAIN:     0 user 0 password
///   AMQPLAIN:  a table without its length: LOGIN, PASSWORD (long strings)
///
/// command_invalid for any other mechanism, syntax_error for a malformed response. The error's text does not
/// repeat the response.
amqp::AmqpResult<Credentials> parse_credentials(ByteView mechanism, ByteView response);

amqp::AmqpError unknown_mechanism(ByteView mechanism);

}  // namespace lvt::broker
