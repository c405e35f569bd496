#include "broker/core/stats_sampler.h"

#include <algorithm>

namespace lvt::broker {

namespace {

/// Things looked at between two turns of the core: less than a tenth of a millisecond.
constexpr std::size_t kStepSize = 500;

/// The last minute, for what there may be many of.
constexpr StatsHistory::Tier kObjectTiers[] = {{kSampleInterval, 14}};
/// And the last hour.
constexpr StatsHistory::Tier kVhostTiers[] = {{kSampleInterval, 14}, {Milliseconds(60'000), 61}};
/// As RabbitMQ keeps them: ten minutes, an hour, eight hours, a day.
constexpr StatsHistory::Tier kBrokerTiers[] = {
    {kSampleInterval, 121},
    {Milliseconds(60'000), 61},
    {Milliseconds(600'000), 49},
    {Milliseconds(1'800'000), 49}};

/// Longer than the charts of a history whose steps are those of kObjectTiers.
constexpr Milliseconds kForgotten{70'000};

Milliseconds kept(std::span<const StatsHistory::Tier> tiers) {
    const StatsHistory::Tier& coarsest = tiers.back();
    return coarsest.step * static_cast<std::int64_t>(coarsest.rows);
}

}  // namespace

/// The numbers of a thing's readings, one behind the other.
class StatsSampler::Row {
public:
    /// Counters, which begin at zero.
    Row& counters(const StatsReading& reading) {
        append(reading);
        counters_ = size_;
        return *this;
    }
    /// What may have stood before it was looked at. After the counters.
    Row& levels(const StatsReading& reading) {
        append(reading);
        return *this;
    }
    std::span<const std::uint64_t> values() const { return {values_.data(), size_}; }
    Row before_the_first() const {
        Row row = *this;
        std::fill_n(row.values_.begin(), counters_, 0);
        return row;
    }
    std::uint64_t digest() const {
        constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;
        std::uint64_t digest = 0;
        for (const std::uint64_t value : values()) digest = (digest + value) * kFactor;
        return digest;
    }

private:
    void append(const StatsReading& reading) {
        for (std::size_t i = 0; i < reading.names.size(); ++i) values_[size_++] = reading.values[i];
    }

    std::array<std::uint64_t, 2 * StatsReading::kNumbersMax> values_{};
    std::size_t size_ = 0;
    std::size_t counters_ = 0;
};

/// Samples what the walk comes to.
class StatsSampler::See {
public:
    explicit See(StatsSampler& sampler) : sampler_(sampler) {}

    void session(SessionState& session) {
        sampler_.sample(session.sampled, Row().counters(stats_of(session)), kObjectTiers);
        for (const auto& [id, channel] : session.channels)
            sampler_.sample(channel->sampled, Row().counters(stats_of(*channel)), kObjectTiers);
    }
    void queue(Queue& queue) {
        const QueueReading reading = stats_of(queue);
        sampler_.sample(
            queue.sampled, Row().counters(reading.messages).levels(reading.lengths), kObjectTiers);
    }
    void exchange(VirtualHost& vhost, Exchange* exchange) {
        sampler_.sample(
            exchange ? exchange->sampled : vhost.default_exchange_sampled,
            Row().counters(stats_of(vhost, exchange)),
            kObjectTiers);
    }
    void vhost(VirtualHost& vhost) {
        const VhostReading reading = stats_of(vhost);
        sampler_.sample(
            vhost.sampled,
            Row().counters(reading.messages).counters(reading.octets).levels(reading.lengths),
            kVhostTiers);
    }

private:
    StatsSampler& sampler_;
};

bool StatsSampler::walk(
    const ObjectWalk::Sessions& sessions, const Topology& topology, Milliseconds now) {
    if (!std::exchange(walking_, true)) {
        any_change_ = false;
        at_ = now;
        walk_ = {};
    }
    return !walk_.resume(sessions, topology, kStepSize, See(*this));
}

void StatsSampler::finish(const BrokerReading& broker, Milliseconds now) {
    sample(
        broker_,
        Row().counters(broker.messages).counters(broker.churn).levels(broker.lengths),
        kBrokerTiers);
    walking_ = false;
    const bool idle_before = std::exchange(idle_, !any_change_);
    if (any_change_)
        next_ = now + kSampleInterval;
    else if (!idle_before)
        next_ = now + kForgotten;
    else
        next_.reset();
}

void StatsSampler::sample(
    Sampled& sampled, const Row& row, std::span<const StatsHistory::Tier> tiers) {
    const std::uint64_t digest = row.digest();
    if (digest == sampled.digest) {
        if (sampled.history && sampled.history->last_at() + kept(tiers) <= at_)
            sampled.history.reset();
        return;
    }
    any_change_ = true;
    sampled.changed_at = at_;
    const bool first = std::exchange(sampled.digest, digest) == 0;
    if (!sampled.history) {
        if (histories_.open() >= kHistoriesMax) return;
        sampled.history = std::make_unique<StatsHistory>(row.values().size(), tiers, histories_);
        if (first) sampled.history->record(at_ - kSampleInterval, row.before_the_first().values());
    }
    sampled.history->record(at_, row.values());
}

}  // namespace lvt::broker
