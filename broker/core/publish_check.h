// What a publish may have in its properties.
#pragma once

#include "protocol/amqp/properties.h"

namespace lvt::broker {

/// precondition_failed, in RabbitMQ's words: a foreign user_id where the user is no impersonator, an unknown delivery mode, a malformed
/// expiration.
amqp::AmqpResult<void> check_publish_properties(
    const amqp::PropertiesScan& scan, ByteView user, bool impersonator);

}  // namespace lvt::broker
