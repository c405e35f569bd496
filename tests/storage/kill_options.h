// What the killed writer and the test that looks at its files have to agree on.
#pragma once

#include "storage/rocks_store.h"
#include "tests/storage/store_model.h"

namespace lvt::storage {

inline constexpr std::uint64_t kInFlightMax = 200;

inline StoreOptions kill_options(const Path& dir) {
    StoreOptions options;
    options.dir = dir;
    options.journal_bytes_max = 2 << 20;
    options.segment_bytes = 256 << 10;
    options.memtable_bytes = 8 << 20;
    options.cache_bytes = 1 << 20;
    options.ballast_bytes = 1 << 20;
    return options;
}

inline StoreModel::Mix kill_mix() { return {.queues = 5, .large_one_in = 100}; }

}  // namespace lvt::storage
