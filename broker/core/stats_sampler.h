// StatsSampler: every five seconds, while anything happens, it notes the numbers of whatever has changed. A broker that nobody uses is
// looked at once more, a minute later, to let the histories go; then there are no wake-ups. Long walks are made in steps, between which
// the core has its turns.
#pragma once

#include "broker/core/object_walk.h"
#include "broker/core/stats_reading.h"

#include <optional>

namespace lvt::broker {

class StatsSampler {
public:
    /// Objects with a history, at most; the others have no rates.
    static constexpr std::uint64_t kHistoriesMax = 10'000;

    /// Something happens: the next samples are due in five seconds.
    void note_activity(Milliseconds now) {
        if (next_ && *next_ <= now + kSampleInterval) return;
        next_ = now + kSampleInterval;
        idle_ = false;
    }
    /// Monotonic; nothing where no sample is due.
    std::optional<Milliseconds> next() const { return next_; }
    /// When next() has come: takes one step. True where it was the last but finish().
    bool walk(const ObjectWalk::Sessions& sessions, const Topology& topology, Milliseconds now);
    /// The numbers of the whole broker.
    void finish(const BrokerReading& broker, Milliseconds now);
    const Sampled& broker() const { return broker_; }
    /// What histories are counted in; outlives all that is sampled.
    Turnover& histories() { return histories_; }

private:
    class Row;
    class See;
    void sample(Sampled& sampled, const Row& row, std::span<const StatsHistory::Tier> tiers);

    Turnover histories_;
    Sampled broker_;
    std::optional<Milliseconds> next_;
    /// Nothing had changed in the last walk.
    bool idle_ = false;

    // The walk under way.
    bool walking_ = false;
    bool any_change_ = false;
    Milliseconds at_{0};
    ObjectWalk walk_;
};

}  // namespace lvt::broker
