// AmqpError: what the peer did wrong, in the words of AMQP (spec 1.2 "constants", section 4.10).
#pragma once

#include <cstdint>

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include "protocol/base/bytes.h"

namespace lvt::amqp {

enum class ReplyCode : std::uint16_t {
    success = 200,
    content_too_large = 311,
    no_route = 312,
    no_consumers = 313,
    connection_forced = 320,
    invalid_path = 402,
    access_refused = 403,
    not_found = 404,
    resource_locked = 405,
    precondition_failed = 406,
    frame_error = 501,
    syntax_error = 502,
    command_invalid = 503,
    channel_error = 504,
    unexpected_frame = 505,
    resource_error = 506,
    not_allowed = 530,
    not_implemented = 540,
    internal_error = 541,
};

/// "NOT_FOUND": RabbitMQ begins every reply text with it, then " - ".
const char* reply_code_name(ReplyCode code);

struct AmqpError {
    ReplyCode code = ReplyCode::internal_error;
    /// Without the name of the code: "no queue 'q' in vhost '/'".
    Bytes text;
    /// The method at fault; 0.0 where it is a matter of framing.
    std::uint16_t class_id = 0;
    std::uint16_t method_id = 0;
    /// RabbitMQ closes the whole connection for some errors that the specification calls soft, where the caller says so.
    bool hard = false;

    /// True where it ends the connection, false where it ends the channel only.
    bool closes_connection() const;
    /// "NOT_FOUND - no queue 'q' in vhost '/'", cut at 255 octets: reply-text as it goes out.
    Bytes reply_text() const;

    bool operator==(const AmqpError&) const = default;
};

template <class T>
using AmqpResult = boost::system::result<T, AmqpError>;

[[noreturn]] void throw_exception_from_error(
    const AmqpError& error, const boost::source_location& location);

}  // namespace lvt::amqp
