// SeqSet: which messages of a queue are settled. Settling runs mostly from the front, so a floor and few runs above it
// say it all.
#pragma once

#include "storage/types.h"

#include <map>
#include <vector>

namespace lvt::broker {

class SeqSet {
public:
    /// Everything below is in the set.
    storage::Seq floor() const { return floor_; }
    bool contains(storage::Seq seq) const {
        if (seq < floor_) return true;
        if (runs_.empty()) return false;
        auto after = runs_.upper_bound(seq);
        return after != runs_.begin() && seq < std::prev(after)->second;
    }
    /// Adds one; true if it was not in before.
    bool insert(storage::Seq seq) {
        if (seq == floor_ && runs_.empty()) {
            ++floor_;
            return true;
        }
        return insert_run({seq, 1}) != 0;
    }
    /// Adds a run; how many of it were not in before.
    std::uint64_t insert_run(storage::SeqRun run);
    /// Adds everything below `floor`.
    void raise_floor(storage::Seq floor);
    /// The runs above the floor, ascending.
    std::vector<storage::SeqRun> runs() const;
    /// Everything in it, from 1 on.
    std::vector<storage::SeqRun> all_runs() const;
    void clear() {
        floor_ = 1;
        runs_.clear();
    }

private:
    void absorb_into_floor();

    storage::Seq floor_ = 1;
    std::map<storage::Seq, storage::Seq>
        runs_;  // first -> end; disjoint, not adjacent, all above floor_
};

}  // namespace lvt::broker
