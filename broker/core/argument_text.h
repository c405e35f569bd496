// Values of arguments as RabbitMQ writes them into its reply texts: Erlang terms.
#pragma once

#include "protocol/amqp/table.h"

namespace lvt::broker {

/// 5, 1.5, true, undefined, {1,2}, [{signedint,1}], [{<<"a">>,signedint,1}], and strings as <<"abc">>.
Bytes erlang_term(const amqp::FieldValue& value);
/// The same, but a string stands there as it is.
Bytes erlang_text(const amqp::FieldValue& value);
/// <<"abc">>, and <<>> where it is empty.
Bytes erlang_binary(ByteView text);

}  // namespace lvt::broker
