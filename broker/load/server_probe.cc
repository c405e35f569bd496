#include "broker/load/server_probe.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace lvt::broker::load {
namespace {

Bytes contents(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Takes the next number off the front; what stands before it is dropped.
std::optional<std::uint64_t> next_number(ByteView& text) {
    const std::size_t begin = text.find_first_of("0123456789");
    if (begin == ByteView::npos) return std::nullopt;
    text.remove_prefix(begin);
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
    return value;
}

std::optional<std::uint64_t> number_behind(ByteView text, ByteView label) {
    const std::size_t at = text.find(label);
    if (at == ByteView::npos) return std::nullopt;
    text.remove_prefix(at + label.size());
    return next_number(text);
}

Error unreadable(pid_t pid) {
    return Error{ErrorKind::io, fmt::format("cannot read /proc/{}: no such process?", pid)};
}

std::filesystem::path process_folder(pid_t pid) { return fmt::format("/proc/{}", pid); }

}  // namespace

Result<CpuSample> sample_cpu(pid_t pid) {
    std::optional<CpuSample> sample = parse_process_stat(contents(process_folder(pid) / "stat"));
    if (!sample) return unreadable(pid);
    std::error_code error;
    for (std::filesystem::directory_iterator task(process_folder(pid) / "task", error), end;
         !error && task != end;
         task.increment(error)) {
        const Bytes schedstat = contents(task->path() / "schedstat");
        ByteView text = schedstat;
        sample->on_cpu_ns += next_number(text).value_or(0);
    }
    return *sample;
}

Result<MemorySample> sample_memory(pid_t pid) {
    const auto sample = parse_process_status(contents(process_folder(pid) / "status"));
    if (!sample) return unreadable(pid);
    return *sample;
}

MachineSample sample_machine() {
    return parse_machine_stat(contents("/proc/stat")).value_or(MachineSample{});
}

std::optional<CpuSample> parse_process_stat(ByteView stat) {
    // "pid (name) state ppid ...": the name may hold anything, so count from its closing bracket. The numbers wanted are
    // the 11th and 12th behind the state (utime and stime).
    constexpr int kNumbersBefore = 10;
    const std::size_t name_end = stat.rfind(')');
    if (name_end == ByteView::npos) return std::nullopt;
    stat.remove_prefix(name_end + 1);
    for (int i = 0; i < kNumbersBefore; ++i) {
        if (!next_number(stat)) return std::nullopt;
    }
    const auto user = next_number(stat);
    const auto system = next_number(stat);
    if (!user || !system) return std::nullopt;
    return CpuSample{.on_cpu_ns = 0, .user_ticks = *user, .system_ticks = *system};
}

std::optional<MemorySample> parse_process_status(ByteView status) {
    const auto anonymous = number_behind(status, "RssAnon:");
    const auto resident = number_behind(status, "VmRSS:");
    if (!anonymous || !resident) return std::nullopt;
    return MemorySample{*anonymous, *resident};
}

std::optional<MachineSample> parse_machine_stat(ByteView stat) {
    // "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guest time is in user and nice already.
    constexpr int kColumns = 8;
    ByteView line = stat.substr(0, stat.find('\n'));
    MachineSample sample;
    for (int i = 0; i < kColumns; ++i) {
        const auto ticks = next_number(line);
        if (!ticks) return std::nullopt;
        sample.all_ticks += *ticks;
        sample.steal_ticks = *ticks;
    }
    return sample;
}

}  // namespace lvt::broker::load
