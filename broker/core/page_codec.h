// Messages of a page out of memory, one after the other. It is read by the process that wrote it, so the format may change at any time.
//
//   seq u64 | published ms u64 | delivery count u32 | return count u16 | delivered u8 | size u32 | message as in message_codec.h
#pragma once

#include "broker/core/consumer.h"
#include "protocol/base/result.h"

#include <vector>

namespace lvt::broker {

Bytes encode_page(const std::vector<QueuedMessage>& entries);
/// corrupt where the octets make no sense.
Result<std::vector<QueuedMessage>> decode_page(MessagePool& pool, ByteView page);

}  // namespace lvt::broker
