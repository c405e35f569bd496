#include "storage/chunk_db.h"

#include "storage/live_filter.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace lvt::storage {

namespace {

constexpr std::size_t kSpaces = 4;
constexpr std::array<const char*, kSpaces> kSpaceNames{"default", "state", "msgs", "bodies"};

/// RocksDB takes no null for an empty one.
rocksdb::Slice slice(ByteView view) {
    return view.empty() ? rocksdb::Slice("", 0) : rocksdb::Slice(view.data(), view.size());
}
ByteView view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

Error to_error(const rocksdb::Status& status, const Path& dir) {
    ErrorKind kind = ErrorKind::io;
    if (status.IsNoSpace()) kind = ErrorKind::no_space;
    if (status.IsCorruption()) kind = ErrorKind::corrupt;
    return Error{kind, "the store in " + dir.string() + " fails: " + status.ToString()};
}

/// RocksDB's own log lines, where they are at least warnings.
class SinkLogger final : public rocksdb::Logger {
public:
    explicit SinkLogger(LogSink* sink) : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), sink_(sink) {}

    using rocksdb::Logger::Logv;
    void Logv(const char* format, va_list arguments) override {
        if (sink_ == nullptr) return;
        char line[512];
        std::vsnprintf(line, sizeof line, format, arguments);
        // That the retirer waits for a flush is how its memory is bounded (family_options).
        if (ByteView(line).find("Stopping writes") != ByteView::npos) return;
        sink_->log(LogLevel::warning, "rocksdb: {}", line);
    }

private:
    LogSink* sink_;
};

class ErrorListener final : public rocksdb::EventListener {
public:
    ErrorListener(std::function<void(Error)> on_error, Path dir)
        : on_error_(std::move(on_error)), dir_(std::move(dir)) {}

    void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
        if (on_error_ && !status->IsShutdownInProgress() && !status->IsAborted())
            on_error_(to_error(*status, dir_));
    }

private:
    std::function<void(Error)> on_error_;
    Path dir_;
};

class CursorOfRocks final : public ChunkDb::Cursor {
public:
    CursorOfRocks(
        rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, Bytes lower, Bytes upper, Path dir)
        : lower_(std::move(lower)), upper_(std::move(upper)), dir_(std::move(dir)) {
        rocksdb::ReadOptions options;
        options.fill_cache = false;
        lower_slice_ = slice(lower_);
        upper_slice_ = slice(upper_);
        options.iterate_lower_bound = &lower_slice_;
        if (!upper_.empty()) options.iterate_upper_bound = &upper_slice_;
        iterator_.reset(db.NewIterator(options, family));
    }

    void seek(ByteView key) override { iterator_->Seek(slice(key)); }
    void seek_back(ByteView key) override { iterator_->SeekForPrev(slice(key)); }
    void next() override { iterator_->Next(); }
    bool valid() const override { return iterator_->Valid(); }
    ByteView key() const override { return view(iterator_->key()); }
    ByteView value() const override { return view(iterator_->value()); }
    Result<void> status() const override {
        if (iterator_->status().ok()) return {};
        return to_error(iterator_->status(), dir_);
    }

private:
    Bytes lower_;
    Bytes upper_;
    Path dir_;
    rocksdb::Slice lower_slice_;
    rocksdb::Slice upper_slice_;
    std::unique_ptr<rocksdb::Iterator> iterator_;
};

rocksdb::WriteOptions without_log() {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    return options;
}

class ChunkDbOfRocks final : public ChunkDb {
public:
    explicit ChunkDbOfRocks(Options options)
        : options_(std::move(options)), compacts_itself_(options_.compacts_itself) {}

    ~ChunkDbOfRocks() override {
        for (rocksdb::ColumnFamilyHandle* family : families_) delete family;
    }

    Result<void> open() {
        std::vector<rocksdb::ColumnFamilyDescriptor> families;
        for (std::size_t space = 0; space < kSpaces; ++space)
            families.emplace_back(kSpaceNames[space], family_options(static_cast<Space>(space)));
        rocksdb::DB* opened = nullptr;
        const rocksdb::Status status = rocksdb::DB::Open(
            database_options(), options_.dir.string(), families, &families_, &opened);
        db_.reset(opened);
        return answer(status);
    }

    Result<void> write(const Batch& batch) override;
    Result<void> flush() override {
        rocksdb::FlushOptions options;
        options.wait = true;
        return answer(db_->Flush(options, families_));
    }

    Result<std::optional<Bytes>> get(Space space, ByteView key) override {
        Bytes value;
        const rocksdb::Status status = db_->Get({}, family(space), slice(key), &value);
        if (status.IsNotFound()) return std::optional<Bytes>();
        if (!status.ok()) return to_error(status, options_.dir);
        return std::optional<Bytes>(std::move(value));
    }

    std::unique_ptr<Cursor> scan(Space space, Bytes lower, Bytes upper) override {
        return std::make_unique<CursorOfRocks>(
            *db_, family(space), std::move(lower), std::move(upper), options_.dir);
    }

    void set_live(std::shared_ptr<const LiveIndex> live) override {
        message_filter_->set_live(live);
        body_filter_->set_live(std::move(live));
    }

    std::uint64_t bytes(Space space, ByteView lower, ByteView upper) override {
        // Nothing sorts behind eighteen of these: the longest keys are as long.
        const Bytes last(18, '\xff');
        const rocksdb::Range range(slice(lower), slice(upper.empty() ? ByteView(last) : upper));
        std::uint64_t size = 0;
        rocksdb::SizeApproximationOptions options;
        options.include_memtables = true;
        (void)db_->GetApproximateSizes(options, family(space), &range, 1, &size);
        return size;
    }

    Result<void> compact(Space space, ByteView lower, ByteView upper) override {
        rocksdb::CompactRangeOptions options;
        options.exclusive_manual_compaction = false;
        options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
        const rocksdb::Slice from = slice(lower);
        const rocksdb::Slice to = slice(upper);
        return answer(
            db_->CompactRange(options, family(space), &from, upper.empty() ? nullptr : &to));
    }

    void let_compact_itself(bool allowed) override {
        const std::lock_guard lock(mutex_);
        if (allowed == std::exchange(compacts_itself_, allowed)) return;
        for (const Space space : {Space::messages, Space::bodies}) {
            const std::unordered_map<std::string, std::string> change{
                {"disable_auto_compactions", allowed ? "false" : "true"}};
            // It has effect although its record of options may find no space.
            (void)db_->SetOptions(family(space), change);
        }
    }

    void resume() override { (void)db_->Resume(); }
    void stop_background() override { rocksdb::CancelAllBackgroundWork(db_.get(), false); }

private:
    rocksdb::ColumnFamilyHandle* family(Space space) const {
        return families_[static_cast<std::size_t>(space)];
    }
    Result<void> answer(const rocksdb::Status& status) const {
        if (status.ok()) return {};
        return to_error(status, options_.dir);
    }

    rocksdb::DBOptions database_options();
    rocksdb::ColumnFamilyOptions family_options(Space space);

    Options options_;
    std::mutex mutex_;
    bool compacts_itself_;  // guarded by mutex_
    std::shared_ptr<LiveFilterFactory> message_filter_ =
        std::make_shared<LiveFilterFactory>(LiveFilterFactory::Of::messages);
    std::shared_ptr<LiveFilterFactory> body_filter_ =
        std::make_shared<LiveFilterFactory>(LiveFilterFactory::Of::bodies);
    std::shared_ptr<rocksdb::Cache> cache_;
    std::unique_ptr<rocksdb::Env> env_;
    std::unique_ptr<rocksdb::DB> db_;
    std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

// The reasons for the values: ../shared/reference/storage.md 7.
rocksdb::DBOptions ChunkDbOfRocks::database_options() {
    rocksdb::DBOptions options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.atomic_flush = true;
    options.max_background_jobs = 2;
    options.max_open_files = -1;
    options.bytes_per_sync = 1 << 20;
    options.db_write_buffer_size = options_.memtable_bytes;
    options.allow_concurrent_memtable_write = false;
    options.avoid_flush_during_recovery = true;
    options.avoid_flush_during_shutdown = true;
    options.skip_stats_update_on_db_open = true;
    options.skip_checking_sst_file_sizes_on_db_open = true;
    // No timers while idle, no log file.
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    options.info_log = std::make_shared<SinkLogger>(options_.log);
    options.listeners.push_back(std::make_shared<ErrorListener>(options_.on_error, options_.dir));
    if (options_.file_system != nullptr) {
        env_ = rocksdb::NewCompositeEnv(options_.file_system);
        options.env = env_.get();
    }
    return options;
}

rocksdb::ColumnFamilyOptions ChunkDbOfRocks::family_options(Space space) {
    if (cache_ == nullptr) cache_ = rocksdb::NewLRUCache(options_.cache_bytes);
    rocksdb::BlockBasedTableOptions table;
    table.format_version = 5;
    table.checksum = rocksdb::kXXH3;
    table.block_size = 16 * 1024;
    table.cache_index_and_filter_blocks = true;
    table.block_cache = cache_;
    rocksdb::ColumnFamilyOptions options;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    options.compression = rocksdb::kNoCompression;
    options.level_compaction_dynamic_level_bytes = true;
    options.write_buffer_size = 4 << 20;
    // Three together: a writer that is ahead of the flushes waits, so memory does not grow. With more than three it would be slowed down
    // to a rate instead.
    options.max_write_buffer_number = 3;
    // Smaller arena blocks where a memtable holds next to nothing.
    options.arena_block_size = 64 * 1024;
    if (space == Space::messages || space == Space::bodies) {
        options.disable_auto_compactions = !options_.compacts_itself;
        options.write_buffer_size = std::max<std::uint64_t>(options_.memtable_bytes / 3, 8 << 20);
        options.level0_slowdown_writes_trigger = 40;
        options.level0_stop_writes_trigger = 80;
        options.max_bytes_for_level_base = 512 << 20;
        options.target_file_size_base = 64 << 20;
        options.arena_block_size = 1 << 20;
        // Does what no drained range has asked for; RocksDB looks only when it compacts anyway.
        options.periodic_compaction_seconds = 3600;
    }
    if (space == Space::messages) {
        options.compression = rocksdb::kLZ4Compression;
        options.compaction_filter_factory = message_filter_;
    }
    if (space == Space::bodies) options.compaction_filter_factory = body_filter_;
    return options;
}

Result<void> ChunkDbOfRocks::write(const Batch& batch) {
    rocksdb::WriteBatch out(batch.size() + 1024);
    for (const auto& [space, key, value] : batch.operations()) {
        const rocksdb::Status added = value ? out.Put(family(space), slice(key), slice(*value))
                                            : out.Delete(family(space), slice(key));
        LVT_TRY(answer(added));
    }
    return answer(db_->Write(without_log(), &out));
}

}  // namespace

Result<bool> ChunkDb::exists(Fs& fs, const Path& dir) { return fs.exists(dir / "CURRENT"); }

Result<std::unique_ptr<ChunkDb>> ChunkDb::open(Options options) {
    auto db = std::make_unique<ChunkDbOfRocks>(std::move(options));
    LVT_TRY(db->open());
    return std::unique_ptr<ChunkDb>(std::move(db));
}

}  // namespace lvt::storage
