// AMQP tables as JSON objects and back, as definitions and policies have them.
#pragma once

#include "protocol/amqp/table.h"
#include "protocol/base/result.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace lvt::broker {

/// invalid where it is no object, or nests deeper than amqp::kNestingMax.
[[nodiscard]] Result<amqp::Table> table_of(const boost::json::value& value);
[[nodiscard]] boost::json::object json_of(const amqp::Table& table);
[[nodiscard]] boost::json::object json_of(amqp::TableView table);

}  // namespace lvt::broker
