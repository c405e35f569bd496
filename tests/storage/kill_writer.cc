// Writes to a RocksStore at full speed until it is killed: `kill_writer DIR SEED`. Prints what is durable, eight octets each.

#include "storage/posix_fs.h"
#include "tests/storage/kill_options.h"
#include "tests/storage/store_model.h"

#include <unistd.h>

#include <cstdlib>

int main(int count, char** arguments) {
    using namespace lvt::storage;
    if (count != 3) return 2;
    const std::uint64_t seed = std::strtoull(arguments[2], nullptr, 10);
    PosixFs fs;
    lvt::NullLogSink log;
    StoreModel model(seed, kill_mix());
    RocksStore store(fs, kill_options(arguments[1]), log);
    model.begin_recovery();
    if (store.recover(model).has_error()) return 3;

    std::mutex mutex;
    std::condition_variable changed;
    Lsn durable;
    bool snapshot_wanted = false;
    StoreEvents events;
    events.on_durable = [&](Lsn lsn) {
        const std::uint64_t value = lsn.value();
        if (::write(STDOUT_FILENO, &value, sizeof value) != sizeof value) std::_Exit(4);
        const std::lock_guard lock(mutex);
        durable = lsn;
        changed.notify_one();
    };
    events.on_want_snapshot = [&](Lsn) {
        const std::lock_guard lock(mutex);
        snapshot_wanted = true;
        changed.notify_one();
    };
    events.on_retired = [](Lsn) {};
    events.on_read = [](ColdBatch) {};
    events.on_fatal = [](lvt::Error) { std::_Exit(5); };
    if (store.start(std::move(events)).has_error()) return 6;
    for (;;) {
        lvt::Bytes record = model.next_commit();
        store.append(model.last(), std::move(record));
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return model.last().value() < durable.value() + kInFlightMax; });
        if (!std::exchange(snapshot_wanted, false)) continue;
        lock.unlock();
        store.provide_snapshot(model.snapshot());
    }
}
