// What a publish may have in its properties.
#pragma once

#include "protocol/amqp/method.h"
#include "protocol/amqp/properties.h"

namespace lvt::broker {

/// precondition_failed, in RabbitMQ's words: a foreign user_id where the user is no impersonator, an unknown delivery mode, a malformed
/// expiration.
amqp::AmqpResult<void> check_publish_properties(
    const amqp::PropertiesScan& scan, ByteView user, bool impersonator);

/// What a channel performs instead of a publish with this fault: the core answers with the fault, unless the user may not publish there or
/// there is no such exchange.
amqp::BasicReturn refused_publish(Bytes exchange, Bytes routing_key, amqp::AmqpError fault);

}  // namespace lvt::broker
