// Which messages are still needed, as of one durable snapshot.
#pragma once

#include "storage/durable_store.h"

#include <limits>
#include <memory>
#include <unordered_map>

namespace lvt::storage {

/// Built once, then shared read-only between threads as shared_ptr<const LiveIndex>.
class LiveIndex {
public:
    LiveIndex() = default;
    explicit LiveIndex(const std::vector<QueueState>& queues);

    void set_deleted(QueueUid queue);
    /// Everything below `floor` is settled too. Does nothing for a queue that is not known.
    void raise_floor(QueueUid queue, Seq floor);
    /// No chunk that was written before this index holds a seq above `high`.
    void set_high(QueueUid queue, Seq high);

    /// The queue exists and the message is not settled.
    bool is_live(const Target& target) const;
    /// The queue is known to be deleted or the message to be settled. An unknown queue's are neither dead nor live.
    bool is_dead(const Target& target) const;
    bool any_live(const std::vector<Target>& targets) const;
    bool all_dead(const std::vector<Target>& targets) const;

    bool is_deleted(QueueUid queue) const;
    /// The first seq that may be alive; 0 where the queue is not known.
    Seq floor_of(QueueUid queue) const;
    /// All chunks of before are below the floor: none lies across it.
    bool is_drained(QueueUid queue) const;

private:
    struct Entry {
        bool deleted = false;
        Seq floor = 1;
        Seq high = std::numeric_limits<Seq>::max();
        std::vector<SeqRun> settled;
    };
    const Entry* find(QueueUid queue) const;

    std::unordered_map<QueueUid, Entry> queues_;
};

/// Whether one of `runs` (ascending, disjoint) holds `seq`.
bool contains(const std::vector<SeqRun>& runs, Seq seq);

}  // namespace lvt::storage
