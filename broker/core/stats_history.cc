#include "broker/core/stats_history.h"

#include <algorithm>

namespace lvt::broker {

StatsHistory::StatsHistory(std::size_t width, std::span<const Tier> tiers, Turnover& turnover)
    : counted_(turnover), width_(width), tiers_(tiers), rows_(tiers.size()) {}

void StatsHistory::record(Milliseconds at, std::span<const std::uint64_t> values) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        Rows& rows = rows_[i];
        if (i > 0 && rows.count() && at < rows.time(rows.count() - 1) + tiers_[i].step) continue;
        append(rows, tiers_[i].rows, at, values);
    }
}

void StatsHistory::append(
    Rows& rows, std::size_t limit, Milliseconds at, std::span<const std::uint64_t> values) {
    if (rows.count() < limit) {
        rows.times.push_back(at);
        rows.values.insert(rows.values.end(), values.begin(), values.end());
        return;
    }
    rows.times[rows.oldest] = at;
    std::copy(
        values.begin(),
        values.end(),
        rows.values.begin() + static_cast<std::ptrdiff_t>(rows.oldest * width_));
    rows.oldest = (rows.oldest + 1) % limit;
}

std::uint64_t StatsHistory::value_at(std::size_t column, Milliseconds when) const {
    const std::uint64_t* oldest = nullptr;
    for (const Rows& rows : rows_) {
        if (rows.count() == 0) continue;
        for (std::size_t nth = rows.count(); nth > 0; --nth) {
            if (rows.time(nth - 1) > when) continue;
            return rows.values[rows.place(nth - 1) * width_ + column];
        }
        oldest = &rows.values[rows.place(0) * width_ + column];
    }
    return oldest ? *oldest : 0;
}

std::optional<Milliseconds> StatsHistory::rate_base(Milliseconds now) const {
    const Rows& rows = rows_.front();
    if (rows.count() == 0) return std::nullopt;
    std::size_t nth = rows.count() - 1;
    while (nth > 0 && rows.time(nth) > now - kSampleInterval) --nth;
    // Steps without a change have no row.
    return std::max(rows.time(nth), now - 2 * kSampleInterval);
}

}  // namespace lvt::broker
