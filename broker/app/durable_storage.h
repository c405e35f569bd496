// Opens what a broker with a data directory keeps its state in.
#pragma once

#include <memory>

#include "broker/config/config.h"
#include "protocol/base/log_sink.h"
#include "storage/durable_store.h"

namespace lvt::broker {

/// In `config.data_dir`, with budgets that follow the volume's and the machine's size. `log` must outlive it.
[[nodiscard]] Result<std::shared_ptr<storage::DurableStore>> open_durable_store(
    const Config& config, LogSink& log);

}  // namespace lvt::broker
