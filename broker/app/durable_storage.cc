#include "broker/app/durable_storage.h"

#include "storage/rocks_store.h"

namespace lvt::broker {

Result<std::unique_ptr<storage::DurableStore>> open_durable_store(
    const Config& config, LogSink& log) {
    const Result<Volume> volume = volume_of(config.data_dir);
    if (volume.has_error()) return volume.error();
    storage::StoreOptions options =
        storage::budgets_for(volume->total_bytes, config.memory_total_bytes);
    options.dir = config.data_dir;
    if (config.storage.journal_bytes) options.journal_bytes_max = config.storage.journal_bytes;
    if (config.storage.memtable_bytes) options.memtable_bytes = config.storage.memtable_bytes;
    if (config.storage.cache_bytes) options.cache_bytes = config.storage.cache_bytes;
    Result<std::unique_ptr<storage::RocksStore>> store = storage::RocksStore::open(options, log);
    if (store.has_error()) return std::move(store).error();
    return std::unique_ptr<storage::DurableStore>(std::move(*store));
}

}  // namespace lvt::broker
