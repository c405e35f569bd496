#include "storage/live_index.h"

#include <algorithm>

namespace lvt::storage {

bool contains(const std::vector<SeqRun>& runs, Seq seq) {
    const auto after = std::upper_bound(
        runs.begin(), runs.end(), seq, [](Seq s, const SeqRun& run) { return s < run.first; });
    return after != runs.begin() && seq < std::prev(after)->end();
}

LiveIndex::LiveIndex(const std::vector<QueueState>& queues) {
    queues_.reserve(queues.size());
    for (const QueueState& state : queues)
        queues_[state.queue] = Entry{.floor = state.floor, .settled = state.settled};
}

void LiveIndex::set_deleted(QueueUid queue) { queues_[queue] = Entry{.deleted = true}; }

void LiveIndex::raise_floor(QueueUid queue, Seq floor) {
    const auto at = queues_.find(queue);
    if (at != queues_.end()) at->second.floor = std::max(at->second.floor, floor);
}

void LiveIndex::set_high(QueueUid queue, Seq high) {
    const auto at = queues_.find(queue);
    if (at != queues_.end()) at->second.high = high;
}

const LiveIndex::Entry* LiveIndex::find(QueueUid queue) const {
    const auto at = queues_.find(queue);
    return at == queues_.end() ? nullptr : &at->second;
}

bool LiveIndex::is_live(const Target& target) const {
    const Entry* entry = find(target.queue);
    return entry != nullptr && !entry->deleted && target.seq >= entry->floor &&
           !contains(entry->settled, target.seq);
}

bool LiveIndex::is_dead(const Target& target) const {
    const Entry* entry = find(target.queue);
    if (entry == nullptr) return false;
    return entry->deleted || target.seq < entry->floor || contains(entry->settled, target.seq);
}

bool LiveIndex::any_live(const std::vector<Target>& targets) const {
    return std::any_of(
        targets.begin(), targets.end(), [this](const Target& t) { return is_live(t); });
}

bool LiveIndex::all_dead(const std::vector<Target>& targets) const {
    return std::all_of(
        targets.begin(), targets.end(), [this](const Target& t) { return is_dead(t); });
}

bool LiveIndex::is_deleted(QueueUid queue) const {
    const Entry* entry = find(queue);
    return entry != nullptr && entry->deleted;
}

Seq LiveIndex::floor_of(QueueUid queue) const {
    const Entry* entry = find(queue);
    return entry == nullptr ? 0 : entry->floor;
}

bool LiveIndex::is_drained(QueueUid queue) const {
    const Entry* entry = find(queue);
    return entry != nullptr && entry->high < entry->floor;
}

}  // namespace lvt::storage
