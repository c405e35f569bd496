// What is counted: readings of it, and the samples that rates are made from.
#include "broker/core/core_state.h"

#include <algorithm>

namespace lvt::broker {

namespace {

using std::string_view_literals::operator""sv;

constexpr std::array kQueueMessages = {
    "ack"sv,
    "deliver"sv,
    "deliver_get"sv,
    "deliver_no_ack"sv,
    "get"sv,
    "get_empty"sv,
    "get_no_ack"sv,
    "publish"sv,
    "redeliver"sv};
constexpr std::array kMessages = {
    "ack"sv,
    "confirm"sv,
    "deliver"sv,
    "deliver_get"sv,
    "deliver_no_ack"sv,
    "drop_unroutable"sv,
    "get"sv,
    "get_empty"sv,
    "get_no_ack"sv,
    "publish"sv,
    "redeliver"sv,
    "return_unroutable"sv};
constexpr std::array kBrokerMessages = {
    "ack"sv,
    "confirm"sv,
    "deliver"sv,
    "deliver_get"sv,
    "deliver_no_ack"sv,
    "disk_reads"sv,
    "disk_writes"sv,
    "drop_unroutable"sv,
    "get"sv,
    "get_empty"sv,
    "get_no_ack"sv,
    "publish"sv,
    "redeliver"sv,
    "return_unroutable"sv};
constexpr std::array kLengths = {"messages"sv, "messages_ready"sv, "messages_unacknowledged"sv};
constexpr std::array kExchange = {"publish_in"sv, "publish_out"sv};
constexpr std::array kOctets = {"recv_oct"sv, "send_oct"sv};
constexpr std::array kChurn = {
    "channel_closed"sv,
    "channel_created"sv,
    "connection_closed"sv,
    "connection_created"sv,
    "queue_created"sv,
    "queue_declared"sv,
    "queue_deleted"sv};

template <std::size_t N>
StatsReading reading(
    const std::array<std::string_view, N>& names, const std::array<std::uint64_t, N>& values,
    const Sampled& sampled, std::size_t first_column = 0) {
    static_assert(N <= StatsReading::kNumbersMax);
    StatsReading out{names, {}, sampled.history.get(), first_column};
    std::copy(values.begin(), values.end(), out.values.begin());
    return out;
}

StatsReading lengths(const QueueTotals& totals, const Sampled& sampled, std::size_t first_column) {
    return reading(
        kLengths,
        {totals.messages_ready + totals.messages_unacknowledged,
         totals.messages_ready,
         totals.messages_unacknowledged},
        sampled,
        first_column);
}

StatsReading messages(const PublishStats& p, const DeliveryStats& d, const Sampled& sampled) {
    return reading(
        kMessages,
        {d.ack,
         p.confirm,
         d.deliver,
         d.deliver_get(),
         d.deliver_no_ack,
         p.drop_unroutable,
         d.get,
         d.get_empty,
         d.get_no_ack,
         p.publish,
         d.redeliver,
         p.return_unroutable},
        sampled);
}

std::uint64_t live_octets(
    const VirtualHost& vhost, std::atomic<std::uint64_t> ConnectionStats::*direction) {
    std::uint64_t sum = 0;
    for (const SessionState* const session : vhost.sessions)
        sum += ((*session->stats).*direction).load(std::memory_order_relaxed);
    return sum;
}

}  // namespace

DeliveryStats& DeliveryStats::operator+=(const DeliveryStats& other) {
    deliver += other.deliver;
    deliver_no_ack += other.deliver_no_ack;
    get += other.get;
    get_no_ack += other.get_no_ack;
    get_empty += other.get_empty;
    ack += other.ack;
    redeliver += other.redeliver;
    return *this;
}

PublishStats& PublishStats::operator+=(const PublishStats& other) {
    publish += other.publish;
    confirm += other.confirm;
    return_unroutable += other.return_unroutable;
    drop_unroutable += other.drop_unroutable;
    return *this;
}

DeliveryStats VhostStats::all_deliveries() const {
    DeliveryStats all = deliveries[0];
    return all += deliveries[1];
}

VhostStats& VhostStats::operator+=(const VhostStats& other) {
    publishes += other.publishes;
    received_confirm += other.received_confirm;
    routed += other.routed;
    for (std::size_t i = 0; i < deliveries.size(); ++i) deliveries[i] += other.deliveries[i];
    closed_recv_oct += other.closed_recv_oct;
    closed_send_oct += other.closed_send_oct;
    return *this;
}

QueueReading stats_of(const Queue& queue) {
    const DeliveryStats& d = queue.stats.deliveries;
    return {
        reading(
            kQueueMessages,
            {d.ack,
             d.deliver,
             d.deliver_get(),
             d.deliver_no_ack,
             d.get,
             d.get_empty,
             d.get_no_ack,
             queue.stats.publish,
             d.redeliver},
            queue.sampled),
        lengths({queue.machine.ready(), queue.unacked}, queue.sampled, kQueueMessages.size())};
}

StatsReading stats_of(const VirtualHost& vhost, const Exchange* exchange) {
    const ExchangeStats& stats = exchange ? exchange->stats : vhost.default_exchange_stats;
    return reading(
        kExchange,
        {stats.publish_in, stats.publish_out},
        exchange ? exchange->sampled : vhost.default_exchange_sampled);
}

StatsReading stats_of(const ChannelState& channel) {
    return messages(channel.stats.publishes, channel.stats.deliveries, channel.sampled);
}

StatsReading stats_of(const SessionState& session) {
    return reading(
        kOctets,
        {session.stats->recv_oct.load(std::memory_order_relaxed),
         session.stats->send_oct.load(std::memory_order_relaxed)},
        session.sampled);
}

VhostReading stats_of(const VirtualHost& vhost) {
    const VhostStats& stats = vhost.stats;
    return {
        messages(stats.publishes, stats.all_deliveries(), vhost.sampled),
        lengths(vhost.totals, vhost.sampled, kMessages.size() + kOctets.size()),
        reading(
            kOctets,
            {stats.closed_recv_oct + live_octets(vhost, &ConnectionStats::recv_oct),
             stats.closed_send_oct + live_octets(vhost, &ConnectionStats::send_oct)},
            vhost.sampled,
            kMessages.size())};
}

BrokerReading CoreState::stats() const {
    VhostStats all = stats_.deleted_vhosts;
    QueueTotals totals;
    for (const auto& [name, vhost] : topology_.vhosts()) {
        all += vhost->stats;
        totals.messages_ready += vhost->totals.messages_ready;
        totals.messages_unacknowledged += vhost->totals.messages_unacknowledged;
    }
    const PublishStats& p = all.publishes;
    const DeliveryStats d = all.all_deliveries();
    return {
        reading(
            kBrokerMessages,
            {d.ack,
             p.confirm,
             d.deliver,
             d.deliver_get(),
             d.deliver_no_ack,
             stats_.disk_reads,
             stats_.disk_writes,
             p.drop_unroutable,
             d.get,
             d.get_empty,
             d.get_no_ack,
             p.publish,
             d.redeliver,
             p.return_unroutable},
            sampler_.broker()),
        lengths(totals, sampler_.broker(), kBrokerMessages.size() + kChurn.size()),
        reading(
            kChurn,
            {stats_.channels.closed,
             stats_.channels.opened,
             stats_.connections.closed,
             stats_.connections.opened,
             stats_.queues_created,
             stats_.queues_declared,
             stats_.queues_deleted},
            sampler_.broker(),
            kBrokerMessages.size())};
}

namespace {

/// Wherever what happens to a queue's message on a channel is counted.
template <class Count>
void count_everywhere(Queue& queue, ChannelState& channel, Count count) {
    count(queue.stats.deliveries);
    count(channel.stats.deliveries);
    count(queue.vhost->stats.of(queue.settings.type));
}

}  // namespace

void CoreState::count_published(const Route& route, ChannelState& channel, const Publish& command) {
    const std::uint64_t queues = route.queues.size();
    if (channel.stats.publishes.publish++ == 0 && !channel.session->internal)
        channel.counted_as_publisher.emplace(stats_.publishers);
    VhostStats& vhost = channel.session->vhost->stats;
    ++vhost.publishes.publish;
    vhost.received_confirm += command.publish_seqno != 0;
    vhost.routed += queues;
    if (route.stats) {
        ++route.stats->publish_in;
        route.stats->publish_out += queues;
    }
    stats_.sizes.count(command.message->body().size());
}

void CoreState::count_unroutable(ChannelState& channel, bool mandatory) {
    PublishStats& vhost = channel.session->vhost->stats.publishes;
    ++(mandatory ? channel.stats.publishes.return_unroutable
                 : channel.stats.publishes.drop_unroutable);
    ++(mandatory ? vhost.return_unroutable : vhost.drop_unroutable);
}

void CoreState::count_confirmed(ChannelState& channel, std::uint64_t count) {
    channel.stats.publishes.confirm += count;
    // It is null where it was deleted meanwhile.
    if (VirtualHost* const vhost = channel.session->vhost) vhost->stats.publishes.confirm += count;
}

void CoreState::count_consumed(Queue& queue, ChannelState& channel, bool no_ack, bool redelivered) {
    count_everywhere(queue, channel, [=](DeliveryStats& stats) {
        ++(no_ack ? stats.deliver_no_ack : stats.deliver);
        stats.redeliver += redelivered;
    });
}

void CoreState::count_taken_back(Queue& queue, ChannelState& channel, bool was_redelivered) {
    count_everywhere(queue, channel, [=](DeliveryStats& stats) {
        --stats.deliver;
        stats.redeliver -= was_redelivered;
    });
}

void CoreState::count_got(Queue& queue, ChannelState& channel, bool no_ack, bool redelivered) {
    count_everywhere(queue, channel, [=](DeliveryStats& stats) {
        ++(no_ack ? stats.get_no_ack : stats.get);
        stats.redeliver += redelivered;
    });
}

void CoreState::count_get_empty(Queue& queue, ChannelState& channel) {
    count_everywhere(queue, channel, [](DeliveryStats& stats) { ++stats.get_empty; });
}

void CoreState::count_acked(Queue& queue, ChannelState& channel, std::uint64_t count) {
    count_everywhere(queue, channel, [=](DeliveryStats& stats) { stats.ack += count; });
}

/// No queue has it; RabbitMQ counts it with the classic ones.
void CoreState::count_reply(ChannelState& channel) {
    ++channel.stats.deliveries.deliver_no_ack;
    ++channel.session->vhost->stats.of(QueueType::classic).deliver_no_ack;
}

void CoreState::count_death(const Queue& queue, DeathReason reason, bool dead_letters) {
    ++stats_.dead_lettered[static_cast<std::size_t>(reason)]
                          [static_cast<std::size_t>(queue.settings.type)][dead_letters];
}

void CoreState::take_samples() {
    if (sampler_.walk(sessions_, topology_, now_.monotonic))
        sampler_.finish(stats(), now_.monotonic);
}

void CoreState::join(SessionState& session, VirtualHost& vhost) {
    session.vhost = &vhost;
    vhost.sessions.insert(&session);
    if (!session.internal) session.counted.emplace(stats_.connections);
}

void CoreState::leave(SessionState& session) {
    VirtualHost* const vhost = std::exchange(session.vhost, nullptr);
    if (!vhost) return;
    vhost->sessions.erase(&session);
    vhost->stats.closed_recv_oct += session.stats->recv_oct.load(std::memory_order_relaxed);
    vhost->stats.closed_send_oct += session.stats->send_oct.load(std::memory_order_relaxed);
}

ObjectTotals CoreState::object_totals() const {
    ObjectTotals totals{stats_.connections.open(), stats_.channels.open(), consumers_.size(), 0, 0};
    for (const auto& [name, vhost] : topology_.vhosts()) {
        totals.exchanges += vhost->exchanges().size() + 1;
        totals.queues += vhost->queues().size();
    }
    return totals;
}

bool StatsReading::any() const {
    return std::any_of(values.begin(), values.begin() + names.size(), [](std::uint64_t value) {
        return value != 0;
    });
}

std::uint64_t StatsReading::value(std::string_view name) const {
    const auto found = std::find(names.begin(), names.end(), name);
    ASSERT(found != names.end());
    return values[static_cast<std::size_t>(found - names.begin())];
}

double StatsReading::rate(std::size_t nth, Milliseconds now) const {
    const auto base = history ? history->rate_base(now) : std::nullopt;
    if (!base) return 0;
    constexpr double kMillisecondsInASecond = 1000;
    const double seconds =
        std::max(1.0, static_cast<double>((now - *base).count()) / kMillisecondsInASecond);
    const std::uint64_t before = history->value_at(first_column + nth, *base);
    return static_cast<double>(static_cast<std::int64_t>(values[nth] - before)) / seconds;
}

}  // namespace lvt::broker
