// The errors that methods on exchanges and queues share, in RabbitMQ's words.
#pragma once

#include "broker/core/virtual_host.h"
#include "protocol/amqp/amqp_error.h"

namespace lvt::broker {

/// `kind`: "exchange" or "queue".
amqp::AmqpError not_found(ByteView kind, ByteView name, const VirtualHost& vhost);
amqp::AmqpError reserved_name(ByteView kind, ByteView name);
amqp::AmqpError default_exchange_refused();
/// It belongs to another connection, or is not as exclusive as the client thinks.
amqp::AmqpError locked(const Queue& queue);

/// `home`: the node that has it.
amqp::AmqpError home_is_down(const Queue& queue, ByteView home);

/// RabbitMQ drops line ends from names where things are declared, bound and deleted, not where queues are read.
Bytes without_line_ends(ByteView name);

}  // namespace lvt::broker
