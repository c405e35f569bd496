// Counts with their rates and samples, as the HTTP API shows them. The core's thread only.
#pragma once

#include "broker/core/core.h"
#include "broker/http/path.h"
#include "broker/metrics/stats_json.h"

#include <boost/json/object.hpp>

#include <optional>

namespace lvt::broker {

class VirtualHost;

/// The moment that counts are shown for, and how far back samples are asked.
struct StatsView {
    Time now = {};
    std::optional<SampleRange> lengths = {};
    std::optional<SampleRange> messages = {};
    std::optional<SampleRange> octets = {};

    /// `lengths_age` and `lengths_incr`, `msg_rates_...` and `data_rates_...`, in seconds.
    static StatsView of(const http::Query& query, Time now);
};

/// {"rate": 0.0}, for what is not counted.
boost::json::object no_rate();

/// message_stats, where there are any.
void put_message_stats(
    boost::json::object& out, const StatsReading& reading, const StatsView& view);
/// message_stats, lengths and octets of a virtual host.
void put_vhost_stats(boost::json::object& out, const VirtualHost& host, const StatsView& view);
/// message_stats, queue_totals, object_totals and churn_rates of all.
void put_broker_stats(boost::json::object& out, const Core& core, const StatsView& view);

}  // namespace lvt::broker
