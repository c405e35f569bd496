// RocksDB on one of our own file systems: so the faults of FaultyFs reach it too.
#pragma once

#include "storage/fs.h"

#include <memory>

namespace rocksdb {
class FileSystem;
}

namespace lvt::storage {

/// `fs` must outlive it.
std::shared_ptr<rocksdb::FileSystem> rocks_files_on(Fs& fs);

}  // namespace lvt::storage
