// Direct reply-to: a client that asks names this pseudo queue in reply_to and consumes from it; whoever answers publishes to the name
// that the broker has put there instead. Nothing is kept: a reply finds its consumer at once, or nobody.
#pragma once

#include "protocol/base/bytes.h"

#include <cstdint>

namespace lvt::broker {

inline constexpr ByteView kReplyTo = "amq.rabbitmq.reply-to";
/// What the names that lead to consumers start with.
inline constexpr ByteView kReplyToPrefix = "amq.rabbitmq.reply-to.";
/// Octets on their way to one connection above which replies to it are lost.
inline constexpr std::uint64_t kReplyBytesMax = 128 * 1024 * 1024;

}  // namespace lvt::broker
