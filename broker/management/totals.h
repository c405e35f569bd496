// Numbers that each member of a cluster counts for itself, put together.
#pragma once

#include <boost/json/object.hpp>

#include <string_view>
#include <vector>

namespace lvt::broker {

/// Adds every number of `more` to that of the same key, also in objects and lists of objects inside, whose places correspond: samples are of the
/// same times, "timestamp" stays. What is missing is put in; texts and flags stay.
void add_numbers(boost::json::object& to, const boost::json::object& more);

/// Marks the row of a guest's channel, which has the name of its client's one.
inline constexpr std::string_view kOfGuest = "guest";
/// Adds what guests' channels count (consumers, unacknowledged messages, message_stats) to the rows of those that they stand for, and drops theirs.
void fold_guests(std::vector<boost::json::object>& channels);

}  // namespace lvt::broker
