// RocksDB as the store uses it: four key spaces, no write-ahead log, one atomic flush, a filter that drops what is dead.
//
// The only header about RocksDB, and none of RocksDB's is in it. Any thread, but for one writer at a time.
#pragma once

#include "protocol/base/log_sink.h"
#include "storage/fs.h"
#include "storage/live_index.h"

#include <functional>
#include <memory>
#include <optional>

namespace rocksdb {
class FileSystem;
}

namespace lvt::storage {

class ChunkDb {
public:
    enum class Space { meta, state, messages, bodies };

    struct Options {
        Path dir;
        std::uint64_t memtable_bytes = 64ull << 20;
        std::uint64_t cache_bytes = 32ull << 20;
        /// Whether it may compact when it sees fit, and not only by compact().
        bool compacts_itself = true;
        /// Where it works on another file system than the machine's: a test's.
        std::shared_ptr<rocksdb::FileSystem> file_system;
        /// Must outlive it.
        LogSink* log = nullptr;
        /// A flush or compaction in the background failed. On RocksDB's threads.
        std::function<void(Error)> on_error;
    };

    /// What is written at once.
    class Batch {
    public:
        struct Operation {
            Space space;
            Bytes key;
            /// Nothing: the key is erased.
            std::optional<Bytes> value;
        };

        void put(Space space, Bytes key, Bytes value) {
            size_ += key.size() + value.size();
            operations_.push_back({space, std::move(key), std::move(value)});
        }
        void erase(Space space, Bytes key) {
            operations_.push_back({space, std::move(key), std::nullopt});
        }
        /// Of keys and values.
        std::size_t size() const { return size_; }
        const std::vector<Operation>& operations() const { return operations_; }

    private:
        std::vector<Operation> operations_;
        std::size_t size_ = 0;
    };

    /// Walks over keys in [lower, upper); an empty `upper` is no bound. Sees the moment in which it was made.
    class Cursor {
    public:
        virtual ~Cursor() = default;
        virtual void seek(ByteView key) = 0;
        /// To the last key that is not above `key`.
        virtual void seek_back(ByteView key) = 0;
        virtual void next() = 0;
        virtual bool valid() const = 0;
        /// Valid until the next move.
        virtual ByteView key() const = 0;
        virtual ByteView value() const = 0;
        /// Why it is not valid, if it is not only the end.
        virtual Result<void> status() const = 0;
    };

    /// Whether there is one to open.
    static Result<bool> exists(Fs& fs, const Path& dir);
    /// Opens it, or makes an empty one.
    static Result<std::unique_ptr<ChunkDb>> open(Options options);

    virtual ~ChunkDb() = default;

    /// Into memory; all of it or nothing. Durable after flush().
    virtual Result<void> write(const Batch& batch) = 0;
    virtual Result<void> flush() = 0;
    virtual Result<std::optional<Bytes>> get(Space space, ByteView key) = 0;
    virtual std::unique_ptr<Cursor> scan(Space space, Bytes lower, Bytes upper) = 0;

    /// What flushes and compactions that begin from now on may drop: what this, which is durable, knows to be dead. They drop nothing
    /// before the first call.
    virtual void set_live(std::shared_ptr<const LiveIndex> live) = 0;
    /// About how much the range has on the disk; an empty `upper` is no bound, here and below.
    virtual std::uint64_t bytes(Space space, ByteView lower, ByteView upper) = 0;
    /// Rewrites the range without what is dead; may take long.
    virtual Result<void> compact(Space space, ByteView lower, ByteView upper) = 0;
    /// As Options::compacts_itself, from now on. Any thread; costs something only where it is a change.
    virtual void let_compact_itself(bool allowed) = 0;
    /// After a full disk has space again.
    virtual void resume() = 0;
    /// Flushes and compactions that run are given up; for a quick stop.
    virtual void stop_background() = 0;
};

}  // namespace lvt::storage
