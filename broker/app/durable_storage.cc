#include "broker/app/durable_storage.h"

#include "storage/posix_fs.h"
#include "storage/rocks_store.h"

namespace lvt::broker {

namespace {

struct FilesAndStore {
    FilesAndStore(storage::StoreOptions options, LogSink& log)
        : store(files, std::move(options), log) {}

    storage::PosixFs files;
    storage::RocksStore store;
};

}  // namespace

Result<std::shared_ptr<storage::DurableStore>> open_durable_store(
    const Config& config, LogSink& log) {
    const Result<Volume> volume = volume_of(config.data_dir);
    if (volume.has_error()) return volume.error();
    storage::StoreOptions options =
        storage::budgets_for(volume->total_bytes, config.memory_total_bytes);
    options.dir = config.data_dir;
    if (config.storage.journal_bytes) options.journal_bytes_max = config.storage.journal_bytes;
    if (config.storage.memtable_bytes) options.memtable_bytes = config.storage.memtable_bytes;
    if (config.storage.cache_bytes) options.cache_bytes = config.storage.cache_bytes;
    const auto both = std::make_shared<FilesAndStore>(std::move(options), log);
    return std::shared_ptr<storage::DurableStore>(both, &both->store);
}

}  // namespace lvt::broker
