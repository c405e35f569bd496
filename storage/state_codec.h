// What RocksDB knows of each queue, as bytes. storage/FORMAT.md draws them.
#pragma once

#include "storage/chunk.h"
#include "storage/durable_store.h"

namespace lvt::storage {

/// What the store itself knows of a queue beside what the core told.
struct StoredLanes {
    struct Lane {
        LaneKey key;
        /// The highest seq that any chunk of it had.
        Seq high = 0;
        bool operator==(const Lane&) const = default;
    };
    /// Those that have ever had a chunk, ascending.
    std::vector<Lane> lanes;
    /// A body has been stored for it.
    bool bodies = false;

    bool empty() const { return lanes.empty() && !bodies; }
    /// 0 where the lane has never had one.
    Seq high(LaneKey key) const;
    void raise(LaneKey key, Seq high);
    bool operator==(const StoredLanes&) const = default;
};

struct StoredQueue {
    QueueState state;
    StoredLanes lanes;
    /// The queue is gone, its chunks may still be there.
    bool deleted = false;
};

Bytes encode_stored_queue(const StoredQueue& queue);
Result<StoredQueue> decode_stored_queue(QueueUid queue, ByteView value);

}  // namespace lvt::storage
