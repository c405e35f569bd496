// The expiration property: a message's time to live, as decimal text.
#pragma once

#include "protocol/base/bytes.h"

#include <cstdint>
#include <variant>

namespace lvt::broker {

/// Milliseconds, or what RabbitMQ says is wrong: `no_integer`, `{value_negative,-1}`, `{value_too_large,315360000001}`,
/// `{leftover_string,"x"}`.
std::variant<std::uint64_t, Bytes> parse_expiration(ByteView text);

}  // namespace lvt::broker
