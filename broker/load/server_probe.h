// ServerProbe: what the server's process and the machine spent, from /proc.
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace lvt::broker::load {

struct CpuSample {
    /// Nanoseconds on a CPU of all threads that live (/proc/PID/task/*/schedstat).
    std::uint64_t on_cpu_ns = 0;
    /// In clock ticks, threads that have ended included (/proc/PID/stat).
    std::uint64_t user_ticks = 0;
    std::uint64_t system_ticks = 0;
};

struct MemorySample {
    std::uint64_t anonymous_kb = 0;
    std::uint64_t resident_kb = 0;
};

/// Of the whole machine, in clock ticks since it started.
struct MachineSample {
    std::uint64_t all_ticks = 0;
    std::uint64_t steal_ticks = 0;
};

/// io: no such process, or its files in /proc cannot be read.
Result<CpuSample> sample_cpu(pid_t pid);
Result<MemorySample> sample_memory(pid_t pid);
MachineSample sample_machine();

// What the files hold; nothing where they do not look as expected.
std::optional<CpuSample> parse_process_stat(ByteView stat);
std::optional<MemorySample> parse_process_status(ByteView status);
std::optional<MachineSample> parse_machine_stat(ByteView stat);

}  // namespace lvt::broker::load
