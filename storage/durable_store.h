// DurableStore: everything that survives a restart. RocksStore (journal + RocksDB) is the real one, MemoryStore its
// deterministic twin for tests and simulation; a broker without a data directory has none at all.
//
// The core decides what happened and numbers the commits; the store makes them durable in that order, and moves what still lives
// from old journal segments into chunks, in the background (design 4).
#pragma once

#include "protocol/base/result.h"
#include "storage/types.h"

#include <functional>
#include <map>
#include <memory>

namespace lvt::storage {

/// One queue as the core knows it at a commit.
struct QueueState {
    QueueUid queue;
    /// The next message gets this one.
    Seq next_seq = 1;
    /// Everything below is settled.
    Seq floor = 1;
    /// Settled at or above floor; ascending, disjoint, not adjacent.
    std::vector<SeqRun> settled;
    /// Persistent messages not settled.
    std::uint64_t live_messages = 0;
    std::uint64_t live_bytes = 0;
    /// Messages may have been handed out since the last clean stop.
    bool delivering = false;
    /// After a clean stop: what had been handed out.
    std::vector<SeqRun> delivered;
    /// Messages whose counts are not zero.
    struct Counts {
        Seq seq = 0;
        std::uint32_t delivery_count = 0;
        std::uint32_t return_count = 0;
        bool operator==(const Counts&) const = default;
    };
    std::vector<Counts> counts;

    bool operator==(const QueueState&) const = default;
};

/// The core's durable state as of a commit: what the store needs to tell live messages from dead ones. A queue that is not
/// in it does not exist any more.
struct StateSnapshot {
    Lsn as_of;
    /// Opaque: all metadata (users, vhosts, exchanges, queues, bindings).
    Bytes metadata;
    std::vector<QueueState> queues;
};

/// Answer to a read. On the way back to the core.
struct ColdBatch {
    QueueUid queue;
    /// As asked.
    Seq from = 0;
    /// Ascending. May hold settled ones: the core filters.
    std::vector<StoredMessage> messages;
    /// Everything stored in [from, covered) is in `messages`. covered > from unless nothing was stored in the range at all, then
    /// covered = the `to` that was asked.
    Seq covered = 0;
};

/// What the store tells. All are called from threads of the store, never from inside a call to it; the
/// receiver posts them to the core.
struct StoreEvents {
    /// Every commit up to this one survives a crash. Ascending.
    std::function<void(Lsn)> on_durable;
    std::function<void(ColdBatch)> on_read;
    /// The journal wants to retire commits up to `last`: answer with provide_snapshot(), as of a commit >= last (the last one
    /// appended will do). Not asked again before on_retired.
    std::function<void(Lsn last)> on_want_snapshot;
    /// Messages of commits up to `last` that the snapshot showed as alive can now be had by read().
    std::function<void(Lsn last)> on_retired;
    /// The answer to take_page().
    std::function<void(Page)> on_page;
    /// So many octets of pages are out of memory now.
    std::function<void(std::uint64_t bytes)> on_pages_settled;
    /// Nothing can be made durable any more (a failed fsync, a write that cannot succeed): the broker has to stop.
    std::function<void(Error)> on_fatal;
};

/// Told, in this order, by recover(): the snapshot if there is one, then every commit behind it.
class RecoveryVisitor {
public:
    virtual ~RecoveryVisitor() = default;
    virtual Result<void> on_snapshot(StateSnapshot snapshot) = 0;
    /// `record` as handed to append(). Commits that are older than the snapshot's as_of may be among them: their messages are not in
    /// read()'s reach yet, their other entries are in the snapshot already. Contents in pieces arrive joined, by body id. A body that is missing there belongs to
    /// messages that the snapshot or a later commit settles.
    virtual Result<void> on_commit(
        Lsn lsn, ByteView record, const std::map<std::uint64_t, Bytes>& bodies) = 0;
};

class DurableStore {
public:
    virtual ~DurableStore() = default;

    /// Once, before anything else. Answers the last lsn found (0 = none): the next append is one more.
    virtual Result<Lsn> recover(RecoveryVisitor& visitor) = 0;
    /// Starts the threads. After recover().
    virtual Result<void> start(StoreEvents events) = 0;

    // From here on: the core's thread only. None of them blocks or waits for a disk.

    /// `lsn` is the last one plus one. Durable when on_durable says so. A commit should stay below 2 MB.
    virtual void append(Lsn lsn, Bytes record) = 0;
    /// Messages of the queue in [from, to) that were retired from the journal, in order, about `bytes_max` of them (one at
    /// least).
    virtual void read(QueueUid queue, Seq from, Seq to, std::size_t bytes_max) = 0;
    /// The answer to on_want_snapshot. It is used once its as_of is durable.
    virtual void provide_snapshot(StateSnapshot snapshot) = 0;
    /// Asks to retire all of the journal up to now, because memory is short: leads to on_want_snapshot.
    virtual void retire_early() = 0;
    /// Nothing of the queue below `floor` is needed any more; gives the space back in time.
    virtual void reclaim(QueueUid queue, Seq floor) = 0;

    // What is out of memory for as long as the process lives.

    /// Keeps it in memory until it is on the disk; on_pages_settled tells.
    virtual void write_page(PageId id, Bytes bytes) = 0;
    /// Gives it back and forgets it.
    virtual void take_page(PageId id) = 0;
    virtual void drop_page(PageId id) = 0;

    /// Waits until everything appended is durable, stops the threads. No event after it returns.
    virtual Result<void> close() = 0;
};

}  // namespace lvt::storage
