#include "broker/config/machine.h"

#include "broker/config/budgets.h"
#include "protocol/base/owned_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace lvt::broker {
namespace {

constexpr std::uint64_t kMegabyte = 1024 * 1024;

/// A root with the files of /proc and /sys that matter.
class MachineRoot : public testing::Test {
protected:
    MachineRoot() {
        std::string name = (std::filesystem::temp_directory_path() / "leveret-root-XXXXXX");
        root_ = ::mkdtemp(name.data());
        write("/proc/meminfo", "MemTotal:        2097152 kB\nMemFree: 1 kB\n");
    }
    ~MachineRoot() override { std::filesystem::remove_all(root_); }

    void write(const std::string& path, const std::string& text) {
        const std::filesystem::path file = root_.string() + path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream{file} << text;
    }
    std::uint64_t megabytes() { return memory_available_bytes(root_) / kMegabyte; }

    std::filesystem::path root_;
};

TEST_F(MachineRoot, MemoryWithoutCgroups) { EXPECT_EQ(megabytes(), 2048u); }

TEST_F(MachineRoot, MemoryOfCgroupTwo) {
    write("/proc/self/cgroup", "0::/a/b\n");
    write("/sys/fs/cgroup/a/b/memory.max", "536870912\n");
    write("/sys/fs/cgroup/a/memory.max", "max\n");
    EXPECT_EQ(megabytes(), 512u);
}

TEST_F(MachineRoot, TheSmallestLimitOnTheWayUpCounts) {
    write("/proc/self/cgroup", "0::/a/b\n");
    write("/sys/fs/cgroup/a/b/memory.max", "max\n");
    write("/sys/fs/cgroup/a/memory.max", "268435456\n");
    EXPECT_EQ(megabytes(), 256u);
}

TEST_F(MachineRoot, MemoryOfCgroupOne) {
    write("/proc/self/cgroup", "5:devices:/\n4:cpu,memory:/x\n0::/\n");
    write("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "134217728\n");
    EXPECT_EQ(megabytes(), 128u);
}

TEST_F(MachineRoot, AContainerSeesItsLimitAtTheMount) {
    write("/proc/self/cgroup", "4:memory:/docker/abc\n");
    write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
    EXPECT_EQ(megabytes(), 512u);
}

TEST_F(MachineRoot, ALimitAbovePhysicalMemoryIsNone) {
    write("/proc/self/cgroup", "4:memory:/\n");
    write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    EXPECT_EQ(megabytes(), 2048u);
}

TEST_F(MachineRoot, ProcessorsFollowTheQuota) {
    write("/proc/self/cgroup", "0::/a\n");
    write("/sys/fs/cgroup/a/cpu.max", "50000 100000\n");
    EXPECT_EQ(measure_machine(root_).cpus, 1u);
}

TEST_F(MachineRoot, AnonymousMemoryIsRssAnon) {
    write("/proc/self/status", "Name:\tx\nVmRSS:\t  900 kB\nRssAnon:\t     512 kB\n");
    EXPECT_EQ(anonymous_memory_bytes(root_), 512u * 1024);
}

TEST(Machine, IsMeasured) {
    const Machine machine = measure_machine();
    EXPECT_GE(machine.cpus, 1u);
    EXPECT_GT(machine.memory_bytes, 16 * kMegabyte);
    EXPECT_FALSE(machine.host_name.empty());
    EXPECT_GT(anonymous_memory_bytes(), 0u);
}

TEST(Machine, OpenFilesAreCounted) {
    const std::uint64_t before = open_files();
    EXPECT_GE(before, 3u);
    const OwnedFd one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const OwnedFd two(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(open_files(), before + 2);
}

TEST(Machine, VolumeOfADirectoryThatIsNotThereYet) {
    const auto volume = volume_of(std::filesystem::temp_directory_path() / "no" / "such" / "dir");
    ASSERT_TRUE(volume.has_value());
    EXPECT_GT(volume->total_bytes, 0u);
    EXPECT_EQ(volume->total_bytes, volume_of(std::filesystem::temp_directory_path())->total_bytes);
    EXPECT_TRUE(volume_of("relative").has_value());
}

TEST(Budgets, FitTheSeedsMarathonApp) {
    // 512 MiB of memory, a volume of 1 GiB, the memory alarm at 0.4.
    Config config;
    config.memory_total_bytes = 512 * kMegabyte;
    config.memory_limit_bytes = config.memory_total_bytes * 4 / 10;
    const Budgets budgets = budgets_of(config, 1024 * kMegabyte);
    EXPECT_LE(budgets.store.journal_bytes_max, 128 * kMegabyte);
    EXPECT_LE(budgets.store.ballast_bytes, 64 * kMegabyte);
    EXPECT_LE(
        budgets.store.memtable_bytes + budgets.store.cache_bytes + budgets.resident_bytes_max +
            budgets.unsynced_bytes_max,
        config.memory_limit_bytes);
}

TEST(Budgets, AreOverridden) {
    Config config;
    config.memory_total_bytes = 512 * kMegabyte;
    config.storage = {.journal_bytes = 80 * kMegabyte, .memtable_bytes = 7, .cache_bytes = 8};
    const Budgets budgets = budgets_of(config, 1024 * kMegabyte);
    EXPECT_EQ(budgets.store.journal_bytes_max, 80 * kMegabyte);
    EXPECT_EQ(budgets.store.segment_bytes, 10 * kMegabyte);
    EXPECT_EQ(budgets.store.memtable_bytes, 7u);
    EXPECT_EQ(budgets.store.cache_bytes, 8u);
}

}  // namespace
}  // namespace lvt::broker
