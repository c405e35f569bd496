// How a message stands in the store: a prefix, then the message's own octets (exchange, routing key, properties, body).
//
//   format version u8 (1) | exchange size u8 | routing key size u8 | flags u8 (bit 0 persistent, bit 1 hides BCC) | priority u8 |
//   properties size u32                                                      9 octets, big-endian, frozen on disk
#pragma once

#include "broker/core/message.h"
#include "protocol/base/result.h"

namespace lvt::broker {

inline constexpr std::size_t kMessagePrefixBytes = 9;

/// Writes kMessagePrefixBytes to `to`.
void encode_message_prefix(const Message& message, char* to);

/// corrupt or unsupported where the bytes make no sense. The time of publishing is not part of it.
Result<MessagePtr> decode_message(MessagePool& pool, ByteView stored);

}  // namespace lvt::broker
