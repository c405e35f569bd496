// Octets as RabbitMQ's reply texts show them: Erlang's notation of a binary.
#pragma once

#include "protocol/base/bytes.h"

namespace lvt::amqp {

/// "<<0,20,0,10>>", "<<>>" for none. At most 64 octets are shown: a reply text holds no more.
Bytes octet_numbers(ByteView octets);

/// The same, but text where all octets are printable ASCII: "<<\"GET /\">>".
Bytes octet_text(ByteView octets);

}  // namespace lvt::amqp
