#include "storage/rocks_store.h"

#include "protocol/base/assert.h"
#include "protocol/base/byte_reader.h"
#include "storage/piece_collector.h"

#include <exception>
#include <limits>

namespace lvt::storage {
namespace {

using Space = ChunkDb::Space;

constexpr std::string_view kFormat = "leveret data directory, format 1\n";

Result<Bytes> read_file(Fs& fs, const Path& path) {
    Result<std::unique_ptr<File>> file = fs.open(path, OpenMode::read);
    if (file.has_error()) return std::move(file).error();
    Bytes content(256, '\0');
    const Result<std::size_t> got = (*file)->read(0, content.data(), content.size());
    if (got.has_error()) return got.error();
    content.resize(*got);
    return content;
}

/// Written beside and renamed, so that it is there wholly or not at all.
Result<void> write_file(Fs& fs, const Path& path, ByteView content) {
    const Path draft = path.string() + ".new";
    {
        Result<std::unique_ptr<File>> file = fs.open(draft, OpenMode::create);
        if (file.has_error()) return std::move(file).error();
        LVT_TRY((*file)->write(0, content));
        LVT_TRY((*file)->sync());
    }
    LVT_TRY(fs.rename(draft, path));
    return fs.sync_directory(path.parent_path());
}

}  // namespace

RocksStore::RocksStore(
    Fs& fs, StoreOptions options, LogSink& log, std::shared_ptr<rocksdb::FileSystem> rocks_files)
    : fs_(fs),
      options_(std::move(options)),
      log_(log),
      rocks_files_(std::move(rocks_files)),
      journal_(
          fs,
          SegmentLogOptions{
              options_.dir / "journal", options_.segment_bytes, options_.journal_bytes_max, [this] {
                  return make_room();
              }}),
      scratch_(fs, options_.dir / "scratch", log) {}

RocksStore::~RocksStore() { (void)close(); }

Result<void> RocksStore::open_directory() {
    LVT_TRY(fs_.make_directory(options_.dir));
    Result<std::unique_ptr<FileLock>> lock = fs_.lock(options_.dir / "lock");
    if (lock.has_error()) return std::move(lock).error();
    directory_lock_ = std::move(*lock);
    const Path path = options_.dir / "FORMAT";
    const Result<bool> known = fs_.exists(path);
    if (known.has_error()) return known.error();
    if (!*known) return write_file(fs_, path, kFormat);
    const Result<Bytes> format = read_file(fs_, path);
    if (format.has_error()) return format.error();
    if (*format == kFormat) return {};
    return Error{
        ErrorKind::unsupported,
        "the data directory " + options_.dir.string() +
            " was written by another version of leveret: " + path.string() + " says \"" +
            format->substr(0, format->find('\n')) + "\", this build knows format 1"};
}

Result<void> RocksStore::open_cold() {
    ChunkDb::Options options;
    options.dir = options_.dir / "store";
    options.memtable_bytes = options_.memtable_bytes;
    options.cache_bytes = options_.cache_bytes;
    options.compacts_itself = compaction_fits(std::numeric_limits<std::uint64_t>::max());
    options.file_system = rocks_files_;
    options.log = &log_;
    options.on_error = [this](Error error) {
        if (error.kind != ErrorKind::no_space) return fatal(std::move(error));
        log_.log(LogLevel::error, "{}", error.message);
        make_room();
    };
    LVT_TRY(fs_.make_directory(options.dir));
    Result<std::unique_ptr<ChunkDb>> db = ChunkDb::open(std::move(options));
    if (db.has_error()) return std::move(db).error();
    db_ = std::move(*db);
    cold_ = db_.get();
    return {};
}

Result<std::optional<StateSnapshot>> RocksStore::load_cold() {
    const Result<std::optional<Bytes>> applied = db_->get(Space::meta, kMetaApplied);
    if (applied.has_error()) return applied.error();
    if (!*applied) return std::optional<StateSnapshot>();
    StateSnapshot snapshot;
    ByteReader in(**applied);
    applied_ = Lsn{in.u64()};
    snapshot.as_of = Lsn{in.u64()};
    Result<std::optional<Bytes>> metadata = db_->get(Space::meta, kMetaMetadata);
    if (metadata.has_error()) return metadata.error();
    if (*metadata) snapshot.metadata = std::move(**metadata);
    written_.metadata = std::hash<ByteView>{}(snapshot.metadata);
    LVT_TRY(load_queues(snapshot));
    (void)publish_live(snapshot);
    return std::optional<StateSnapshot>(std::move(snapshot));
}

Result<void> RocksStore::load_queues(StateSnapshot& snapshot) {
    const auto cursor = db_->scan(Space::state, {}, {});
    for (cursor->seek({}); cursor->valid(); cursor->next()) {
        const QueueUid uid{ByteReader(cursor->key()).u64()};
        Result<StoredQueue> queue = decode_stored_queue(uid, cursor->value());
        if (queue.has_error()) return std::move(queue).error();
        if (!queue->lanes.empty()) lanes_.set(uid, std::move(queue->lanes));
        if (queue->deleted) {
            reclaims_[uid] = Reclaim{.deleted = true};
            continue;
        }
        written_.queues[uid] = std::hash<ByteView>{}(cursor->value());
        snapshot.queues.push_back(std::move(queue->state));
    }
    return cursor->status();
}

Result<Lsn> RocksStore::recover(RecoveryVisitor& visitor) {
    LVT_TRY(open_directory());
    const Result<bool> cold = ChunkDb::exists(fs_, options_.dir / "store");
    if (cold.has_error()) return cold.error();
    if (*cold) {
        LVT_TRY(open_cold());
        Result<std::optional<StateSnapshot>> snapshot = load_cold();
        if (snapshot.has_error()) return std::move(snapshot).error();
        if (*snapshot) LVT_TRY(visitor.on_snapshot(std::move(**snapshot)));
    }
    return replay(visitor);
}

Result<Lsn> RocksStore::replay(RecoveryVisitor& visitor) {
    const auto retired =
        [this](std::uint64_t body_id, std::uint32_t part) -> Result<std::optional<Bytes>> {
        if (db_ == nullptr) return std::optional<Bytes>();
        Result<std::optional<Bytes>> value =
            db_->get(Space::bodies, body_key({BodyRef::Source::pieces, body_id, part}));
        if (value.has_error() || !*value) return value;
        const Result<BodyPart> body = decode_body_part(**value);
        if (body.has_error()) return body.error();
        return std::optional<Bytes>(Bytes(body->bytes));
    };
    PieceCollector pieces(retired);
    Result<Lsn> last = journal_.open(applied_, [&](Lsn lsn, ByteView record) -> Result<void> {
        const Result<std::map<std::uint64_t, Bytes>> bodies = pieces.take_in(record);
        if (bodies.has_error()) return bodies.error();
        return visitor.on_commit(lsn, record, *bodies);
    });
    if (last.has_value()) appended_ = last->value();
    return last;
}

Result<void> RocksStore::start(StoreEvents events) {
    {
        const Lock lock(mutex_);
        events_ = std::move(events);
    }
    journal_.start(
        {[this](Lsn lsn) { on_durable(lsn); }, [this](Error error) { fatal(std::move(error)); }});
    scratch_.start(
        {events_.on_page, events_.on_pages_settled,
         [this](Error error) { fatal(std::move(error)); }});
    if (db_ != nullptr) db_->let_compact_itself(compaction_fits(cold_bytes()));
    retirer_ = guarded(&RocksStore::run_retirer);
    reader_ = guarded(&RocksStore::run_reader);
    reclaimer_ = guarded(&RocksStore::run_reclaimer);
    return {};
}

std::thread RocksStore::guarded(Result<void> (RocksStore::*body)()) {
    return std::thread([this, body] {
        try {
            Result<void> result = (this->*body)();
            // What was given up because the store stops is no failure.
            if (result.has_error() && !is_stopping()) fatal(std::move(result).error());
        } catch (const std::exception& exception) {
            fatal(Error{ErrorKind::io, std::string("the store stops: ") + exception.what()});
        }
    });
}

bool RocksStore::is_stopping() const {
    const Lock lock(mutex_);
    return stopping_;
}

void RocksStore::fatal(Error error) {
    std::function<void(Error)> on_fatal;
    {
        const Lock lock(mutex_);
        // Told once; before start() there is nobody to tell, and what fails then fails again.
        if (failed_ || !events_.on_fatal) return;
        failed_ = true;
        on_fatal = events_.on_fatal;
    }
    on_fatal(std::move(error));
}

void RocksStore::append(Lsn lsn, Bytes record) {
    appended_.store(lsn.value(), std::memory_order_relaxed);
    journal_.append(lsn, std::move(record));
}

void RocksStore::on_durable(Lsn lsn) {
    {
        const Lock lock(mutex_);
        if (can_retire() || next_target()) retirer_wake_.notify_one();
        if (!reclaims_.empty()) reclaimer_wake_.notify_one();
    }
    events_.on_durable(lsn);
}

void RocksStore::read(QueueUid queue, Seq from, Seq to, std::size_t bytes_max) {
    const Lock lock(mutex_);
    reads_.push_back({queue, from, to, bytes_max});
    reader_wake_.notify_one();
}

void RocksStore::provide_snapshot(StateSnapshot snapshot) {
    const Lock lock(mutex_);
    ASSERT(wanted_ && snapshot.as_of >= *wanted_);
    provided_ = std::move(snapshot);
    retirer_wake_.notify_one();
}

void RocksStore::retire_early() {
    const Lock lock(mutex_);
    early_ = Lsn{appended_.load(std::memory_order_relaxed)};
    retirer_wake_.notify_one();
}

void RocksStore::reclaim(QueueUid queue, Seq floor) {
    if (cold_ == nullptr) return;
    const Lock lock(mutex_);
    Reclaim& reclaim = reclaims_[queue];
    reclaim.floor = floor;
    reclaim.after = Lsn{appended_.load(std::memory_order_relaxed)};
    reclaimer_wake_.notify_one();
}

Result<void> RocksStore::close() {
    Result<void> result = journal_.close();
    {
        const Lock lock(mutex_);
        stopping_ = true;
        retirer_wake_.notify_all();
        reader_wake_.notify_all();
        reclaimer_wake_.notify_all();
    }
    if (db_ != nullptr) db_->stop_background();
    scratch_.stop();
    for (std::thread* thread : {&retirer_, &reader_, &reclaimer_}) {
        if (thread->joinable()) thread->join();
    }
    cold_ = nullptr;
    db_.reset();
    directory_lock_.reset();
    return result;
}

std::uint64_t RocksStore::cold_bytes() {
    ChunkDb* db = cold_;
    if (db == nullptr) return 0;
    return db->bytes(Space::messages, {}, {}) + db->bytes(Space::bodies, {}, {});
}

}  // namespace lvt::storage
