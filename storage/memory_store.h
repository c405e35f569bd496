// The deterministic twin of RocksStore: no threads, no files. For tests and simulation.
//
// It does what RocksStore does, one step at a time, and only when the test says so: nothing is durable before sync(), no
// event is delivered before step().
#pragma once

#include "storage/durable_store.h"
#include "storage/live_index.h"

#include <deque>
#include <map>
#include <optional>

namespace lvt::storage {

class MemoryStore final : public DurableStore {
public:
    /// Above `journal_bytes_max` durable octets it asks by itself for a snapshot to retire half of them; 0 = never.
    explicit MemoryStore(std::uint64_t journal_bytes_max = 0)
        : journal_bytes_max_(journal_bytes_max) {}

    Result<Lsn> recover(RecoveryVisitor& visitor) override;
    Result<void> start(StoreEvents events) override;
    void append(Lsn lsn, Bytes record) override;
    void read(QueueUid queue, Seq from, Seq to, std::size_t bytes_max) override;
    void provide_snapshot(StateSnapshot snapshot) override;
    void retire_early() override;
    void reclaim(QueueUid queue, Seq floor) override;
    void write_page(PageId id, Bytes bytes) override;
    void take_page(PageId id) override;
    void drop_page(PageId id) override;
    Result<void> close() override;

    // What the test drives.

    /// Makes everything appended durable.
    void sync();
    /// Makes the next `commits` durable that are not.
    void sync(std::size_t commits);
    /// Delivers one event; false if there was none.
    bool step();
    /// Power fails: what is not durable is gone, but for the first `kept` commits of it; undelivered events too. Then recover() and
    /// start() again.
    void crash(std::size_t kept = 0);

    Lsn durable() const { return durable_; }
    std::size_t unsynced() const { return unsynced_.size(); }
    std::size_t events() const { return events_queued_.size(); }
    /// Messages that were retired and not dropped since.
    std::size_t cold_messages() const;
    std::size_t pages() const { return pages_.size(); }

private:
    struct Commit {
        Lsn lsn;
        Bytes record;
    };
    struct ColdMessage {
        MessageHeader header;
        Bytes content;
        std::uint64_t body_id = 0;
        std::uint64_t content_bytes = 0;
    };
    struct Body {
        std::vector<Target> targets;
        std::map<std::uint32_t, Bytes> parts;
    };
    struct Reclaim {
        Seq floor = 0;
        Lsn after;
    };

    void queue_want(Lsn last);
    void retire_if_durable();
    void retire(Lsn last, StateSnapshot snapshot);
    void retire_record(ByteView record, const LiveIndex& live);
    void drop_dead();
    void apply_reclaims();
    ColdBatch cold_batch(QueueUid queue, Seq from, Seq to, std::size_t bytes_max) const;

    std::uint64_t journal_bytes_max_;
    StoreEvents events_;
    bool running_ = false;
    std::deque<std::function<void()>> events_queued_;

    std::deque<Commit> journal_;
    std::uint64_t journal_bytes_ = 0;
    std::deque<Commit> unsynced_;
    Lsn last_;
    Lsn durable_;

    std::optional<Lsn> wanted_;
    std::optional<StateSnapshot> provided_;
    Lsn applied_;
    std::optional<StateSnapshot> snapshot_;
    LiveIndex live_;
    std::map<QueueUid, std::map<Seq, ColdMessage>> cold_;
    std::map<std::uint64_t, Body> bodies_;
    std::map<QueueUid, Reclaim> reclaims_;
    std::map<PageId, Bytes> pages_;
};

}  // namespace lvt::storage
