#include "broker/config/budgets.h"

#include <algorithm>
#include <limits>

namespace lvt::broker {

Budgets budgets_of(const Config& config, std::uint64_t volume_bytes) {
    constexpr std::uint64_t kMegabyte = 1024 * 1024;
    Budgets budgets;
    budgets.store = storage::budgets_for(volume_bytes, config.memory_total_bytes);
    budgets.store.dir = config.data_dir.string();
    if (config.storage.journal_bytes != 0) {
        budgets.store.journal_bytes_max = config.storage.journal_bytes;
        budgets.store.segment_bytes =
            std::clamp(config.storage.journal_bytes / 8, kMegabyte, 64 * kMegabyte);
    }
    if (config.storage.memtable_bytes != 0)
        budgets.store.memtable_bytes = config.storage.memtable_bytes;
    if (config.storage.cache_bytes != 0) budgets.store.cache_bytes = config.storage.cache_bytes;
    // Without an alarm nobody has said how much there is.
    const std::uint64_t memory =
        config.memory_limit_bytes > 0 ? config.memory_limit_bytes : 1024 * kMegabyte;
    budgets.resident_bytes_max = std::clamp(memory / 8, 4 * kMegabyte, 32 * kMegabyte);
    budgets.unsynced_bytes_max = std::clamp(memory / 16, kMegabyte, 16 * kMegabyte);
    budgets.unacked_bytes_max = static_cast<std::uint64_t>(
        static_cast<double>(config.memory_limit_bytes) * config.unacked_memory_ratio);
    budgets.body_bytes_max = config.memory_limit_bytes > 0
                                 ? config.memory_limit_bytes / 4
                                 : std::numeric_limits<std::uint64_t>::max();
    budgets.disk_reserve_bytes = std::min(volume_bytes / 8, 256 * kMegabyte);
    return budgets;
}

Result<Budgets> measure_budgets(const Config& config) {
    if (config.data_dir.empty()) return budgets_of(config, 0);
    Result<Volume> volume = volume_of(config.data_dir);
    if (volume.has_error()) return std::move(volume).error();
    return budgets_of(config, volume->total_bytes);
}

}  // namespace lvt::broker
