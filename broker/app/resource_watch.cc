#include "broker/app/resource_watch.h"

#include <malloc.h>

#include "broker/config/machine.h"

namespace lvt::broker {

namespace {

constexpr Milliseconds kInterval{1000};

}  // namespace

ResourceWatch::ResourceWatch(
    WatchLimits limits, EventLoop& loop, const Clock& clock, LogSink& log, Hooks hooks)
    : limits_(std::move(limits)),
      clock_(clock),
      log_(log),
      hooks_(std::move(hooks)),
      timer_(loop, [this] { check(); }) {}

void ResourceWatch::wake() {
    const Milliseconds now = clock_.now().monotonic;
    timer_.arm_at_latest(now + kInterval, now);
}

void ResourceWatch::check() {
    report({memory_is_short(), disk_is_short()});
    const bool connected = hooks_.anyone_connected();
    if (connected || alarm_ != AlarmState{})
        wake();
    else
        ::malloc_trim(0);  // the last one has gone: give back what the allocator holds
}

bool ResourceWatch::memory_is_short() const {
    if (limits_.memory_bytes == 0) return false;
    if (anonymous_memory_bytes() <= limits_.memory_bytes) return false;
    // Freed memory that the allocator keeps is not short.
    ::malloc_trim(0);
    return anonymous_memory_bytes() > limits_.memory_bytes;
}

bool ResourceWatch::disk_is_short() const {
    if (limits_.disk_free_bytes == 0 || limits_.data_dir.empty()) return false;
    const Result<Volume> volume = volume_of(limits_.data_dir);
    return volume.has_value() && volume->free_bytes < limits_.disk_free_bytes;
}

void ResourceWatch::report(AlarmState now_on) {
    if (now_on == alarm_) return;
    if (now_on.memory != alarm_.memory)
        log_.log(
            LogLevel::warning, "memory alarm {}: {} bytes of anonymous memory, limit {}",
            now_on.memory ? "set, publishers wait" : "cleared", anonymous_memory_bytes(),
            limits_.memory_bytes);
    if (now_on.disk != alarm_.disk)
        log_.log(
            LogLevel::warning, "disk alarm {}: limit of free space on the volume of {} is {} bytes",
            now_on.disk ? "set, publishers wait" : "cleared", limits_.data_dir.string(),
            limits_.disk_free_bytes);
    alarm_ = now_on;
    hooks_.on_alarm(alarm_);
}

}  // namespace lvt::broker
