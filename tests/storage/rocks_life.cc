#include "tests/storage/rocks_life.h"

#include <gtest/gtest.h>

namespace lvt::storage {

RocksLife::RocksLife(
    Fs& fs, StoreOptions options, std::uint64_t seed, StoreModel::Mix mix,
    std::shared_ptr<rocksdb::FileSystem> files)
    : model(seed, mix), fs_(fs), options_(std::move(options)), files_(std::move(files)) {}

bool RocksLife::open() {
    close();
    error.reset();
    model.begin_recovery();
    store_ = std::make_unique<RocksStore>(fs_, options_, log_, files_);
    const Result<Lsn> last = store_->recover(model);
    if (last.has_error()) {
        error = last.error();
        return false;
    }
    model.end_recovery(*last, durable);
    durable = *last;
    StoreEvents events;
    events.on_durable = [this](Lsn lsn) { post([this, lsn] { durable = lsn; }); };
    events.on_read = [this](ColdBatch batch) {
        post([this, b = std::make_shared<ColdBatch>(std::move(batch))] { read_answer_ = *b; });
    };
    events.on_want_snapshot = [this](Lsn) {
        post([this] { store_->provide_snapshot(model.snapshot()); });
    };
    events.on_retired = [this](Lsn lsn) {
        post([this, lsn] {
            model.on_retired(lsn);
            retired = lsn;
            ++rounds;
        });
    };
    events.on_fatal = [this](Error e) { post([this, e] { error = e; }); };
    EXPECT_TRUE(store_->start(std::move(events)).has_value());
    return true;
}

void RocksLife::close() {
    if (store_ == nullptr) return;
    (void)store_->close();
    pump();
    store_.reset();
}

void RocksLife::post(std::function<void()> event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    wake_.notify_one();
}

void RocksLife::pump() {
    for (;;) {
        std::function<void()> event;
        {
            const std::lock_guard lock(mutex_);
            if (events_.empty()) return;
            event = std::move(events_.front());
            events_.pop_front();
        }
        event();
    }
}

bool RocksLife::wait(const std::function<bool()>& done) {
    for (;;) {
        pump();
        if (error || done()) return !error;
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !events_.empty(); });
    }
}

void RocksLife::append(Bytes record) { store_->append(model.last(), std::move(record)); }

void RocksLife::commit() { append(model.next_commit()); }

bool RocksLife::wait_durable() {
    return wait([this] { return durable >= model.last(); });
}

bool RocksLife::retire_early() {
    const Lsn target = model.last();
    store_->retire_early();
    return wait([&] { return retired >= target; });
}

std::vector<StoredMessage> RocksLife::read_all(QueueUid queue, std::size_t bytes_max) {
    std::vector<StoredMessage> all;
    const Seq end = model.state().queues.at(queue).next_seq;
    for (Seq from = 1; from < end; from = read_answer_->covered) {
        read_answer_.reset();
        store_->read(queue, from, end, bytes_max);
        if (!wait([this] { return read_answer_.has_value(); })) return all;
        EXPECT_GT(read_answer_->covered, from);
        EXPECT_EQ(read_answer_->from, from);
        if (read_answer_->covered <= from) return all;
        for (StoredMessage& message : read_answer_->messages) all.push_back(std::move(message));
    }
    return all;
}

void RocksLife::check() {
    for (const QueueUid queue : model.queues()) model.check_queue(queue, read_all(queue, 20'000));
    if (error) ADD_FAILURE() << error->message;
}

}  // namespace lvt::storage
