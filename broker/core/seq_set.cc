#include "broker/core/seq_set.h"

#include <algorithm>

namespace lvt::broker {

using storage::Seq;
using storage::SeqRun;

std::uint64_t SeqSet::insert_run(SeqRun run) {
    Seq first = std::max(run.first, floor_);
    Seq end = run.end();
    if (first >= end) return 0;
    std::uint64_t added = end - first;
    auto at = runs_.upper_bound(first);
    if (at != runs_.begin() && std::prev(at)->second >= first) --at;
    while (at != runs_.end() && at->first <= end) {
        const Seq overlap_first = std::max(at->first, std::max(run.first, floor_));
        const Seq overlap_end = std::min(at->second, run.end());
        if (overlap_first < overlap_end) added -= overlap_end - overlap_first;
        first = std::min(first, at->first);
        end = std::max(end, at->second);
        at = runs_.erase(at);
    }
    runs_.emplace(first, end);
    absorb_into_floor();
    return added;
}

void SeqSet::raise_floor(Seq floor) {
    if (floor <= floor_) return;
    floor_ = floor;
    while (!runs_.empty() && runs_.begin()->second <= floor_) runs_.erase(runs_.begin());
    absorb_into_floor();
}

void SeqSet::absorb_into_floor() {
    if (runs_.empty() || runs_.begin()->first > floor_) return;
    floor_ = std::max(floor_, runs_.begin()->second);
    runs_.erase(runs_.begin());
}

std::vector<SeqRun> SeqSet::runs() const {
    std::vector<SeqRun> out;
    out.reserve(runs_.size());
    for (const auto& [first, end] : runs_) out.push_back({first, end - first});
    return out;
}

std::vector<SeqRun> SeqSet::all_runs() const {
    std::vector<SeqRun> out = runs();
    if (floor_ > 1) out.insert(out.begin(), SeqRun{1, floor_ - 1});
    return out;
}

}  // namespace lvt::broker
