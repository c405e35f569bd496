// ResourceWatch: looks at memory and disk once a second while somebody is connected, and tells the core when one is short. Sooner
// where so much is read from sockets that memory could be used up before that.
#pragma once

#include <atomic>
#include <cstdint>
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
    /// More than that must be free: what the store needs to go on with what it has (segments, compactions).
    std::uint64_t disk_reserve_bytes = 0;
    /// Empty: a broker in memory.
    std::filesystem::path data_dir;
};

/// The loop's thread only, but for count_read().
class ResourceWatch {
public:
    struct Hooks {
        std::function<bool()> anyone_connected;
        std::function<void(AlarmState)> on_alarm;
        /// Once a second while it watches; may be empty.
        std::function<void()> on_second = nullptr;
    };

    ResourceWatch(
        WatchLimits limits, EventLoop& loop, const Clock& clock, LogSink& log, Hooks hooks);

    /// Somebody connects: watch from now on.
    void wake();
    /// Any thread: so many octets came from a socket.
    void count_read(std::size_t bytes) {
        const auto size = static_cast<std::int64_t>(bytes);
        if (unwatched_bytes_.fetch_sub(size, std::memory_order_relaxed) <= size) check_soon();
    }
    AlarmState alarm() const { return alarm_; }
    std::uint64_t memory_limit_bytes() const { return limits_.memory_bytes; }
    std::uint64_t disk_free_limit_bytes() const { return limits_.disk_free_bytes; }
    // As WatchLimits; looked at at once.
    void set_memory_limit(std::uint64_t bytes);
    void set_disk_free_limit(std::uint64_t bytes);

private:
    void check();
    void check_soon();
    /// Gives back what the allocator holds, where much may be.
    void trim();
    bool memory_is_short();
    bool disk_is_short();
    void report(AlarmState now_on);

    WatchLimits limits_;
    EventLoop& loop_;
    const Clock& clock_;
    LogSink& log_;
    Hooks hooks_;
    LoopTimer timer_;
    AlarmState alarm_;
    /// What may be read before the disk could be short.
    std::uint64_t disk_left_bytes_ = 0;
    // Monotonic.
    Milliseconds next_trim_{0};
    Milliseconds trim_pause_{0};
    std::uint64_t used_before_ = 0;
    /// What may still be read before memory is looked at again.
    std::atomic<std::int64_t> unwatched_bytes_{0};
    std::atomic<bool> check_posted_{false};
};

}  // namespace lvt::broker
