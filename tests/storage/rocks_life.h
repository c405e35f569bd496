// A StoreModel on a RocksStore, its events brought to the test's thread.
#pragma once

#include "storage/rocks_store.h"
#include "tests/storage/store_model.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace lvt::storage {

class RocksLife {
public:
    RocksLife(
        Fs& fs, StoreOptions options, std::uint64_t seed, StoreModel::Mix mix,
        std::shared_ptr<rocksdb::FileSystem> files = nullptr);
    ~RocksLife() { close(); }

    /// Opens the store and compares what it has recovered; false where it fails (see error).
    bool open();
    void close();

    void commit();
    void append(Bytes record);
    /// Handles events until `done`, or until the store has failed.
    bool wait(const std::function<bool()>& done);
    bool wait_durable();
    bool retire_early();
    /// Handles the events that are there.
    void pump();

    std::vector<StoredMessage> read_all(QueueUid queue, std::size_t bytes_max);
    /// Reads every queue and compares.
    void check();

    RocksStore& store() { return *store_; }

    StoreModel model;
    Lsn durable;
    Lsn retired;
    std::size_t rounds = 0;
    std::optional<Error> error;

private:
    void post(std::function<void()> event);

    Fs& fs_;
    StoreOptions options_;
    std::shared_ptr<rocksdb::FileSystem> files_;
    NullLogSink log_;
    std::unique_ptr<RocksStore> store_;
    std::optional<ColdBatch> read_answer_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> events_;
};

}  // namespace lvt::storage
