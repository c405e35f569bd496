// What the broker's parts may use of this machine's memory and of its volume.
#pragma once

#include "broker/config/config.h"
#include "storage/store_options.h"

namespace lvt::broker {

struct Budgets {
    /// `dir` is the data directory.
    storage::StoreOptions store;
    /// Of bodies that have come in part, over all connections. Bytes.
    std::uint64_t body_bytes_max = 0;
    /// What the store needs on its volume to go on with what it has when publishers have been stopped. Bytes.
    std::uint64_t disk_reserve_bytes = 0;
    // Of CoreOptions. Bytes.

    /// Ready messages in memory before they are paged out.
    std::uint64_t resident_bytes_max = 0;
    /// What clients may have in hand; 0 = no limit.
    std::uint64_t unacked_bytes_max = 0;
    /// Handed to the store and not yet durable.
    std::uint64_t unsynced_bytes_max = 0;
};

/// From the configuration and the volume's size (0 where there is no volume: in memory).
[[nodiscard]] Budgets budgets_of(const Config& config, std::uint64_t volume_bytes);

/// Measures the volume of the data directory.
[[nodiscard]] Result<Budgets> measure_budgets(const Config& config);

}  // namespace lvt::broker
