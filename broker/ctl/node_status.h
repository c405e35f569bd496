// `status`: the broker's answer, shown as rabbitmqctl shows it.
#pragma once

#include <boost/json/object.hpp>

#include <ostream>

namespace lvt::broker {

/// RabbitMQ's field names; what only Leveret has comes behind them.
[[nodiscard]] boost::json::object rabbitmq_status(const boost::json::object& status);

/// Sections with headings, as rabbitmqctl prints them.
void print_status(std::ostream& out, const boost::json::object& status);

/// What a listener of that protocol is for, in RabbitMQ's words.
[[nodiscard]] const char* listener_purpose(std::string_view protocol);

}  // namespace lvt::broker
