// What the verbs print: rabbitmqctl's tables, JSON and CSV.
#pragma once

#include "broker/ctl/ctl_options.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <ostream>
#include <string>
#include <vector>

namespace lvt::broker {

/// One value in a table: text as it is, an AMQP table in Erlang's notation, null and absent as nothing.
[[nodiscard]] std::string cell_text(const boost::json::value& value);

/// The columns of the rows (an array of objects), in this order. A table has a line of names first, if there is a row.
void print_rows(
    std::ostream& out, const boost::json::array& rows, const std::vector<std::string>& columns,
    const CtlOptions& options);

/// One outcome in words; {"message":TEXT} for JSON.
void print_message(std::ostream& out, const std::string& text, const CtlOptions& options);

}  // namespace lvt::broker
