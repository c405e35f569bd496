// consul: each node is a service with a TTL check; a key under a session is the lock.
//
// Requests are RabbitMQ's. A service's Meta tells what RabbitMQ has no place for: "leveret-node-id" and "leveret-peer" (host:port).
#include "cluster/discovery/consul_client.h"
#include "cluster/discovery/json_access.h"
#include "cluster/discovery/node_name.h"
#include "cluster/discovery/registry.h"

#include <fmt/format.h>

#include <algorithm>

namespace lvt::discovery {
namespace {

namespace json = boost::json;

constexpr std::string_view kTlsWord = "ssl_options";

constexpr SettingSpec kSettings[] = {
    {.name = "host", .environment = "CONSUL_HOST", .fallback = "localhost"},
    {.name = "port", .kind = SettingKind::port, .environment = "CONSUL_PORT", .fallback = "8500"},
    {.name = "scheme",
     .kind = SettingKind::choice,
     .environment = "CONSUL_SCHEME",
     .fallback = "http",
     .choices = "http|https"},
    {.name = "acl_token", .environment = "CONSUL_ACL_TOKEN", .secret = true},
    {.name = "cluster_name", .environment = "CLUSTER_NAME", .fallback = "default"},
    {.name = "svc", .environment = "CONSUL_SVC", .fallback = "rabbitmq"},
    {.name = "svc_id", .environment = "CONSUL_SVC_ID"},
    {.name = "svc_addr", .environment = "CONSUL_SVC_ADDR"},
    {.name = "svc_addr_auto",
     .kind = SettingKind::boolean,
     .environment = "CONSUL_SVC_ADDR_AUTO",
     .fallback = "false"},
    {.name = "svc_addr_nic", .environment = "CONSUL_SVC_ADDR_NIC"},
    {.name = "svc_addr_use_nodename",
     .kind = SettingKind::boolean,
     .environment = "CONSUL_SVC_ADDR_NODENAME",
     .fallback = "false"},
    {.name = "use_longname",
     .kind = SettingKind::boolean,
     .environment = "CONSUL_USE_LONGNAME",
     .fallback = "false"},
    {.name = "svc_port",
     .kind = SettingKind::port,
     .environment = "CONSUL_SVC_PORT",
     .fallback = "5672"},
    {.name = "svc_ttl",
     .kind = SettingKind::integer,
     .environment = "CONSUL_SVC_TTL",
     .fallback = "30",
     .min = 10,
     .max = 86'400},
    {.name = "deregister_after",
     .kind = SettingKind::integer,
     .environment = "CONSUL_DEREGISTER_AFTER",
     .min = 60},
    {.name = "domain_suffix", .environment = "CONSUL_DOMAIN", .fallback = "consul"},
    {.name = "include_nodes_with_warnings",
     .kind = SettingKind::boolean,
     .environment = "CONSUL_INCLUDE_NODES_WITH_WARNINGS",
     .fallback = "false"},
    {.name = "svc_tags", .kind = SettingKind::list, .environment = "CONSUL_SVC_TAGS"},
    {.name = "svc_meta", .kind = SettingKind::map, .environment = "CONSUL_SVC_META"},
    {.name = "lock_prefix", .environment = "CONSUL_LOCK_PREFIX", .fallback = "rabbitmq"},
    {.name = "lock_timeout",
     .kind = SettingKind::integer,
     .environment = "LOCK_WAIT_TIME",
     .fallback = "300",
     .min = 1,
     .max = 86'400},
    {.name = "lock_wait_time",
     .kind = SettingKind::integer,
     .min = 1,
     .max = 86'400,
     .meant = "lock_timeout"},
};

bool is_healthy(const json::value& entry) {
    return std::ranges::all_of(array_of(entry, "Checks"), [](const json::value& check) {
        const std::string status = text_of(check, "Status");
        return status == "passing" || status == "warning";
    });
}

/// autocluster's word for none.
std::string cluster_name_of(const Settings& settings) {
    const std::string name = settings.text("cluster_name");
    return name == "undefined" ? "default" : name;
}

class Consul final : public PeerDiscovery {
public:
    Consul(Context context, std::string address, HttpOptions http)
        : self_(context.self),
          settings_(context.settings),
          log_(context.log),
          address_(std::move(address)),
          cluster_(cluster_name_of(settings_)),
          ttl_s_(settings_.integer("svc_ttl")),
          client_(
              {.base = fmt::format(
                   "{}://{}", settings_.text("scheme"),
                   format_host_port(
                       settings_.text("host"),
                       static_cast<std::uint16_t>(settings_.integer("port")))),
               .token = settings_.text("acl_token")},
              std::move(http), context.log, context.clock) {
        const std::string service = settings_.text("svc");
        service_id_ = settings_.text("svc_id");
        if (service_id_.empty())
            service_id_ = address_.empty() ? service : fmt::format("{}:{}", service, address_);
        place_ = fmt::format("{}/{}", settings_.text("lock_prefix"), cluster_);
    }

    std::string_view name() const override { return "consul"; }

    DiscoveryResult<PeerList> list() override {
        const bool with_warnings = settings_.boolean("include_nodes_with_warnings");
        DiscoveryResult<json::value> services =
            client_.services(settings_.text("svc"), is_default() ? "" : cluster_, !with_warnings);
        if (services.has_error()) return std::move(services).error();
        std::vector<std::pair<std::int64_t, Candidate>> found;
        for (const json::value& entry : services->as_array()) {
            if (with_warnings && !is_healthy(entry)) continue;
            const json::value* const service = member(entry, "Service");
            if (!service) continue;
            found.emplace_back(
                number_of(*service, "CreateIndex").value_or(0), candidate_of(entry, *service));
        }
        // The oldest first, as all see it.
        std::ranges::sort(found, {}, [](const auto& one) {
            return std::tie(one.first, one.second.name, one.second.host, one.second.port);
        });
        PeerList out;
        for (auto& [index, candidate] : found)
            if (std::ranges::find(out.candidates, candidate) == out.candidates.end())
                out.candidates.push_back(std::move(candidate));
        return out;
    }

    bool supports_registration() const override { return true; }

    DiscoveryResult<void> register_node() override {
        registered_ = true;
        DiscoveryResult<void> put = client_.put("/v1/agent/service/register", registration());
        if (put.has_error()) return put;
        log_.log(
            LogLevel::info,
            "peer discovery: consul: registered service {} for {} s",
            service_id_,
            ttl_s_);
        DiscoveryResult<ConsulClient::Pass> passed = client_.pass(service_id_);
        if (passed.has_error()) return std::move(passed).error();
        return {};
    }

    DiscoveryResult<void> unregister_node() override {
        if (!std::exchange(registered_, false)) return {};
        DiscoveryResult<void> gone = client_.deregister(service_id_);
        if (gone.has_value())
            log_.log(LogLevel::info, "peer discovery: consul: unregistered {}", service_id_);
        return gone;
    }

    std::optional<Milliseconds> maintenance_interval() const override {
        return Milliseconds{ttl_s_ * 1000 / 3};
    }

    DiscoveryResult<void> maintain() override {
        DiscoveryResult<void> renewed = client_.renew();
        if (renewed.has_error()) return renewed;
        if (!registered_) return {};
        DiscoveryResult<ConsulClient::Pass> passed = client_.pass(service_id_);
        if (passed.has_error()) return std::move(passed).error();
        if (*passed == ConsulClient::Pass::told) return {};
        log_.log(
            LogLevel::warning, "peer discovery: consul: the registration was lost, making it anew");
        return register_node();
    }

    bool supports_lock() const override { return true; }

    DiscoveryResult<void> lock() override {
        DiscoveryResult<void> held = client_.lock(
            place_ + "/startup_lock",
            self_.name,
            ttl_s_,
            Milliseconds{settings_.integer("lock_timeout") * 1000});
        if (held.has_value())
            log_.log(LogLevel::info, "peer discovery: consul: holds the lock {}", place_);
        return held;
    }

    DiscoveryResult<void> unlock() override { return client_.unlock(); }

    bool supports_mark() const override { return true; }
    DiscoveryResult<std::string> create_mark(std::string_view cluster_id) override {
        return client_.create(place_ + "/formed", cluster_id);
    }
    DiscoveryResult<std::optional<std::string>> read_mark() override {
        return client_.get(place_ + "/formed");
    }

    void cancel() override { client_.cancel(); }

private:
    bool is_default() const { return cluster_ == "default" || cluster_.empty(); }

    Candidate candidate_of(const json::value& entry, const json::value& service) const {
        const json::value* const meta = member(service, "Meta");
        std::string host = text_of(service, "Address");
        if (host.empty()) {
            const json::value* const node = member(entry, "Node");
            host = node ? text_of(*node, "Node") : "";
            if (self_.long_names) host += fmt::format(".node.{}", settings_.text("domain_suffix"));
        }
        Candidate out{.id = {}, .name = node_name_of(self_, host), .host = host};
        if (!meta) return out;
        out.id = text_of(*meta, "leveret-node-id");
        const std::string node_name = text_of(*meta, "erlang-node-name");
        if (!node_name.empty()) out.name = node_name;
        const std::optional<HostPort> peer = parse_host_port(text_of(*meta, "leveret-peer"));
        if (!peer) return out;
        out.host = peer->host;
        out.port = peer->port;
        return out;
    }

    json::object registration() const {
        json::object check{
            {"Notes", "RabbitMQ Consul-based peer discovery plugin TTL check"},
            {"TTL", fmt::format("{}s", ttl_s_)},
            {"Status", "passing"}};
        if (settings_.has("deregister_after"))
            check["DeregisterCriticalServiceAfter"] =
                fmt::format("{}s", settings_.integer("deregister_after"));
        json::array tags;
        if (!is_default()) tags.emplace_back(cluster_);
        for (const std::string& tag : settings_.list("svc_tags")) tags.emplace_back(tag);
        json::object meta;
        for (const auto& [key, value] : settings_.map("svc_meta")) meta[key] = value;
        if (!is_default()) meta["cluster"] = cluster_;
        meta["erlang-node-name"] = self_.name;
        meta["leveret-node-id"] = self_.id;
        meta["leveret-peer"] = format_host_port(self_.host, self_.port);
        json::object out{
            {"ID", service_id_},
            {"Name", settings_.text("svc")},
            {"Port", settings_.integer("svc_port")},
            {"Check", std::move(check)},
            {"Tags", std::move(tags)},
            {"Meta", std::move(meta)}};
        if (!address_.empty()) out["Address"] = address_;
        return out;
    }

    const Self self_;
    const Settings settings_;
    LogSink& log_;
    const std::string address_;
    const std::string cluster_;
    const std::int64_t ttl_s_;
    std::string service_id_;
    std::string place_;
    ConsulClient client_;
    bool registered_ = false;
};

/// What the service's address is, in RabbitMQ's order: the interface's, the host's name, the one that was said, none.
Result<std::string> service_address(const Context& context) {
    const Settings& settings = context.settings;
    const std::string interface = settings.text("svc_addr_nic");
    if (!interface.empty()) {
        std::string address = address_of_interface(interface);
        if (address.empty())
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}: no interface '{}' with an IPv4 address",
                    settings.key("svc_addr_nic"),
                    interface)};
        return address;
    }
    if (!settings.boolean("svc_addr_auto")) {
        if (settings.boolean("svc_addr_use_nodename"))
            context.log.log(
                LogLevel::warning,
                "peer discovery: {} has no effect without {}",
                settings.key("svc_addr_use_nodename"),
                settings.key("svc_addr_auto"));
        return settings.text("svc_addr");
    }
    std::string host{name_host(context.self.name)};
    if (!context.self.long_names && !settings.boolean("use_longname") && !is_address(host))
        host = host.substr(0, host.find('.'));
    return host;
}

Result<std::unique_ptr<PeerDiscovery>> make(Context context) {
    Result<TlsOptions> tls = tls_options(context.tls);
    if (tls.has_error()) return std::move(tls).error();
    Result<std::string> address = service_address(context);
    if (address.has_error()) return std::move(address).error();
    if (!parse_host_port(context.settings.text("host")))
        return Error{
            ErrorKind::invalid,
            fmt::format(
                "{}: expected a host, got '{}'",
                context.settings.key("host"),
                context.settings.text("host"))};
    HttpOptions http = http_options(context.formation, std::move(tls).value());
    return std::make_unique<Consul>(
        std::move(context), std::move(address).value(), std::move(http));
}

}  // namespace

const Mechanism& consul_mechanism() {
    static constexpr Mechanism kMechanism{"consul", {}, kSettings, kTlsWord, make};
    return kMechanism;
}

}  // namespace lvt::discovery
