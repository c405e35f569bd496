// What the broker counts, as its readers want it: numbers with their names in RabbitMQ's HTTP API, and how they were a while ago.
// The core's thread only; Core::stats() is the whole broker's.
#pragma once

#include "broker/core/stats_history.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace lvt::broker {

struct ChannelState;
class Exchange;
struct Queue;
struct SessionState;
class VirtualHost;

/// Numbers that stand together in one JSON object.
struct StatsReading {
    static constexpr std::size_t kNumbersMax = 16;

    /// Ascending.
    std::span<const std::string_view> names;
    /// By name.
    std::array<std::uint64_t, kNumbersMax> values{};
    /// Null where nothing has changed for a minute: then all rates are 0. Until the next turn.
    const StatsHistory* history = nullptr;
    /// Of the first name in the history.
    std::size_t first_column = 0;

    /// Any number is not zero.
    bool any() const;
    /// Of that name, which must be one of `names`.
    std::uint64_t value(std::string_view name) const;
    /// Changes a second, over the last five to ten seconds; negative for what can shrink.
    double rate(std::size_t nth, Milliseconds monotonic_now) const;
};

/// message_stats, and messages, messages_ready, messages_unacknowledged.
struct QueueReading {
    StatsReading messages;
    StatsReading lengths;
};

/// message_stats, the lengths of all queues together, recv_oct and send_oct of all connections.
struct VhostReading {
    StatsReading messages;
    StatsReading lengths;
    StatsReading octets;
};

/// message_stats and lengths of all virtual hosts, deleted ones included, and churn_rates.
struct BrokerReading {
    StatsReading messages;
    StatsReading lengths;
    StatsReading churn;
};

QueueReading stats_of(const Queue& queue);
/// publish_in and publish_out; null stands for the default exchange.
StatsReading stats_of(const VirtualHost& vhost, const Exchange* exchange);
/// message_stats.
StatsReading stats_of(const ChannelState& channel);
/// recv_oct and send_oct; what has no rates is in SessionState::stats.
StatsReading stats_of(const SessionState& session);
/// O(its connections).
VhostReading stats_of(const VirtualHost& vhost);

/// What there is at the moment.
struct ObjectTotals {
    std::uint64_t connections = 0;
    std::uint64_t channels = 0;
    std::uint64_t consumers = 0;
    /// With the default exchanges.
    std::uint64_t exchanges = 0;
    std::uint64_t queues = 0;
};

}  // namespace lvt::broker
