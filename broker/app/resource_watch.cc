#include "broker/app/resource_watch.h"

#include "broker/config/machine.h"

#include <malloc.h>

#include <algorithm>

namespace lvt::broker {

namespace {

constexpr Milliseconds kInterval{1000};

/// Looked at whenever a quarter of the memory that is left could have been read, or this part of the disk: an octet that was read may be
/// in the journal, in a page and twice in the store, until it is compacted. Within these bounds.
constexpr std::uint64_t kDiskShare = 16;
constexpr std::uint64_t kUnwatchedMin = 4 * 1024 * 1024;
constexpr std::uint64_t kUnwatchedMax = 256 * 1024 * 1024;

/// Less memory than this is not worth a malloc_trim(), nor is one that gives back less than kTrimWorth.
constexpr std::uint64_t kTrimFrom = 24 * 1024 * 1024;
constexpr std::uint64_t kTrimWorth = 4 * 1024 * 1024;
constexpr Milliseconds kTrimPauseMin{2'000};
constexpr Milliseconds kTrimPauseMax{60'000};

}  // namespace

ResourceWatch::ResourceWatch(
    WatchLimits limits, EventLoop& loop, const Clock& clock, LogSink& log, Hooks hooks)
    : limits_(std::move(limits)),
      loop_(loop),
      clock_(clock),
      log_(log),
      hooks_(std::move(hooks)),
      timer_(loop, [this] {
          if (hooks_.on_second) hooks_.on_second();
          trim();
          check();
      }) {}

void ResourceWatch::wake() {
    const Milliseconds now = clock_.now().monotonic;
    timer_.arm_at_latest(now + kInterval, now);
}

void ResourceWatch::set_memory_limit(std::uint64_t bytes) {
    limits_.memory_bytes = bytes;
    check();
}

void ResourceWatch::set_disk_free_limit(std::uint64_t bytes) {
    limits_.disk_free_bytes = bytes;
    check();
}

void ResourceWatch::check() {
    const bool disk = disk_is_short();
    report({memory_is_short(), disk});
    const bool connected = hooks_.anyone_connected();
    if (connected || alarm_ != AlarmState{})
        wake();
    else
        ::malloc_trim(0);  // the last one has gone: give back what the allocator holds
}

/// Not while memory grows: what is freed then is used again.
void ResourceWatch::trim() {
    const std::uint64_t used = anonymous_memory_bytes();
    const bool grows = used > std::exchange(used_before_, used);
    const Milliseconds now = clock_.now().monotonic;
    if (grows || used < kTrimFrom || now < next_trim_) return;
    ::malloc_trim(0);
    used_before_ = anonymous_memory_bytes();
    // It costs a walk through all that is free: seldom, where it brought nothing.
    const bool worth_it = used - std::min(used, used_before_) >= kTrimWorth;
    trim_pause_ =
        worth_it ? kTrimPauseMin : std::min(2 * trim_pause_ + kTrimPauseMin, kTrimPauseMax);
    next_trim_ = now + trim_pause_;
}

void ResourceWatch::check_soon() {
    if (check_posted_.exchange(true)) return;
    loop_.post([this] {
        check_posted_ = false;
        check();
    });
}

bool ResourceWatch::memory_is_short() {
    std::uint64_t used = limits_.memory_bytes == 0 ? 0 : anonymous_memory_bytes();
    if (used > limits_.memory_bytes) {
        // Freed memory that the allocator keeps is not short.
        ::malloc_trim(0);
        used = anonymous_memory_bytes();
    }
    const std::uint64_t memory_left = limits_.memory_bytes == 0    ? kUnwatchedMax * 4
                                      : used < limits_.memory_bytes ? limits_.memory_bytes - used
                                                                    : 0;
    const std::uint64_t unwatched = std::min(memory_left / 4, disk_left_bytes_ / kDiskShare);
    unwatched_bytes_ =
        static_cast<std::int64_t>(std::clamp(unwatched, kUnwatchedMin, kUnwatchedMax));
    return limits_.memory_bytes != 0 && used > limits_.memory_bytes;
}

bool ResourceWatch::disk_is_short() {
    disk_left_bytes_ = kUnwatchedMax * kDiskShare;
    if (limits_.disk_free_bytes == 0 || limits_.data_dir.empty()) return false;
    const Result<Volume> volume = volume_of(limits_.data_dir);
    if (volume.has_error()) return false;
    const std::uint64_t reserve = limits_.disk_reserve_bytes;
    const std::uint64_t needed = limits_.disk_free_bytes + reserve;
    disk_left_bytes_ = volume->free_bytes > needed ? volume->free_bytes - needed : 0;
    // What a compaction takes and gives back is no reason to let publishers go and stop them again.
    return alarm_.disk ? disk_left_bytes_ <= reserve / 4 : volume->free_bytes < needed;
}

void ResourceWatch::report(AlarmState now_on) {
    if (now_on == alarm_) return;
    if (now_on.memory != alarm_.memory)
        log_.log(
            LogLevel::warning,
            "memory alarm {}: {} bytes of anonymous memory, limit {}",
            now_on.memory ? "set, publishers wait" : "cleared",
            anonymous_memory_bytes(),
            limits_.memory_bytes);
    if (now_on.disk != alarm_.disk)
        log_.log(
            LogLevel::warning,
            "disk alarm {}: limit of free space on the volume of {} is {} bytes",
            now_on.disk ? "set, publishers wait" : "cleared",
            limits_.data_dir.string(),
            limits_.disk_free_bytes);
    alarm_ = now_on;
    hooks_.on_alarm(alarm_);
}

}  // namespace lvt::broker
