#include "broker/management/api_stats.h"

#include "broker/core/virtual_host.h"

#include <charconv>
#include <string>

namespace lvt::broker {

namespace json = boost::json;

namespace {

/// Nothing where it is not asked, or makes no sense.
std::optional<Milliseconds> seconds_of(const http::Query& query, const std::string& name) {
    const std::string_view text = query.text(name);
    std::int32_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size() || seconds <= 0)
        return std::nullopt;
    return Milliseconds(std::int64_t{seconds} * 1000);
}

std::optional<SampleRange> range_of(const http::Query& query, const std::string& prefix) {
    const auto age = seconds_of(query, prefix + "_age");
    const auto increment = seconds_of(query, prefix + "_incr");
    if (!age || !increment) return std::nullopt;
    return SampleRange{*age, *increment};
}

}  // namespace

StatsView StatsView::of(const http::Query& query, Time now) {
    return {
        now,
        range_of(query, "lengths"),
        range_of(query, "msg_rates"),
        range_of(query, "data_rates")};
}

json::object no_rate() { return {{"rate", 0.0}}; }

void put_message_stats(json::object& out, const StatsReading& reading, const StatsView& view) {
    if (reading.any()) out["message_stats"] = stats_object(reading, view.now, view.messages);
}

void put_vhost_stats(json::object& out, const VirtualHost& host, const StatsView& view) {
    const VhostReading reading = stats_of(host);
    put_message_stats(out, reading.messages, view);
    add_stats(out, reading.lengths, view.now, view.lengths);
    add_stats(out, reading.octets, view.now, view.octets);
}

void put_broker_stats(json::object& out, const Core& core, const StatsView& view) {
    const BrokerReading reading = core.stats();
    const ObjectTotals totals = core.object_totals();
    out["message_stats"] = stats_object(reading.messages, view.now, view.messages);
    out["queue_totals"] = stats_object(reading.lengths, view.now, view.lengths);
    out["churn_rates"] = stats_object(reading.churn, view.now);
    out["object_totals"] = json::object{
        {"channels", totals.channels},
        {"connections", totals.connections},
        {"consumers", totals.consumers},
        {"exchanges", totals.exchanges},
        {"queues", totals.queues}};
}

}  // namespace lvt::broker
