// What the arguments of queues, exchanges and consumers may say. RabbitMQ 3.10's rules, their order and their words.
#pragma once

#include "broker/core/queue.h"
#include "protocol/amqp/amqp_error.h"
#include "protocol/amqp/method.h"

namespace lvt::broker {

// All answer precondition_failed, which closes the channel.

/// Of a queue that is to be made under this name. Streams are refused as an unsupported queue type.
amqp::AmqpResult<void> check_queue_arguments(
    const amqp::QueueDeclare& declare, ByteView name, ByteView vhost);
/// Of an exchange that is to be made: what its type asks for.
amqp::AmqpResult<void> check_exchange_arguments(const amqp::ExchangeDeclare& declare);
amqp::AmqpResult<void> check_consume_arguments(
    const amqp::Table& arguments, const Queue& queue, ByteView vhost);

/// An argument that names an exchange (x-dead-letter-exchange, alternate-exchange): that name, nothing where it is absent.
/// `of`: "queue" or "exchange", and its name.
amqp::AmqpResult<std::optional<Bytes>> exchange_argument(
    const amqp::Table& arguments, ByteView argument, ByteView of, ByteView name, ByteView vhost);

/// Arguments that RabbitMQ compares when a queue of this type is declared again.
bool compared_on_redeclare(QueueType type, ByteView argument);

}  // namespace lvt::broker
