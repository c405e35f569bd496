// The keys of the cluster itself; those of discovery know themselves (cluster/discovery/settings.h).
#include "broker/config/key_rules.h"
#include "broker/config/takers.h"
#include "cluster/discovery/node_name.h"

namespace lvt::broker {
namespace {

const KeyRule kRules[] = {
    {"cluster.listener",
     nullptr,
     [](Draft& d, const std::string& name, const std::string& value) {
         ListenAddress parsed;
         Expected expected = parse_listen_address(value, parsed);
         if (expected.empty()) d.config.cluster_formation["cluster." + name] = value;
         return expected;
     }},
    {"cluster.advertise",
     nullptr,
     [](Draft& d, const std::string& name, const std::string& value) {
         if (value.size() > kNameMax || !discovery::parse_host_port(value))
             return Expected{"HOST, HOST:PORT or [ADDRESS]:PORT"};
         d.config.cluster_formation["cluster." + name] = value;
         return Expected{};
     }},
    {.pattern = "cluster.secret",
     .take =
         [](Draft& d, const std::string& name, const std::string& value) {
             return take_text(value, kNameMax, d.config.cluster_formation["cluster." + name]);
         },
     .secret = true},
};

}  // namespace

std::span<const KeyRule> cluster_key_rules() { return kRules; }

}  // namespace lvt::broker
