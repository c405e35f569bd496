// RunControl: what the threads of a run share.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <latch>
#include <semaphore>

namespace lvt::broker::load {

/// Monotonic, since an arbitrary start; never 0.
inline std::uint64_t monotonic_ns() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

/// Any thread.
struct RunControl {
    explicit RunControl(std::ptrdiff_t consumers)
        : consumers_ready(consumers), start(1), worker_ended(0) {}

    /// Counted down by each consumer that has subscribed, or failed.
    std::latch consumers_ready;
    /// Producers wait for it.
    std::latch start;
    /// Released by each worker at its end, so that the main thread looks at once.
    std::counting_semaphore<> worker_ended;
    /// Consumers settle what they have and leave.
    std::atomic<bool> stop_consuming = false;
    /// Somebody failed or nothing moves any more: everybody leaves.
    std::atomic<bool> abandon = false;
};

/// Written by one worker after each of its reads or writes, read by the main thread.
struct alignas(64) Progress {
    std::atomic<std::uint64_t> messages = 0;
    std::atomic<bool> done = false;

    void set(std::uint64_t count) { messages.store(count, std::memory_order_relaxed); }
    std::uint64_t get() const { return messages.load(std::memory_order_relaxed); }
};

}  // namespace lvt::broker::load
