// One round of moving what still lives from the journal to RocksDB.
#pragma once

#include "storage/chunk_db.h"
#include "storage/record.h"
#include "storage/state_codec.h"

#include <map>
#include <mutex>
#include <unordered_map>

namespace lvt::storage {

/// What RocksDB has of each queue. Any thread.
class LaneTable {
public:
    StoredLanes get(QueueUid queue) const;
    void set(QueueUid queue, StoredLanes lanes);
    void erase(QueueUid queue);
    /// Those for which any content was ever stored.
    std::vector<QueueUid> queues() const;

private:
    mutable std::mutex mutex_;
    std::unordered_map<QueueUid, StoredLanes> lanes_;
};

/// What RocksDB was told last, so that only changes are written again. The retirer's thread.
struct WrittenState {
    /// A hash of each queue's state; queues that are deleted but not gone are not in it.
    std::unordered_map<QueueUid, std::size_t> queues;
    std::size_t metadata = 0;
};

/// Takes commits in and cuts them into batches, each of which is complete in itself: chunks of all commits up to one lsn, the
/// snapshot's state, and that lsn. A crash between two of them leaves a shorter retirement, not half of one.
class Retirement {
public:
    /// `snapshot`, `live` (made from it), `lanes` and `written` must outlive it. `applied` was retired before.
    Retirement(
        const StateSnapshot& snapshot, Lsn applied, const LiveIndex& live, LaneTable& lanes,
        WrittenState& written);

    /// In order. `corrupt` where it makes no sense.
    Result<void> take_in(Lsn lsn, ByteView record);
    /// Octets that the next batch will have, about.
    std::size_t pending_bytes() const { return pending_bytes_ + batch_.size(); }
    /// Everything taken in since the last one.
    ChunkDb::Batch take_batch();

private:
    using Lane = std::pair<QueueUid, LaneKey>;

    void take_message(Lsn lsn, std::uint32_t index, const MessageEntry& entry);
    void take_piece(const PieceEntry& entry);
    void add(QueueUid queue, ChunkMessage message);
    void close(const Lane& lane, ChunkBuilder& chunk);
    std::vector<Target> live_ones(const std::vector<Target>& targets) const;
    void note_bodies(const std::vector<Target>& targets);
    void put_queue(const QueueState& state);
    void put_state();
    void put_deleted();

    const StateSnapshot& snapshot_;
    const LiveIndex& live_;
    LaneTable& lanes_;
    WrittenState& written_;
    std::unordered_map<QueueUid, const QueueState*> states_;

    ChunkDb::Batch batch_;
    std::map<Lane, ChunkBuilder> open_;
    std::unordered_map<QueueUid, StoredLanes> touched_;
    std::size_t pending_bytes_ = 0;
    Lsn last_;
    bool state_written_ = false;
};

// Keys of the meta space; frozen on disk.
inline constexpr char kMetaApplied[] = "applied";    // u64 lsn, u64 as_of
inline constexpr char kMetaMetadata[] = "metadata";  // the core's, opaque

}  // namespace lvt::storage
