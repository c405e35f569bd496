// Is a declaration the same as what exists? RabbitMQ's checks, order and words (behaviour sheet 1.2).
#pragma once

#include "broker/core/exchange.h"
#include "broker/core/queue.h"
#include "protocol/amqp/method.h"

namespace lvt::broker {

/// precondition_failed "inequivalent arg ..." where it is not.
amqp::AmqpResult<void> check_equivalent(
    const Queue& queue, const amqp::QueueDeclare& declare, ByteView vhost);
amqp::AmqpResult<void> check_equivalent(
    const Exchange& exchange, const amqp::ExchangeDeclare& declare, ByteView vhost);

}  // namespace lvt::broker
