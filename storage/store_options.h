// What a store may use of the machine.
#pragma once

#include "storage/fs.h"

namespace lvt::storage {

struct StoreOptions {
    Path dir;
    /// Above it the oldest segments of the journal are retired into RocksDB.
    std::uint64_t journal_bytes_max = 512ull << 20;
    /// Size of one segment file.
    std::uint64_t segment_bytes = 64ull << 20;
    /// All memtables of RocksDB together.
    std::uint64_t memtable_bytes = 32ull << 20;
    /// RocksDB's block cache.
    std::uint64_t cache_bytes = 64ull << 20;
    /// A file of nothing that is removed when the disk is full, so that the journal can go on for a while; 0 = none.
    std::uint64_t ballast_bytes = 64ull << 20;
};

/// The budgets of design 4 for a volume and a memory limit of these sizes; `dir` stays empty.
StoreOptions budgets_for(std::uint64_t volume_bytes, std::uint64_t memory_bytes);

}  // namespace lvt::storage
