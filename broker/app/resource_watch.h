// ResourceWatch: looks at memory and disk once a second while somebody is connected, and tells the core when one is short.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "broker/core/core_options.h"
#include "broker/net/event_loop.h"
#include "protocol/base/log_sink.h"

namespace lvt::broker {

struct WatchLimits {
    /// Anonymous memory of the process above which the memory alarm is on; 0 = never.
    std::uint64_t memory_bytes = 0;
    /// Free space of the data directory's volume below which the disk alarm is on; 0 = never.
    std::uint64_t disk_free_bytes = 0;
    /// Empty: a broker in memory.
    std::filesystem::path data_dir;
};

/// The loop's thread only.
class ResourceWatch {
public:
    struct Hooks {
        std::function<bool()> anyone_connected;
        std::function<void(AlarmState)> on_alarm;
    };

    ResourceWatch(
        WatchLimits limits, EventLoop& loop, const Clock& clock, LogSink& log, Hooks hooks);

    /// Somebody connects: watch from now on.
    void wake();
    AlarmState alarm() const { return alarm_; }
    std::uint64_t memory_limit_bytes() const { return limits_.memory_bytes; }

private:
    void check();
    bool memory_is_short() const;
    bool disk_is_short() const;
    void report(AlarmState now_on);

    WatchLimits limits_;
    const Clock& clock_;
    LogSink& log_;
    Hooks hooks_;
    LoopTimer timer_;
    AlarmState alarm_;
};

}  // namespace lvt::broker
