// The metrics of single queues, exchanges, channels and connections.
#pragma once

#include "broker/core/session_state.h"
#include "broker/metrics/exposition.h"

#include <span>

namespace lvt::broker {

/// A message_stats counter or a level, of one Row.
template <class Row>
struct ObjectMetric {
    /// RabbitMQ's name of the group, for /metrics/detailed.
    std::string_view group;
    std::string_view name;
    MetricType type;
    std::string_view help;
    std::uint64_t (*value)(const Row& row);
};

struct MeasuredExchange {
    const VirtualHost& vhost;
    /// Null: the default exchange.
    const Exchange* exchange;
};

std::span<const ObjectMetric<Queue>> queue_metrics();
std::span<const ObjectMetric<MeasuredExchange>> exchange_metrics();
std::span<const ObjectMetric<ChannelState>> channel_metrics();
std::span<const ObjectMetric<SessionState>> connection_metrics();

}  // namespace lvt::broker
