#include "storage/store_options.h"

#include <algorithm>

namespace lvt::storage {

StoreOptions budgets_for(std::uint64_t volume_bytes, std::uint64_t memory_bytes) {
    constexpr std::uint64_t kMegabyte = 1024 * 1024;
    StoreOptions options;
    options.journal_bytes_max =
        std::clamp(std::min(volume_bytes / 8, memory_bytes / 4), 64 * kMegabyte, 512 * kMegabyte);
    options.segment_bytes = std::max(options.journal_bytes_max / 8, 8 * kMegabyte);
    options.memtable_bytes = std::min(32 * kMegabyte, memory_bytes / 8);
    options.cache_bytes = std::min(64 * kMegabyte, memory_bytes / 16);
    options.ballast_bytes = std::min(volume_bytes / 16, 512 * kMegabyte);
    return options;
}

}  // namespace lvt::storage
