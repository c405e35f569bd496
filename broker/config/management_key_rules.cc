// The keys of the HTTP API.
#include "broker/config/key_rules.h"

#include <limits>

namespace lvt::broker {
namespace {

constexpr std::size_t kTextMax = 1024;

Expected take_port(const std::string& value, std::optional<std::uint16_t>& out) {
    std::int64_t port = 0;
    Expected expected = parse_integer(value, 0, std::numeric_limits<std::uint16_t>::max(), port);
    if (expected.empty()) out = static_cast<std::uint16_t>(port);
    return expected;
}

Expected take_address(const std::string& value, std::string& out) {
    ListenAddress parsed;
    const bool is_v6 = value.find(':') != std::string::npos;
    const Expected wrong = parse_listen_address((is_v6 ? "[" + value + "]" : value) + ":1", parsed);
    if (!wrong.empty()) return "a numeric address";
    out = parsed.host;
    return {};
}

/// With one slash at its beginning and none at its end.
Expected take_prefix(const std::string& value, std::string& out) {
    if (value.size() > kTextMax || value.find_first_of(" ?#%") != std::string::npos)
        return "a path";
    out = value;
    while (out.ends_with('/')) out.pop_back();
    if (!out.empty() && !out.starts_with('/')) out.insert(0, "/");
    return {};
}

template <class T>
Expected take_number(const std::string& value, std::int64_t max, T& out) {
    std::int64_t number = 0;
    Expected expected = parse_integer(value, 0, max, number);
    if (expected.empty()) out = static_cast<T>(number);
    return expected;
}

const KeyRule kRules[] = {
    {"management.tcp.port",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         return take_port(value, d.management_port);
     }},
    {"management.tcp.ip",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         return take_address(value, d.management_ip);
     }},
    {"management.ssl.port",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         return take_port(value, d.management_tls_port);
     }},
    {"management.ssl.ip",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         return take_address(value, d.management_tls_ip);
     }},
    {"management.path_prefix",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         return take_prefix(value, d.config.management.path_prefix);
     }},
    {"management.cors.allow_origins.$",
     nullptr,
     [](Draft& d, const std::string& name, const std::string& value) {
         if (value.size() > kTextMax) return Expected{"an origin"};
         d.cors_origins[name] = value;
         return Expected{};
     }},
    {"management.cors.max_age",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         return take_number(value, 1'000'000'000, d.config.management.cors_max_age_s);
     }},
    {"management.http.max_body_size",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         return parse_byte_size(
             value, 1024, std::uint64_t{1} << 32, d.config.management.body_bytes_max);
     }},
};

}  // namespace

std::span<const KeyRule> management_key_rules() { return kRules; }

}  // namespace lvt::broker
