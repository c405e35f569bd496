#include "broker/config/values.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace lvt::broker {
namespace {

/// Decimal digits only.
bool whole_number(std::string_view text, std::uint64_t& out) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, out);
    return error == std::errc{} && stop == end;
}

struct Unit {
    std::string_view name;  // lower case
    std::uint64_t factor;
};

constexpr std::uint64_t kKibi = 1024;
constexpr Unit kByteUnits[] = {
    {"", 1},
    {"kb", kKibi},
    {"mb", kKibi* kKibi},
    {"gb", kKibi* kKibi* kKibi},
    {"kib", kKibi},
    {"mib", kKibi* kKibi},
    {"gib", kKibi* kKibi* kKibi},
};
constexpr Unit kInformationUnits[] = {
    {"", 1},
    {"k", kKibi},
    {"m", kKibi* kKibi},
    {"g", kKibi* kKibi* kKibi},
    {"t", kKibi* kKibi* kKibi* kKibi},
    {"kib", kKibi},
    {"mib", kKibi* kKibi},
    {"gib", kKibi* kKibi* kKibi},
    {"tib", kKibi* kKibi* kKibi* kKibi},
    {"kb", 1000},
    {"mb", 1000 * 1000},
    {"gb", 1000 * 1000 * 1000},
    {"tb", 1'000'000'000'000},
};

template <std::size_t N>
bool sized(std::string_view text, const Unit (&units)[N], std::uint64_t& out) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    std::uint64_t count = 0;
    if (!whole_number(text.substr(0, digits), count)) return false;
    std::string unit{text.substr(digits)};
    std::transform(unit.begin(), unit.end(), unit.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    for (const Unit& candidate : units) {
        if (candidate.name != unit) continue;
        if (count > std::numeric_limits<std::int64_t>::max() / candidate.factor) return false;
        out = count * candidate.factor;
        return true;
    }
    return false;
}

bool numeric_address(const std::string& host) {
    unsigned char octets[16];
    return inet_pton(AF_INET, host.c_str(), octets) == 1 ||
           inet_pton(AF_INET6, host.c_str(), octets) == 1;
}

}  // namespace

Expected parse_integer(
    std::string_view text, std::int64_t min, std::int64_t max, std::int64_t& out) {
    std::int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < min || value > max)
        return fmt::format("an integer from {} to {}", min, max);
    out = value;
    return {};
}

Expected parse_boolean(std::string_view text, bool& out) {
    if (text != "true" && text != "false") return "true or false";
    out = text == "true";
    return {};
}

Expected parse_choice(
    std::string_view text, const std::vector<std::string_view>& choices, std::size_t& out) {
    const auto found = std::find(choices.begin(), choices.end(), text);
    if (found == choices.end()) return fmt::format("one of {}", fmt::join(choices, ", "));
    out = static_cast<std::size_t>(found - choices.begin());
    return {};
}

Expected parse_byte_size(
    std::string_view text, std::uint64_t min, std::uint64_t max, std::uint64_t& out) {
    std::uint64_t value = 0;
    if (!sized(text, kByteUnits, value) || value < min || value > max)
        return fmt::format("a size from {} to {} octets, such as 64KB or 128MB", min, max);
    out = value;
    return {};
}

Expected parse_information_size(std::string_view text, std::uint64_t& out) {
    if (!sized(text, kInformationUnits, out)) return "a size in octets, such as 512MiB or 2GB";
    return {};
}

Expected parse_fraction(std::string_view text, double& out) {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
    if (error != std::errc{} || stop != end || !std::isfinite(value) || value < 0 || value > 1e6)
        return "a fraction such as 0.4";
    out = value;
    return {};
}

Expected parse_timeout(std::string_view text, Milliseconds& out) {
    constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
    if (text == "infinity") {
        out = Milliseconds{0};
        return {};
    }
    std::int64_t value = 0;
    if (!parse_integer(text, 1, kMax, value).empty())
        return fmt::format("milliseconds from 1 to {}, or infinity", kMax);
    out = Milliseconds{value};
    return {};
}

Expected parse_listen_address(std::string_view text, ListenAddress& out) {
    const Expected expected = "PORT or ADDRESS:PORT with a numeric address";
    ListenAddress address;
    const std::size_t colon = text.rfind(':');
    if (colon != std::string_view::npos) {
        std::string_view host = text.substr(0, colon);
        if (host.size() > 2 && host.front() == '[' && host.back() == ']')
            host = host.substr(1, host.size() - 2);
        address.host = host;
        if (!numeric_address(address.host)) return expected;
        text.remove_prefix(colon + 1);
    }
    std::int64_t port = 0;
    if (!parse_integer(text, 0, 65535, port).empty()) return expected;
    address.port = static_cast<std::uint16_t>(port);
    out = std::move(address);
    return {};
}

Expected parse_log_level(std::string_view text, std::optional<LogLevel>& out) {
    static const std::vector<std::string_view> kNames = {
        "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency", "none"};
    // RabbitMQ has levels between ours: "from notice up" is what we have from warning up.
    static constexpr std::optional<LogLevel> kLevels[] = {
        LogLevel::debug,
        LogLevel::info,
        LogLevel::warning,
        LogLevel::warning,
        LogLevel::error,
        LogLevel::critical,
        LogLevel::critical,
        LogLevel::critical,
        std::nullopt};
    std::size_t choice = 0;
    Expected expected = parse_choice(text, kNames, choice);
    if (expected.empty()) out = kLevels[choice];
    return expected;
}

}  // namespace lvt::broker
