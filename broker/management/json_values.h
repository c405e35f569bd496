// Values of the core as JSON, in the forms of rabbitmqctl's JSON formatter.
#pragma once

#include "protocol/amqp/table.h"
#include "protocol/base/bytes.h"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

namespace lvt::broker {

/// JSON holds UTF-8 alone: octets that are none become U+FFFD.
[[nodiscard]] boost::json::string json_text(ByteView bytes);

/// [[NAME, TYPE, VALUE], ...], the types by RabbitMQ's names. The elements of an array are [TYPE, VALUE]; a byte array that is no text is the
/// list of its octets.
[[nodiscard]] boost::json::array json_table(amqp::TableView table);
[[nodiscard]] boost::json::array json_table(const amqp::Table& table);

}  // namespace lvt::broker
