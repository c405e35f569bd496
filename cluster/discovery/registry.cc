#include "cluster/discovery/registry.h"

#include "cluster/discovery/http_client.h"
#include "protocol/base/assert.h"

#include <fmt/format.h>

#include <algorithm>

namespace lvt::discovery {
namespace {

constexpr std::string_view kLockPerCall = "each mechanism's lock has a limit of its own";
constexpr std::string_view kNoDelay = "nodes that start together need no random delay";

constexpr SettingSpec kFormation[] = {
    {.name = "peer_discovery_backend", .fallback = "classic_config"},
    {.name = "node_type", .idle = "up to seven members vote, the others follow"},
    {.name = "registration.enabled", .kind = SettingKind::boolean, .fallback = "true"},
    {.name = "target_cluster_size_hint", .kind = SettingKind::integer, .min = 1, .max = 1000},
    {.name = "discovery_retry_limit", .kind = SettingKind::limit, .fallback = "unlimited"},
    {.name = "discovery_retry_interval",
     .kind = SettingKind::integer,
     .fallback = "1000",
     .min = 1,
     .max = 3'600'000},
    {.name = "node_cleanup.interval",
     .kind = SettingKind::integer,
     .fallback = "60"},
    {.name = "node_cleanup.only_log_warning",
     .kind = SettingKind::boolean,
     .fallback = "true"},
    {.name = "proxy.http_proxy", .environment = "HTTP_PROXY"},
    {.name = "proxy.https_proxy", .environment = "HTTPS_PROXY"},
    {.name = "proxy.proxy_exclusions",
     .kind = SettingKind::list,
     .environment = "PROXY_EXCLUSIONS"},
    {.name = "internal_lock_retries", .idle = kLockPerCall},
    {.name = "lock_retry_limit", .idle = kLockPerCall},
    {.name = "lock_retry_timeout", .idle = kLockPerCall},
    {.name = "lock_acquisition_failure_mode", .idle = kLockPerCall},
    {.name = "randomized_startup_delay_range.min", .idle = kNoDelay},
    {.name = "randomized_startup_delay_range.max", .idle = kNoDelay},
};

constexpr std::string_view kPrefix = "cluster_formation.";

/// As in RabbitMQ the variables of proxies count only where the file names a proxy or an exclusion; libcurl reads its own otherwise.
StringMap without_idle_proxies(const StringMap& given, StringMap environment) {
    const std::string proxies = std::string{kPrefix} + "proxy.";
    const auto named = given.lower_bound(proxies);
    if (named == given.end() || !named->first.starts_with(proxies))
        for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "PROXY_EXCLUSIONS"})
            environment.erase(name);
    return environment;
}

bool has_long_names(const StringMap& environment) {
    for (const char* name : {"RABBITMQ_USE_LONGNAME", "USE_LONGNAME"}) {
        const auto found = environment.find(name);
        if (found != environment.end() && !found->second.empty()) return found->second == "true";
    }
    return false;
}

}  // namespace

void throw_exception_from_error(
    const DiscoveryError& error, const boost::source_location& location) {
    throw AssertionFailure(fmt::format(
        "unchecked error at {}:{}: {}", location.file_name(), location.line(), error.message));
}

std::span<const SettingSpec> formation_settings() { return kFormation; }

std::span<const Mechanism> mechanisms() {
    static const Mechanism kAll[] = {
        classic_config_mechanism(),
        dns_mechanism(),
        etcd_mechanism(),
        consul_mechanism(),
        kubernetes_mechanism(),
        aws_mechanism(),
        marathon_mechanism(),
    };
    return kAll;
}

const Mechanism* find_mechanism(std::string_view name) {
    for (const std::string_view prefix : {"rabbit_peer_discovery_", "rabbitmq_peer_discovery_"}) {
        if (!name.starts_with(prefix)) continue;
        name.remove_prefix(prefix.size());
        break;
    }
    for (const Mechanism& mechanism : mechanisms()) {
        if (mechanism.name == name) return &mechanism;
        if (std::ranges::find(mechanism.aliases, name) != mechanism.aliases.end())
            return &mechanism;
    }
    return nullptr;
}

Result<std::unique_ptr<PeerDiscovery>> make_discovery(
    const StringMap& given, const Surroundings& surroundings) {
    StringMap flat = given;
    if (const auto outside = flat.find("aws.prefer_imdsv2"); outside != flat.end())
        flat[std::string{kPrefix} + outside->first] = outside->second;
    Result<Settings> formation = Settings::resolve(
        kPrefix, formation_settings(), flat, without_idle_proxies(flat, surroundings.environment));
    if (formation.has_error()) return std::move(formation).error();
    const std::string backend = formation->text("peer_discovery_backend");
    const Mechanism* const mechanism = find_mechanism(backend);
    if (!mechanism)
        return Error{
            ErrorKind::invalid,
            fmt::format(
                "{}: expected {}, got '{}'",
                formation->key("peer_discovery_backend"),
                check_key(formation->key("peer_discovery_backend"), backend).expected,
                backend)};
    Result<Settings> settings = Settings::resolve(
        fmt::format("{}{}.", kPrefix, mechanism->name),
        mechanism->settings,
        flat,
        surroundings.environment);
    if (settings.has_error()) return std::move(settings).error();
    Settings tls;
    if (!mechanism->tls.empty()) {
        Result<Settings> read = Settings::resolve(
            settings->key(mechanism->tls) + ".", tls_settings(), flat, surroundings.environment);
        if (read.has_error()) return std::move(read).error();
        tls = std::move(read).value();
    }
    surroundings.log.log(
        LogLevel::info,
        "peer discovery: {}{}{}",
        mechanism->name,
        settings->said().empty() ? "" : ", told ",
        fmt::join(settings->said(), ", "));
    Self self = surroundings.self;
    self.long_names = self.long_names || has_long_names(surroundings.environment);
    return mechanism->make(
        {std::move(settings).value(),
         std::move(tls),
         std::move(formation).value(),
         std::move(self),
         surroundings.environment,
         surroundings.log,
         surroundings.clock,
         surroundings.random});
}

}  // namespace lvt::discovery
