// Numbers of the core as the HTTP API shows them: each with its rate, and with samples where they are asked for.
#pragma once

#include "broker/core/stats_reading.h"

#include <boost/json/object.hpp>

#include <optional>

namespace lvt::broker {

/// lengths_age and lengths_incr, msg_rates_..., data_rates_...: samples of the last `age`, one every `increment`.
struct SampleRange {
    Milliseconds age{0};
    Milliseconds increment{0};
};

/// Adds "publish": 3, "publish_details": {"rate": 0.2} for each number; with a range also "avg", "avg_rate" and "samples", newest
/// first, at most 1,000 of them.
void add_stats(
    boost::json::object& to, const StatsReading& reading, Time now,
    const std::optional<SampleRange>& range = std::nullopt);

/// The same as an object of its own, as message_stats is.
boost::json::object stats_object(
    const StatsReading& reading, Time now, const std::optional<SampleRange>& range = std::nullopt);

}  // namespace lvt::broker
