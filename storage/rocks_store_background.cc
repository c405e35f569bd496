// RocksStore's threads beside the journal's: the retirer, the reader and the reclaimer.

#include "protocol/base/clock.h"
#include "storage/rocks_store.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace lvt::storage {
namespace {

using Space = ChunkDb::Space;

/// A round is cut into writes of about this size, which bounds its memory.
constexpr std::size_t kStepBytes = 4 << 20;
/// A range is worth a compaction of its own from here on; smaller ones are gathered until they are together that large.
constexpr std::uint64_t kRangeBytesMin = 1 << 20;
constexpr std::uint64_t kGatheredBytesMax = 16 << 20;
constexpr std::uint64_t kBodiesBytesMin = 4 << 20;
constexpr Milliseconds kReclaimInterval{1000};
constexpr std::chrono::milliseconds kFullDiskInterval{1000};
/// What a compaction of RocksDB's own takes at most before it gives anything back, however much there is.
constexpr std::uint64_t kCompactionBytesMax = 2ull << 30;
/// Of the time, what compactions for reclaim may take: one part in this many.
constexpr int kReclaimShare = 4;

}  // namespace

// Space to fall back on.

bool RocksStore::make_room() {
    if (!ballast_.exchange(false)) return false;
    const Path path = options_.dir / "ballast";
    const Result<void> removed = fs_.remove(path);
    if (removed.has_error()) return false;
    log_.log(
        LogLevel::critical,
        "the disk of {} is full: removed {} to go on for a while",
        options_.dir.string(),
        path.string());
    return true;
}

void RocksStore::fill_ballast() {
    if (options_.ballast_bytes == 0) return;
    const Path path = options_.dir / "ballast";
    const Result<bool> there = fs_.exists(path);
    if (there.has_value() && *there) {
        ballast_ = true;
        return;
    }
    const Result<std::uint64_t> free = fs_.free_bytes(options_.dir);
    if (free.has_error() || *free / 4 < options_.ballast_bytes) return;
    const Result<std::unique_ptr<File>> file = fs_.open(path, OpenMode::create);
    if (file.has_error()) return;
    if ((*file)->allocate(options_.ballast_bytes).has_error()) {
        (void)fs_.remove(path);
        return;
    }
    ballast_ = true;
}

// The retirer.

std::optional<Lsn> RocksStore::next_target() const {
    if (wanted_) return std::nullopt;
    const Lsn durable = journal_.durable();
    if (early_ > applied_ && early_ <= durable) return early_;
    return journal_.log().target_of_retirement();
}

bool RocksStore::can_retire() const { return provided_ && provided_->as_of <= journal_.durable(); }

Result<void> RocksStore::run_retirer() {
    fill_ballast();
    for (;;) {
        Lock lock(mutex_);
        retirer_wake_.wait(lock, [this] { return stopping_ || can_retire() || next_target(); });
        if (stopping_) return {};
        if (!can_retire()) {
            const Lsn target = *next_target();
            // A segment that was sealed after all of it had been retired.
            const bool retired_before = target <= applied_;
            if (!retired_before) wanted_ = target;
            lock.unlock();
            if (retired_before) {
                journal_.log().recycle(target);
                continue;
            }
            events_.on_want_snapshot(target);
            continue;
        }
        StateSnapshot snapshot = std::move(*provided_);
        provided_.reset();
        const Lsn target = *wanted_;
        lock.unlock();
        Result<void> retired = retire(target, snapshot);
        lock.lock();
        if (stopping_) return {};
        if (retired.has_error()) return retired;
        applied_ = target;
        wanted_.reset();
        lock.unlock();
        journal_.log().recycle(target);
        events_.on_retired(target);
    }
}

Result<void> RocksStore::retire(Lsn target, const StateSnapshot& snapshot) {
    LVT_TRY(write_chunks(target, snapshot));
    return insist([this] { return db_->flush(); });
}

Result<void> RocksStore::write_chunks(Lsn target, const StateSnapshot& snapshot) {
    const std::lock_guard round(round_);
    if (db_ == nullptr) LVT_TRY(insist([this] { return open_cold(); }));
    LVT_TRY(forget_gone());
    const std::shared_ptr<const LiveIndex> live = publish_live(snapshot);
    Retirement retirement(snapshot, applied_, *live, lanes_, written_);
    const auto write = [&] {
        const ChunkDb::Batch batch = retirement.take_batch();
        db_->let_compact_itself(compaction_fits(cold_bytes()));
        return insist([&] { return db_->write(batch); });
    };
    LVT_TRY(journal_.log().read(applied_, target, [&](Lsn lsn, ByteView record) -> Result<void> {
        LVT_TRY(retirement.take_in(lsn, record));
        return retirement.pending_bytes() < kStepBytes ? Result<void>() : write();
    }));
    return write();
}

/// The index of a snapshot that is durable, in force from now on. round_ is held, or no thread runs yet.
std::shared_ptr<const LiveIndex> RocksStore::publish_live(const StateSnapshot& snapshot) {
    auto live = std::make_shared<LiveIndex>(snapshot.queues);
    std::erase_if(reclaimed_, [&](const auto& entry) { return live->floor_of(entry.first) == 0; });
    for (const auto& [queue, floor] : reclaimed_) live->raise_floor(queue, floor);
    std::vector<QueueUid> deleted;
    for (const QueueUid queue : lanes_.queues()) {
        if (live->floor_of(queue) == 0) {
            live->set_deleted(queue);
            deleted.push_back(queue);
            continue;
        }
        Seq high = 0;
        for (const StoredLanes::Lane& lane : lanes_.get(queue).lanes)
            high = std::max(high, lane.high);
        live->set_high(queue, high);
    }
    const Lock lock(mutex_);
    for (const QueueUid queue : deleted) reclaims_[queue] = Reclaim{0, {}, true};
    if (!deleted.empty()) reclaimer_wake_.notify_one();
    live_ = live;
    db_->set_live(live);
    return live;
}

/// Deleted queues of which nothing is left.
Result<void> RocksStore::forget_gone() {
    std::vector<QueueUid> gone;
    {
        const Lock lock(mutex_);
        gone.swap(gone_);
    }
    if (gone.empty()) return {};
    ChunkDb::Batch batch;
    for (const QueueUid queue : gone) {
        lanes_.erase(queue);
        batch.erase(Space::state, queue_key(queue));
    }
    return insist([&] { return db_->write(batch); });
}

/// Tries until it is done, or fails for another reason than a full disk. The journal goes on growing meanwhile.
Result<void> RocksStore::insist(const std::function<Result<void>()>& operation) {
    for (;;) {
        if (is_stopping()) return Error{ErrorKind::io, "the store stops"};
        Result<void> result = operation();
        if (result.has_value() || result.error().kind != ErrorKind::no_space) return result;
        log_.log(LogLevel::error, "{}", result.error().message);
        make_room();
        Lock lock(mutex_);
        retirer_wake_.wait_for(lock, kFullDiskInterval, [this] { return stopping_; });
        lock.unlock();
        if (db_ != nullptr) db_->resume();
    }
}

/// A compaction writes all that it keeps before it removes what it has read. Where the volume could be filled by that, beside the journal at
/// its budget and the memtables, files wait for drained ranges (compact()) or for space.
bool RocksStore::compaction_fits(std::uint64_t cold_bytes) {
    const Result<std::uint64_t> free = fs_.free_bytes(options_.dir);
    if (free.has_error()) return true;
    const std::uint64_t journal = journal_.log().bytes();
    const std::uint64_t others = options_.journal_bytes_max -
                                 std::min(options_.journal_bytes_max, journal) +
                                 2 * options_.memtable_bytes;
    return *free >= std::min(cold_bytes, kCompactionBytesMax) + others;
}

// The reader.

std::shared_ptr<const LiveIndex> RocksStore::live() const {
    const Lock lock(mutex_);
    return live_;
}

Result<void> RocksStore::run_reader() {
    for (;;) {
        Lock lock(mutex_);
        reader_wake_.wait(lock, [this] { return stopping_ || !reads_.empty(); });
        if (stopping_) return {};
        const ColdRead read = reads_.front();
        reads_.pop_front();
        lock.unlock();
        ChunkDb* db = cold_;
        if (db == nullptr) {
            events_.on_read({read.queue, read.from, {}, read.to});
            continue;
        }
        Result<ColdBatch> batch =
            read_cold(*db, lanes_.get(read.queue), read, [this] { return live(); });
        if (batch.has_error()) return std::move(batch).error();
        events_.on_read(std::move(*batch));
    }
}

// The reclaimer.

Result<void> RocksStore::run_reclaimer() {
    const auto now = [] { return SystemClock().now().monotonic; };
    Milliseconds bodies_not_before{0};
    for (;;) {
        std::map<QueueUid, Reclaim> ready;
        {
            Lock lock(mutex_);
            const auto is_ready = [&] {
                ready = ready_reclaims();
                return stopping_ || !ready.empty();
            };
            if (!bodies_dirty_) {
                reclaimer_wake_.wait(lock, is_ready);
            } else {
                reclaimer_wake_.wait_for(lock, bodies_not_before - now(), is_ready);
            }
            if (stopping_) return {};
            for (const auto& [queue, reclaim] : ready) reclaims_.erase(queue);
        }
        const Milliseconds begin = now();
        publish_floors(ready);
        LVT_TRY(reclaim_messages(ready));
        cold_.load()->let_compact_itself(compaction_fits(cold_bytes()));
        if (bodies_dirty_ && now() >= bodies_not_before) {
            const Milliseconds start = now();
            LVT_TRY(reclaim_bodies());
            const Milliseconds end = now();
            bodies_not_before = end + std::max(kReclaimInterval, (end - start) * kReclaimShare);
        }
        const Milliseconds pause = std::max(kReclaimInterval, (now() - begin) * kReclaimShare);
        Lock lock(mutex_);
        reclaimer_wake_.wait_for(lock, pause, [this] { return stopping_; });
    }
}

std::map<QueueUid, RocksStore::Reclaim> RocksStore::ready_reclaims() {
    std::map<QueueUid, Reclaim> ready;
    const Lsn durable = journal_.durable();
    for (const auto& [queue, reclaim] : reclaims_) {
        if (reclaim.after <= durable) ready[queue] = reclaim;
    }
    return ready;
}

/// Lets the filter know before a compaction uses it.
void RocksStore::publish_floors(const std::map<QueueUid, Reclaim>& ready) {
    const std::lock_guard round(round_);
    auto live = std::make_shared<LiveIndex>(*this->live());
    for (const auto& [queue, reclaim] : ready) {
        if (reclaim.deleted || live->floor_of(queue) == 0) continue;
        Seq& floor = reclaimed_[queue];
        floor = std::max(floor, reclaim.floor);
        live->raise_floor(queue, floor);
    }
    for (const QueueUid queue : lanes_.queues()) {
        Seq high = 0;
        for (const StoredLanes::Lane& lane : lanes_.get(queue).lanes)
            high = std::max(high, lane.high);
        live->set_high(queue, high);
    }
    const Lock lock(mutex_);
    live_ = live;
    cold_.load()->set_live(live);
}

Result<void> RocksStore::reclaim_messages(const std::map<QueueUid, Reclaim>& ready) {
    ChunkDb& db = *cold_.load();
    for (const auto& [queue, reclaim] : ready) {
        const StoredLanes lanes = lanes_.get(queue);
        bodies_dirty_ |= lanes.bodies;
        if (reclaim.deleted) deleted_[queue] = lanes.bodies;
        for (const StoredLanes::Lane& lane : lanes.lanes) {
            const Bytes lower = chunk_key(queue, lane.key, 0);
            const Bytes upper = reclaim.deleted ? lane_end_key(queue, lane.key)
                                                : chunk_key(queue, lane.key, reclaim.floor);
            const std::uint64_t bytes = db.bytes(Space::messages, lower, upper);
            if (bytes < kRangeBytesMin) {
                small_bytes_ += bytes;
                continue;
            }
            LVT_TRY(insist([&] { return db.compact(Space::messages, lower, upper); }));
        }
    }
    if (small_bytes_ >= kGatheredBytesMax && compaction_fits(cold_bytes())) {
        small_bytes_ = 0;
        LVT_TRY(insist([&] { return db.compact(Space::messages, {}, {}); }));
    }
    for (auto queue = deleted_.begin(); queue != deleted_.end();) {
        const auto cursor = db.scan(
            Space::messages,
            queue_key(queue->first),
            queue_key(QueueUid{queue->first.value() + 1}));
        cursor->seek(queue_key(queue->first));
        LVT_TRY(cursor->status());
        const bool gone = !cursor->valid() && !queue->second;
        if (gone) {
            const Lock lock(mutex_);
            gone_.push_back(queue->first);
        }
        queue = gone ? deleted_.erase(queue) : std::next(queue);
    }
    return {};
}

/// Bodies are sorted by age, not by queue: all of them are looked at, as seldom as its cost demands.
Result<void> RocksStore::reclaim_bodies() {
    ChunkDb& db = *cold_.load();
    bodies_dirty_ = false;
    const bool worth_it = db.bytes(Space::bodies, {}, {}) >= kBodiesBytesMin;
    if (worth_it) LVT_TRY(insist([&] { return db.compact(Space::bodies, {}, {}); }));
    const auto cursor = db.scan(Space::bodies, {}, {});
    cursor->seek({});
    LVT_TRY(cursor->status());
    // Their bodies are gone: what waits is only that their chunks are, too.
    if (worth_it || !cursor->valid()) {
        for (auto& [queue, bodies] : deleted_) bodies = false;
    }
    return {};
}

}  // namespace lvt::storage
