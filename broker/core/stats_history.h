// StatsHistory: how numbers were a while ago, for rates and charts. It keeps rows, one a step; a step in which nothing changed needs
// none, for the row before stands until the next.
#pragma once

#include "broker/core/message_stats.h"
#include "protocol/base/clock.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace lvt::broker {

/// Between two looks at the numbers.
inline constexpr Milliseconds kSampleInterval{5'000};

class StatsHistory {
public:
    /// Rows at least `step` apart, at most `rows` of them.
    struct Tier {
        Milliseconds step;
        std::size_t rows;
    };

    /// For numbers of `width` columns; finer tiers come first. Counts itself in `turnover`. Both must outlive it.
    StatsHistory(std::size_t width, std::span<const Tier> tiers, Turnover& turnover);

    /// `at` (monotonic) is later than that of the last call; `values` has `width` numbers.
    void record(Milliseconds at, std::span<const std::uint64_t> values);
    /// The number as it was then, as far back as it is known; 0 where nothing is.
    std::uint64_t value_at(std::size_t column, Milliseconds when) const;
    /// From where the present rate is counted: a row that is kSampleInterval old, or less where there is none. Nothing: no row.
    std::optional<Milliseconds> rate_base(Milliseconds now) const;
    /// When the last row was made; requires one.
    Milliseconds last_at() const { return rows_.front().time(rows_.front().count() - 1); }

private:
    /// A ring once it has its size.
    struct Rows {
        std::size_t oldest = 0;
        std::vector<Milliseconds> times;
        std::vector<std::uint64_t> values;

        std::size_t count() const { return times.size(); }
        std::size_t place(std::size_t nth) const { return (oldest + nth) % times.size(); }
        Milliseconds time(std::size_t nth) const { return times[place(nth)]; }
    };
    void append(
        Rows& rows, std::size_t limit, Milliseconds at, std::span<const std::uint64_t> values);

    Counted counted_;
    std::size_t width_;
    std::span<const Tier> tiers_;
    std::vector<Rows> rows_;  // by tier
};

/// What is remembered of a thing that is sampled.
struct Sampled {
    /// Null where nothing of it has changed for a while.
    std::unique_ptr<StatsHistory> history;
    /// Tells its numbers at the last sample from others.
    std::uint64_t digest = 0;
    /// Monotonic: the last sample that was another than the one before; 0: none was.
    Milliseconds changed_at{0};
};

}  // namespace lvt::broker
