// What this machine gives: processors, memory, disk. Budgets and alarms follow it.
#pragma once

#include "protocol/base/result.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace lvt::broker {

struct Machine {
    unsigned cpus = 1;
    /// Physical memory, or the cgroup's limit (v1 or v2) where that is smaller. Bytes.
    std::uint64_t memory_bytes = 0;
    std::string host_name = "localhost";
};

/// `root` stands before /proc and /sys, for tests. Processors follow the affinity mask and the cgroup's cpu quota.
[[nodiscard]] Machine measure_machine(const std::filesystem::path& root = {});

/// Limit of this process's cgroup and of those above it, or physical memory where that is smaller. Bytes.
[[nodiscard]] std::uint64_t memory_available_bytes(const std::filesystem::path& root = {});

/// Anonymous memory of this process (RssAnon), which is what the memory alarm counts. Bytes. A small read: ask it a few
/// times a second at most.
[[nodiscard]] std::uint64_t anonymous_memory_bytes(const std::filesystem::path& root = {});

/// File descriptors that this process has open, and how many it may have. 0 where unknown.
[[nodiscard]] std::uint64_t open_files();
[[nodiscard]] std::uint64_t open_files_max();

struct Volume {
    std::uint64_t total_bytes = 0;
    /// What an unprivileged process may still use.
    std::uint64_t free_bytes = 0;
};

/// The volume that `directory`, or its nearest existing parent, lies on.
[[nodiscard]] Result<Volume> volume_of(const std::filesystem::path& directory);

}  // namespace lvt::broker
