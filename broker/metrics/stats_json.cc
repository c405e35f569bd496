#include "broker/metrics/stats_json.h"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lvt::broker {

namespace json = boost::json;

namespace {

constexpr std::int64_t kSamplesMax = 1'000;

/// RabbitMQ's clients expect a floating-point number.
double tidy(double value) {
    constexpr double kPrecision = 1e6;
    return std::round(value * kPrecision) / kPrecision;
}

void add_samples(
    json::object& to, const StatsReading& reading, std::size_t nth, Time now,
    const SampleRange& range) {
    const Milliseconds step = std::max(range.increment, Milliseconds(1));
    const std::int64_t count = std::clamp<std::int64_t>(range.age / step, 0, kSamplesMax - 1) + 1;
    json::array samples;
    double sum = 0;
    double oldest = 0;
    const auto newest = static_cast<double>(static_cast<std::int64_t>(reading.values[nth]));
    for (std::int64_t i = 0; i < count; ++i) {
        const Milliseconds ago = step * i;
        const std::uint64_t value =
            i == 0 || !reading.history
                ? reading.values[nth]
                : reading.history->value_at(reading.first_column + nth, now.monotonic - ago);
        oldest = static_cast<double>(static_cast<std::int64_t>(value));
        sum += oldest;
        samples.push_back(json::object{{"sample", value}, {"timestamp", (now.wall - ago).count()}});
    }
    constexpr double kMillisecondsInASecond = 1000;
    const double seconds =
        static_cast<double>((step * (count - 1)).count()) / kMillisecondsInASecond;
    to["avg"] = tidy(sum / static_cast<double>(count));
    to["avg_rate"] = seconds > 0 ? tidy((newest - oldest) / seconds) : 0.0;
    to["samples"] = std::move(samples);
}

}  // namespace

void add_stats(
    json::object& to, const StatsReading& reading, Time now,
    const std::optional<SampleRange>& range) {
    for (std::size_t i = 0; i < reading.names.size(); ++i) {
        const std::string_view name = reading.names[i];
        to[name] = reading.values[i];
        json::object details{{"rate", tidy(reading.rate(i, now.monotonic))}};
        if (range) add_samples(details, reading, i, now, *range);
        to[fmt::format("{}_details", name)] = std::move(details);
    }
}

json::object stats_object(
    const StatsReading& reading, Time now, const std::optional<SampleRange>& range) {
    json::object out;
    add_stats(out, reading, now, range);
    return out;
}

}  // namespace lvt::broker
