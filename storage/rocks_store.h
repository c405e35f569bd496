// The real DurableStore: a journal, and RocksDB for what outlives its segments (design 4).
//
// DIR/lock      held while a broker uses the directory
// DIR/FORMAT    version of everything below
// DIR/journal/  segments
// DIR/store/    RocksDB; made when the first segment is retired, so an empty start does not wait for it
// DIR/scratch   pages out of memory; what an earlier process left of it is removed
// DIR/ballast   space to fall back on when the disk is full
#pragma once

#include "storage/cold_reader.h"
#include "storage/journal.h"
#include "storage/scratch.h"
#include "storage/store_options.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <thread>

namespace lvt::storage {

class RocksStore final : public DurableStore {
public:
    /// `fs` and `log` must outlive it. `rocks_files` is what RocksDB works on where that is not the machine's file system.
    RocksStore(
        Fs& fs, StoreOptions options, LogSink& log,
        std::shared_ptr<rocksdb::FileSystem> rocks_files = nullptr);
    ~RocksStore() override;

    Result<Lsn> recover(RecoveryVisitor& visitor) override;
    Result<void> start(StoreEvents events) override;
    void append(Lsn lsn, Bytes record) override;
    void read(QueueUid queue, Seq from, Seq to, std::size_t bytes_max) override;
    void provide_snapshot(StateSnapshot snapshot) override;
    void retire_early() override;
    void reclaim(QueueUid queue, Seq floor) override;
    void write_page(PageId id, Bytes bytes) override { scratch_.write(id, std::move(bytes)); }
    void take_page(PageId id) override { scratch_.take(id); }
    void drop_page(PageId id) override { scratch_.drop(id); }
    Result<void> close() override;

    // For metrics and tests; any thread.

    std::uint64_t journal_bytes() { return journal_.log().bytes(); }
    /// On the disk, without the journal; 0 before anything was retired.
    std::uint64_t cold_bytes();

private:
    using Lock = std::unique_lock<std::mutex>;
    struct Reclaim {
        Seq floor = 0;
        /// Durable before it may be acted on.
        Lsn after;
        bool deleted = false;
    };

    Result<void> open_directory();
    Result<void> open_cold();
    Result<std::optional<StateSnapshot>> load_cold();
    Result<void> load_queues(StateSnapshot& snapshot);
    Result<Lsn> replay(RecoveryVisitor& visitor);

    void on_durable(Lsn lsn);
    void fatal(Error error);
    bool is_stopping() const;
    bool make_room();
    void fill_ballast();
    std::thread guarded(Result<void> (RocksStore::*body)());

    Result<void> run_retirer();
    std::optional<Lsn> next_target() const;
    bool can_retire() const;
    Result<void> retire(Lsn target, const StateSnapshot& snapshot);
    Result<void> write_chunks(Lsn target, const StateSnapshot& snapshot);
    std::shared_ptr<const LiveIndex> publish_live(const StateSnapshot& snapshot);
    Result<void> forget_gone();
    Result<void> insist(const std::function<Result<void>()>& operation);
    bool compaction_fits(std::uint64_t cold_bytes);

    Result<void> run_reader();
    std::shared_ptr<const LiveIndex> live() const;

    Result<void> run_reclaimer();
    std::map<QueueUid, Reclaim> ready_reclaims();
    void publish_floors(const std::map<QueueUid, Reclaim>& ready);
    Result<void> reclaim_messages(const std::map<QueueUid, Reclaim>& ready);
    Result<void> reclaim_bodies();

    Fs& fs_;
    StoreOptions options_;
    LogSink& log_;
    std::shared_ptr<rocksdb::FileSystem> rocks_files_;
    StoreEvents events_;
    std::unique_ptr<FileLock> directory_lock_;
    std::atomic<bool> ballast_{false};
    std::atomic<std::uint64_t> appended_{0};

    std::unique_ptr<ChunkDb> db_;
    /// Tells that db_ is there, to threads that did not open it.
    std::atomic<ChunkDb*> cold_{nullptr};
    LaneTable lanes_;
    Journal journal_;
    Scratch scratch_;

    // The retirer's (recover()'s before it runs).
    WrittenState written_;

    /// Held while a round writes chunks, or an index with exact heights is made.
    std::mutex round_;
    /// Floors that reclaim() told and snapshots may not have yet. Guarded by round_.
    std::map<QueueUid, Seq> reclaimed_;

    // The reclaimer's.
    std::map<QueueUid, bool> deleted_;
    std::uint64_t small_bytes_ = 0;
    bool bodies_dirty_ = false;

    mutable std::mutex mutex_;
    // Guarded by mutex_.
    std::condition_variable retirer_wake_;
    std::condition_variable reader_wake_;
    std::condition_variable reclaimer_wake_;
    bool stopping_ = false;
    bool failed_ = false;
    Lsn applied_;
    Lsn early_;
    std::optional<Lsn> wanted_;
    std::optional<StateSnapshot> provided_;
    std::deque<ColdRead> reads_;
    std::map<QueueUid, Reclaim> reclaims_;
    std::vector<QueueUid> gone_;
    std::shared_ptr<const LiveIndex> live_ = std::make_shared<LiveIndex>();

    std::thread retirer_;
    std::thread reader_;
    std::thread reclaimer_;
};

}  // namespace lvt::storage
