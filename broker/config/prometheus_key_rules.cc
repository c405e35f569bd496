// The keys of the metrics' listener.
#include "broker/config/key_rules.h"

#include <limits>

namespace lvt::broker {
namespace {

constexpr std::size_t kUrlPathMax = 1024;

const KeyRule kRules[] = {
    {"prometheus.tcp.port",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         std::int64_t port = 0;
         Expected expected =
             parse_integer(value, 0, std::numeric_limits<std::uint16_t>::max(), port);
         if (expected.empty()) d.prometheus_port = static_cast<std::uint16_t>(port);
         return expected;
     }},
    {"prometheus.tcp.ip",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         ListenAddress parsed;
         const bool is_v6 = value.find(':') != std::string::npos;
         const Expected wrong =
             parse_listen_address((is_v6 ? "[" + value + "]" : value) + ":1", parsed);
         if (!wrong.empty()) return Expected{"a numeric address"};
         d.prometheus_ip = parsed.host;
         return Expected{};
     }},
    {"prometheus.path",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         if (!value.starts_with('/') || value.size() > kUrlPathMax ||
             value.find_first_of(" ?#%") != std::string::npos)
             return Expected{"a path that begins with a slash"};
         std::string& path = d.config.prometheus.path = value;
         while (path.ends_with('/')) path.pop_back();
         return Expected{};
     }},
    {"prometheus.return_per_object_metrics",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         return parse_boolean(value, d.config.prometheus.per_object);
     }},
};

}  // namespace

std::span<const KeyRule> prometheus_key_rules() { return kRules; }

}  // namespace lvt::broker
