// AdmissionControl: how many connections of one source may be there that have not logged in. A source is an IPv4 address or the
// first half of an IPv6 one.
#pragma once

#include "broker/net/log_limit.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace lvt::broker {

class AdmissionControl {
public:
    /// Counted until the last copy is gone; null where nothing is counted. It may outlive the control.
    using Ticket = std::shared_ptr<void>;

    /// `per_source_max` 0 = no limit. Both must outlive it.
    AdmissionControl(std::uint32_t per_source_max, const Clock& clock, LogSink& log);

    /// Any thread. Nothing where the source has as many as it may have: the connection is to be closed. That is one line of the log for
    /// each time that a source comes to its limit.
    [[nodiscard]] std::optional<Ticket> admit(const std::string& address);

private:
    struct Source {
        std::uint32_t count = 0;
        bool told = false;
    };
    struct Sources {
        std::mutex mutex;
        std::map<std::string, Source> by_name;  // guarded by mutex
    };

    const std::uint32_t per_source_max_;
    const Clock& clock_;
    LogLimit log_;  // guarded by sources_->mutex
    std::shared_ptr<Sources> sources_ = std::make_shared<Sources>();
};

}  // namespace lvt::broker
