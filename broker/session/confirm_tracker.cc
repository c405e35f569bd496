#include "broker/session/confirm_tracker.h"

#include <algorithm>
#include <iterator>

namespace lvt::broker {

void ConfirmTracker::decide(std::uint64_t first, std::uint64_t last, bool nack) {
    first = std::max(first, open_);
    while (first <= last) {
        const auto after = decided_.upper_bound(first);
        if (after != decided_.begin() && std::prev(after)->second >= first) {
            first = std::prev(after)->second + 1;
            continue;
        }
        const std::uint64_t end = after == decided_.end() ? last : std::min(last, after->first - 1);
        note(first, end, nack);
        remember(first, end);
        first = end + 1;
    }
}

void ConfirmTracker::note(std::uint64_t first, std::uint64_t last, bool nack) {
    auto& ranges = nack ? nacked_ : acked_;
    if (!ranges.empty() && ranges.back().last + 1 == first)
        ranges.back().last = last;
    else
        ranges.push_back({first, last});
}

void ConfirmTracker::remember(std::uint64_t first, std::uint64_t last) {
    auto after = decided_.upper_bound(first);
    if (after != decided_.end() && after->first == last + 1) {
        last = after->second;
        after = decided_.erase(after);
    }
    if (first == open_) {
        open_ = last + 1;
    } else if (after != decided_.begin() && std::prev(after)->second + 1 == first) {
        std::prev(after)->second = last;
    } else {
        decided_.emplace_hint(after, first, last);
    }
}

void ConfirmTracker::flush(std::vector<ConfirmFrame>& out) {
    // Where all below is told a nack says `multiple`, as RabbitMQ's does; it speaks of one number all the same.
    const bool all_told = acked_.empty();
    std::sort(nacked_.begin(), nacked_.end(), [](const Range& a, const Range& b) {
        return a.first < b.first;
    });
    for (const Range& range : nacked_)
        for (std::uint64_t seqno = range.first; seqno <= range.last; ++seqno)
            out.push_back({seqno, all_told && seqno < open_, true});
    nacked_.clear();

    // A range of decided numbers lies wholly below open_ or wholly above it.
    std::uint64_t top = 0;
    std::uint64_t count = 0;
    for (const Range& range : acked_) {
        if (range.first >= open_) continue;
        top = std::max(top, range.last);
        count += range.last - range.first + 1;
    }
    if (count > 0) out.push_back({top, count > 1, false});
    if (acked_.size() > 1 || count == 0) {
        std::sort(acked_.begin(), acked_.end(), [](const Range& a, const Range& b) {
            return a.first < b.first;
        });
        for (const Range& range : acked_) {
            if (range.first < open_) continue;
            for (std::uint64_t seqno = range.first; seqno <= range.last; ++seqno)
                out.push_back({seqno, false, false});
        }
    }
    acked_.clear();
}

}  // namespace lvt::broker
