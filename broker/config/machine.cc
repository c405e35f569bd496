#include "broker/config/machine.h"

#include "broker/config/text_file.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

namespace lvt::broker {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kProcBytesMax = 1 << 20;

fs::path under(const fs::path& root, std::string_view path) {
    return fs::path{root.string() + std::string{path}};
}

std::string text_of(const fs::path& path) {
    Result<std::string> text = read_text_file(path, kProcBytesMax);
    return text.has_value() ? std::move(text).value() : std::string{};
}

/// The first whole number in the text; nothing for "max".
std::optional<std::uint64_t> number_in(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    return value;
}

/// "NAME:   123 kB" of /proc/meminfo and /proc/self/status, in bytes.
std::optional<std::uint64_t> kilobyte_line(std::string_view text, std::string_view name) {
    for (std::size_t at = text.find(name); at != std::string_view::npos;
         at = text.find(name, at + 1)) {
        if (at != 0 && text[at - 1] != '\n') continue;
        const std::optional<std::uint64_t> value = number_in(text.substr(at + name.size()));
        return value ? std::optional{*value * 1024} : std::nullopt;
    }
    return std::nullopt;
}

/// Where this process's cgroup is: in the unified hierarchy ("0::PATH"), or in that of a v1 controller ("4:memory:PATH").
std::optional<std::string> cgroup_path(std::string_view text, std::string_view controller) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t first = line.find(':');
        if (first == std::string_view::npos) continue;
        const std::size_t second = line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        const std::string names = fmt::format(",{},", line.substr(first + 1, second - first - 1));
        const bool found = controller.empty()
                               ? names == ",,"
                               : names.find(fmt::format(",{},", controller)) != std::string::npos;
        if (found) return std::string{line.substr(second + 1)};
    }
    return std::nullopt;
}

/// Calls `visit` with the cgroup's directory and each one above it, up to the mount. In a container the path may name
/// something outside: only the mount itself is there then.
template <class Visit>
void each_directory(const fs::path& mount, std::string path, Visit visit) {
    for (;;) {
        visit(fs::path{mount.string() + path});
        if (path.empty() || path == "/") return;
        path.erase(path.rfind('/'));
    }
}

std::uint64_t smallest(
    const fs::path& mount, const std::string& path, const char* file, std::uint64_t limit) {
    each_directory(mount, path, [&](const fs::path& directory) {
        if (const auto value = number_in(text_of(directory / file)))
            limit = std::min(limit, *value);
    });
    return limit;
}

double quota_of(std::string_view text) {
    // "QUOTA PERIOD" or "max PERIOD", in microseconds.
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return std::numeric_limits<double>::infinity();
    const auto quota = number_in(text.substr(0, blank));
    const auto period = number_in(text.substr(blank));
    if (!quota || !period || *period == 0) return std::numeric_limits<double>::infinity();
    return static_cast<double>(*quota) / static_cast<double>(*period);
}

unsigned cpus_available(const fs::path& root) {
    cpu_set_t set;
    CPU_ZERO(&set);
    unsigned cpus = 1;
    if (::sched_getaffinity(0, sizeof set, &set) == 0)
        cpus = static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
    double quota = std::numeric_limits<double>::infinity();
    const std::string groups = text_of(under(root, "/proc/self/cgroup"));
    if (const auto path = cgroup_path(groups, ""))
        each_directory(under(root, "/sys/fs/cgroup"), *path, [&](const fs::path& directory) {
            quota = std::min(quota, quota_of(text_of(directory / "cpu.max")));
        });
    if (const auto path = cgroup_path(groups, "cpu"))
        each_directory(under(root, "/sys/fs/cgroup/cpu"), *path, [&](const fs::path& directory) {
            quota = std::min(
                quota,
                quota_of(fmt::format(
                    "{} {}",
                    text_of(directory / "cpu.cfs_quota_us"),
                    text_of(directory / "cpu.cfs_period_us"))));
        });
    if (quota < cpus) cpus = std::max(1u, static_cast<unsigned>(std::ceil(quota)));
    return cpus;
}

std::string host_name() {
    char name[256] = {};
    if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
    std::string host = name;
    host.resize(std::min(host.find('.'), host.size()));
    return host;
}

}  // namespace

Machine measure_machine(const fs::path& root) {
    return {cpus_available(root), memory_available_bytes(root), host_name()};
}

std::uint64_t memory_available_bytes(const fs::path& root) {
    std::uint64_t limit = kilobyte_line(text_of(under(root, "/proc/meminfo")), "MemTotal:")
                              .value_or(std::numeric_limits<std::int64_t>::max());
    const std::string groups = text_of(under(root, "/proc/self/cgroup"));
    if (const auto path = cgroup_path(groups, ""))
        limit = smallest(under(root, "/sys/fs/cgroup"), *path, "memory.max", limit);
    if (const auto path = cgroup_path(groups, "memory"))
        limit =
            smallest(under(root, "/sys/fs/cgroup/memory"), *path, "memory.limit_in_bytes", limit);
    return limit;
}

std::uint64_t anonymous_memory_bytes(const fs::path& root) {
    return kilobyte_line(text_of(under(root, "/proc/self/status")), "RssAnon:").value_or(0);
}

std::uint64_t open_files() {
    // Since Linux 6.2 the directory's size is their number. To list them takes 7 µs each, on the core's thread.
    struct stat directory {};
    if (::stat("/proc/self/fd", &directory) == 0 && directory.st_size > 0)
        return static_cast<std::uint64_t>(directory.st_size);
    std::error_code error;
    std::uint64_t count = 0;
    for (auto at = std::filesystem::directory_iterator("/proc/self/fd", error);
         !error && at != std::filesystem::directory_iterator();
         at.increment(error))
        ++count;
    // One is the directory's own.
    return count > 0 ? count - 1 : 0;
}

std::uint64_t open_files_max() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

Result<Volume> volume_of(const fs::path& directory) {
    fs::path at = directory.is_absolute() ? directory : fs::path{"."} / directory;
    struct statvfs volume {};
    while (::statvfs(at.c_str(), &volume) != 0) {
        if (errno == EINTR) continue;
        if (errno != ENOENT || !at.has_relative_path())
            return Error{
                ErrorKind::io, fmt::format("{}: {}", directory.string(), std::strerror(errno))};
        at = at.parent_path();
    }
    return Volume{
        std::uint64_t{volume.f_blocks} * volume.f_frsize,
        std::uint64_t{volume.f_bavail} * volume.f_frsize};
}

}  // namespace lvt::broker
