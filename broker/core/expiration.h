// The expiration property: a message's time to live, as decimal text.
#pragma once

#include "protocol/base/bytes.h"

#include <cstdint>
#include <variant>

namespace lvt::broker {

/// Milliseconds (more than 32 bits can say: the most they can), or what RabbitMQ says is wrong: `no_integer`,
/// `{value_negative,-1}`, `{leftover_string,"x"}`.
std::variant<std::uint32_t, Bytes> parse_expiration(ByteView text);

}  // namespace lvt::broker
