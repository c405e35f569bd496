// What a broker with a data directory keeps its state in.
#pragma once

#include "protocol/base/log_sink.h"
#include "storage/durable_store.h"
#include "storage/store_options.h"

#include <memory>

namespace lvt::broker {

/// Not recovered yet. `log` must outlive it.
[[nodiscard]] std::shared_ptr<storage::DurableStore> make_durable_store(
    storage::StoreOptions options, LogSink& log);

}  // namespace lvt::broker
