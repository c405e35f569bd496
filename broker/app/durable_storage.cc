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

std::shared_ptr<storage::DurableStore> make_durable_store(
    storage::StoreOptions options, LogSink& log) {
    const auto both = std::make_shared<FilesAndStore>(std::move(options), log);
    return {both, &both->store};
}

}  // namespace lvt::broker
