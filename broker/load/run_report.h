// RunReport: what a run of the load tool found, and its two printed forms.
#pragma once

#include "broker/load/histogram.h"
#include "broker/load/load_options.h"
#include "broker/load/server_probe.h"

#include <optional>
#include <vector>

namespace lvt::broker::load {

/// What the run cost the server's process.
struct ServerCost {
    /// On-CPU time of its threads from before the first publish until all connections were closed.
    std::uint64_t cpu_ns = 0;
    /// The same in user and system time, at the grain of clock ticks.
    std::uint64_t user_ns = 0;
    std::uint64_t system_ns = 0;
    MemorySample memory_start;
    MemorySample memory_peak;
    MemorySample memory_end;
};

struct RunReport {
    Bytes server;
    std::uint64_t published = 0;
    std::uint64_t confirmed = 0;
    std::uint64_t nacked = 0;
    std::uint64_t consumed = 0;
    std::uint64_t redelivered = 0;
    /// Known for bodies of 16 octets and more; lost ones only after a drain.
    std::uint64_t lost = 0;
    std::uint64_t reordered = 0;
    std::uint64_t duplicated = 0;
    /// From the start to the last write of a producer, and to the last delivery.
    double publish_seconds = 0;
    double consume_seconds = 0;
    Histogram latency;
    Histogram confirm_latency;
    std::optional<ServerCost> cost;
    /// Of all CPU time of the machine during the run: what the hypervisor gave to others.
    double steal_percent = 0;
    std::uint64_t tool_cpu_ns = 0;
    /// Why the run failed; empty where it did not.
    std::vector<Bytes> errors;

    double publish_rate() const { return per_second(published, publish_seconds); }
    double consume_rate() const { return per_second(consumed, consume_seconds); }
    /// Messages by which costs are divided: consumed ones, or published ones where nobody consumes.
    std::uint64_t messages() const { return consumed > 0 ? consumed : published; }
    /// 0 well, 1 lost, reordered or duplicated, 2 failed.
    int exit_code() const;

private:
    static double per_second(std::uint64_t count, double seconds) {
        return seconds > 0 ? static_cast<double>(count) / seconds : 0;
    }
};

Bytes to_text(const RunReport& report, const LoadOptions& options);
/// One object on one line; durations in microseconds, memory in kilobytes.
Bytes to_json(const RunReport& report, const LoadOptions& options);

}  // namespace lvt::broker::load
