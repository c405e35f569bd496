// The mechanisms that there are, and how one is made from the configuration.
#pragma once

#include "cluster/discovery/peer_discovery.h"
#include "cluster/discovery/settings.h"
#include "protocol/base/log_sink.h"
#include "protocol/base/random.h"

#include <memory>

namespace lvt::discovery {

/// What a mechanism is made from. The references outlive it.
struct Context {
    Settings settings;
    /// What stands below the mechanism's word for TLS.
    Settings tls;
    /// Of all mechanisms: size hint, proxies, retries (formation_settings()).
    Settings formation;
    Self self;
    StringMap environment;
    LogSink& log;
    const Clock& clock;
    Random& random;
};

/// One line of the registry.
struct Mechanism {
    /// The backend's name in the configuration, and the word of its keys: cluster_formation.NAME.*
    std::string_view name;
    /// Other names for it.
    std::span<const std::string_view> aliases;
    std::span<const SettingSpec> settings;
    /// The word below which its TLS options stand ("ssl_options"); empty: it has none.
    std::string_view tls;
    /// ErrorKind::invalid: one line that names the key. Talks to nobody.
    Result<std::unique_ptr<PeerDiscovery>> (*make)(Context context);
};

[[nodiscard]] std::span<const Mechanism> mechanisms();
/// By name or alias ("k8s", "kubernetes", "rabbit_peer_discovery_k8s"), or nullptr.
[[nodiscard]] const Mechanism* find_mechanism(std::string_view name);
/// Keys directly below cluster_formation.
[[nodiscard]] std::span<const SettingSpec> formation_settings();

/// What make_discovery() needs besides the settings.
struct Surroundings {
    Self self;
    StringMap environment;
    LogSink& log;
    const Clock& clock;
    Random& random;
};

/// The mechanism that `given` asks for, else classic_config. Names are long also where RABBITMQ_USE_LONGNAME says so.
/// ErrorKind::invalid: one line that names the key; exit code 78.
[[nodiscard]] Result<std::unique_ptr<PeerDiscovery>> make_discovery(
    const StringMap& given, const Surroundings& surroundings);

// What stands in the registry, one a file.
[[nodiscard]] const Mechanism& classic_config_mechanism();
[[nodiscard]] const Mechanism& dns_mechanism();
[[nodiscard]] const Mechanism& etcd_mechanism();
[[nodiscard]] const Mechanism& consul_mechanism();
[[nodiscard]] const Mechanism& kubernetes_mechanism();
[[nodiscard]] const Mechanism& aws_mechanism();
[[nodiscard]] const Mechanism& marathon_mechanism();

}  // namespace lvt::discovery
