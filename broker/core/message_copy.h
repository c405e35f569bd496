// A message with other properties; all else stays.
#pragma once

#include "broker/core/message.h"

namespace lvt::broker {

/// `properties`: wire form, from the property flags on. When it was published is for the caller to say.
MessagePtr with_properties(MessagePool& pool, const Message& message, ByteView properties);

}  // namespace lvt::broker
