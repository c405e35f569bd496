// Copies of messages, and what of them clients are to see.
#pragma once

#include "broker/core/message.h"
#include "protocol/amqp/table.h"

namespace lvt::broker {

/// A message with other properties; all else stays, but it hides nothing. `properties`: wire form, from the property flags on. When it was
/// published is for the caller to say.
MessagePtr with_properties(MessagePool& pool, const Message& message, ByteView properties);

/// Its headers without what clients are not to see.
amqp::Table headers_as_seen(const Message& message);

}  // namespace lvt::broker
