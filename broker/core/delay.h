// The x-delay header of messages for x-delayed-message exchanges.
#pragma once

#include "broker/core/message.h"

namespace lvt::broker {

/// Milliseconds, at most a thousand years; 0 where there is none, it is no integer, or it is not positive.
std::uint64_t delay_of(const Message& message);

/// The same message with its x-delay negated, which tells consumers how long it waited and other such exchanges that it has.
MessagePtr after_delay(MessagePool& pool, const Message& message);

}  // namespace lvt::broker
