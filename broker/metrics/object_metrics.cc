#include "broker/metrics/object_metrics.h"

namespace lvt::broker {

namespace {

constexpr auto kCounter = MetricType::counter;
constexpr auto kGauge = MetricType::gauge;

std::uint64_t load(const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
}

std::uint64_t ready_in_memory(const Queue& q) {
    return q.machine.ready() - q.machine.absent_count();
}

std::uint64_t capacity(const Queue& q) {
    if (q.machine.consumers().empty()) return 0;
    return q.machine.ready() == 0 || q.machine.consumer_waits();
}

std::uint64_t in_hand(const ChannelState& channel) {
    std::uint64_t count = channel.gets.count();
    for (const auto& consumer : channel.consumers)
        if (consumer) count += consumer->unacked.count();
    return count;
}

constexpr std::string_view kCoarse = "queue_coarse_metrics";
constexpr std::string_view kQueue = "queue_metrics";
constexpr std::string_view kQueueDelivery = "queue_delivery_metrics";

constexpr ObjectMetric<Queue> kQueueMetrics[] = {
    {kCoarse,
     "queue_messages_ready",
     kGauge,
     "Messages ready to be delivered to consumers",
     [](const Queue& q) { return q.machine.ready(); }},
    {kCoarse,
     "queue_messages_unacked",
     kGauge,
     "Messages delivered to consumers but not yet acknowledged",
     [](const Queue& q) { return std::uint64_t{q.unacked}; }},
    {kCoarse,
     "queue_messages",
     kGauge,
     "Sum of ready and unacknowledged messages - total queue depth",
     [](const Queue& q) { return q.machine.ready() + q.unacked; }},
    {"queue_consumer_count",
     "queue_consumers",
     kGauge,
     "Consumers on a queue",
     [](const Queue& q) { return std::uint64_t{q.machine.consumers().size()}; }},
    {kQueue, "queue_consumer_capacity", kGauge, "Consumer capacity", capacity},
    {kQueue, "queue_consumer_utilisation", kGauge, "Same as consumer capacity", capacity},
    {kQueue,
     "queue_process_memory_bytes",
     kGauge,
     "Memory in bytes used by the queue",
     [](const Queue& q) { return sizeof(Queue) + q.machine.resident_bytes(); }},
    {kQueue,
     "queue_messages_ram",
     kGauge,
     "Ready and unacknowledged messages stored in memory",
     [](const Queue& q) { return ready_in_memory(q) + q.unacked; }},
    {kQueue,
     "queue_messages_ram_bytes",
     kGauge,
     "Size of ready messages stored in memory",
     [](const Queue& q) { return q.machine.resident_bytes(); }},
    {kQueue,
     "queue_messages_ready_ram",
     kGauge,
     "Ready messages stored in memory",
     ready_in_memory},
    {kQueue,
     "queue_messages_unacked_ram",
     kGauge,
     "Unacknowledged messages stored in memory",
     [](const Queue& q) { return std::uint64_t{q.unacked}; }},
    {kQueue,
     "queue_messages_persistent",
     kGauge,
     "Persistent messages",
     [](const Queue& q) { return q.disk.live_messages; }},
    {kQueue,
     "queue_messages_persistent_bytes",
     kGauge,
     "Size in bytes of persistent messages",
     [](const Queue& q) { return q.disk.live_bytes; }},
    {kQueue,
     "queue_messages_ready_bytes",
     kGauge,
     "Size in bytes of ready messages",
     [](const Queue& q) { return q.machine.ready_body_bytes(); }},
    {kQueue,
     "queue_messages_unacked_bytes",
     kGauge,
     "Size in bytes of all unacknowledged messages",
     [](const Queue& q) { return q.unacked_body_bytes; }},
    {kQueue,
     "queue_messages_bytes",
     kGauge,
     "Size in bytes of ready and unacknowledged messages",
     [](const Queue& q) { return q.machine.ready_body_bytes() + q.unacked_body_bytes; }},
    {kQueue,
     "queue_messages_paged_out",
     kGauge,
     "Messages paged out to disk",
     [](const Queue& q) { return q.machine.absent_count(); }},
    {kQueue,
     "queue_messages_paged_out_bytes",
     kGauge,
     "Size in bytes of messages paged out to disk",
     [](const Queue& q) { return q.machine.absent_bytes(); }},
    {kQueueDelivery,
     "queue_messages_published_total",
     kCounter,
     "Total number of messages published to queues",
     [](const Queue& q) { return q.stats.publish; }},
    {kQueueDelivery,
     "queue_get_ack_total",
     kCounter,
     "Total number of messages fetched from a queue with basic.get in manual acknowledgement mode",
     [](const Queue& q) { return q.stats.deliveries.get; }},
    {kQueueDelivery,
     "queue_get_total",
     kCounter,
     "Total number of messages fetched from a queue with basic.get in automatic acknowledgement "
     "mode",
     [](const Queue& q) { return q.stats.deliveries.get_no_ack; }},
    {kQueueDelivery,
     "queue_messages_delivered_ack_total",
     kCounter,
     "Total number of messages delivered from a queue to consumers in manual acknowledgement mode",
     [](const Queue& q) { return q.stats.deliveries.deliver; }},
    {kQueueDelivery,
     "queue_messages_delivered_total",
     kCounter,
     "Total number of messages delivered from a queue to consumers in automatic acknowledgement "
     "mode",
     [](const Queue& q) { return q.stats.deliveries.deliver_no_ack; }},
    {kQueueDelivery,
     "queue_messages_redelivered_total",
     kCounter,
     "Total number of messages redelivered from a queue to consumers",
     [](const Queue& q) { return q.stats.deliveries.redeliver; }},
    {kQueueDelivery,
     "queue_messages_acked_total",
     kCounter,
     "Total number of messages acknowledged by consumers on a queue",
     [](const Queue& q) { return q.stats.deliveries.ack; }},
    {kQueueDelivery,
     "queue_get_empty_total",
     kCounter,
     "Total number of times basic.get operations fetched no message on a queue",
     [](const Queue& q) { return q.stats.deliveries.get_empty; }},
};

const ExchangeStats& stats(const MeasuredExchange& e) {
    return e.exchange ? e.exchange->stats : e.vhost.default_exchange_stats;
}

constexpr ObjectMetric<MeasuredExchange> kExchangeMetrics[] = {
    {"exchange_metrics",
     "exchange_messages_published_total",
     kCounter,
     "Total number of messages published into an exchange",
     [](const MeasuredExchange& e) { return stats(e).publish_in; }},
    {"exchange_metrics",
     "exchange_messages_routed_total",
     kCounter,
     "Total number of queues that messages published into an exchange went to",
     [](const MeasuredExchange& e) { return stats(e).publish_out; }},
};

constexpr std::string_view kChannel = "channel_metrics";
constexpr std::string_view kChannelExchange = "channel_exchange_metrics";
constexpr std::string_view kChannelQueue = "channel_queue_metrics";

constexpr ObjectMetric<ChannelState> kChannelMetrics[] = {
    {kChannel,
     "channel_consumers",
     kGauge,
     "Consumers on a channel",
     [](const ChannelState& c) {
         std::uint64_t count = 0;
         for (const auto& consumer : c.consumers) count += consumer && consumer->queue;
         return count;
     }},
    {kChannel,
     "channel_messages_unacked",
     kGauge,
     "Delivered but not yet acknowledged messages",
     in_hand},
    {kChannel,
     "channel_messages_uncommitted",
     kGauge,
     "Messages received in a transaction but not yet committed",
     [](const ChannelState& c) { return std::uint64_t{c.transaction.publishes.size()}; }},
    {kChannel,
     "channel_acks_uncommitted",
     kGauge,
     "Message acknowledgements in a transaction not yet committed",
     [](const ChannelState& c) {
         std::uint64_t count = 0;
         for (const Settle& settle : c.transaction.settles) count += settle.count;
         return count;
     }},
    {kChannel,
     "consumer_prefetch",
     kGauge,
     "Limit of unacknowledged messages for each consumer",
     [](const ChannelState& c) { return c.prefetch; }},
    {kChannel,
     "channel_prefetch",
     kGauge,
     "Total limit of unacknowledged messages for all consumers on a channel",
     [](const ChannelState& c) { return c.credit.limit; }},
    {kChannelExchange,
     "channel_messages_published_total",
     kCounter,
     "Total number of messages published into an exchange on a channel",
     [](const ChannelState& c) { return c.stats.publishes.publish; }},
    {kChannelExchange,
     "channel_messages_confirmed_total",
     kCounter,
     "Total number of messages published into an exchange and confirmed on the channel",
     [](const ChannelState& c) { return c.stats.publishes.confirm; }},
    {kChannelExchange,
     "channel_messages_unroutable_returned_total",
     kCounter,
     "Total number of messages published as mandatory into an exchange and returned to the "
     "publisher as unroutable",
     [](const ChannelState& c) { return c.stats.publishes.return_unroutable; }},
    {kChannelExchange,
     "channel_messages_unroutable_dropped_total",
     kCounter,
     "Total number of messages published as non-mandatory into an exchange and dropped as "
     "unroutable",
     [](const ChannelState& c) { return c.stats.publishes.drop_unroutable; }},
    {kChannelQueue,
     "channel_get_ack_total",
     kCounter,
     "Total number of messages fetched with basic.get in manual acknowledgement mode",
     [](const ChannelState& c) { return c.stats.deliveries.get; }},
    {kChannelQueue,
     "channel_get_total",
     kCounter,
     "Total number of messages fetched with basic.get in automatic acknowledgement mode",
     [](const ChannelState& c) { return c.stats.deliveries.get_no_ack; }},
    {kChannelQueue,
     "channel_messages_delivered_ack_total",
     kCounter,
     "Total number of messages delivered to consumers in manual acknowledgement mode",
     [](const ChannelState& c) { return c.stats.deliveries.deliver; }},
    {kChannelQueue,
     "channel_messages_delivered_total",
     kCounter,
     "Total number of messages delivered to consumers in automatic acknowledgement mode",
     [](const ChannelState& c) { return c.stats.deliveries.deliver_no_ack; }},
    {kChannelQueue,
     "channel_messages_redelivered_total",
     kCounter,
     "Total number of messages redelivered to consumers",
     [](const ChannelState& c) { return c.stats.deliveries.redeliver; }},
    {kChannelQueue,
     "channel_messages_acked_total",
     kCounter,
     "Total number of messages acknowledged by consumers",
     [](const ChannelState& c) { return c.stats.deliveries.ack; }},
    {kChannelQueue,
     "channel_get_empty_total",
     kCounter,
     "Total number of times basic.get operations fetched no message",
     [](const ChannelState& c) { return c.stats.deliveries.get_empty; }},
};

constexpr std::string_view kConnectionCoarse = "connection_coarse_metrics";
constexpr std::string_view kConnection = "connection_metrics";

constexpr ObjectMetric<SessionState> kConnectionMetrics[] = {
    {kConnectionCoarse,
     "connection_incoming_bytes_total",
     kCounter,
     "Total number of bytes received on a connection",
     [](const SessionState& s) { return load(s.stats->recv_oct); }},
    {kConnectionCoarse,
     "connection_outgoing_bytes_total",
     kCounter,
     "Total number of bytes sent on a connection",
     [](const SessionState& s) { return load(s.stats->send_oct); }},
    {kConnection,
     "connection_incoming_packets_total",
     kCounter,
     "Total number of packets received on a connection",
     [](const SessionState& s) { return load(s.stats->recv_cnt); }},
    {kConnection,
     "connection_outgoing_packets_total",
     kCounter,
     "Total number of packets sent on a connection",
     [](const SessionState& s) { return load(s.stats->send_cnt); }},
    {kConnection,
     "connection_pending_packets",
     kGauge,
     "Octets waiting to be sent on a connection",
     [](const SessionState& s) { return load(s.stats->send_pend); }},
    {kConnection,
     "connection_channels",
     kGauge,
     "Channels on a connection",
     [](const SessionState& s) { return std::uint64_t{s.channels.size()}; }},
};

}  // namespace

std::span<const ObjectMetric<Queue>> queue_metrics() { return kQueueMetrics; }
std::span<const ObjectMetric<MeasuredExchange>> exchange_metrics() { return kExchangeMetrics; }
std::span<const ObjectMetric<ChannelState>> channel_metrics() { return kChannelMetrics; }
std::span<const ObjectMetric<SessionState>> connection_metrics() { return kConnectionMetrics; }

}  // namespace lvt::broker
