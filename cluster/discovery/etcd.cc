// etcd: each node keeps a key under a lease; the oldest key is the first candidate.
//
//   /leveret/discovery/PREFIX/clusters/CLUSTER/nodes/ID   {"id":..., "name":..., "address":"host:port"}, under a lease of node_ttl seconds
//   /leveret/discovery/PREFIX/clusters/CLUSTER/formed     the cluster's id, written once
//   /leveret/locks/PREFIX/clusters/CLUSTER/formation      the lock
#include "cluster/discovery/etcd_client.h"
#include "cluster/discovery/json_access.h"
#include "cluster/discovery/node_name.h"
#include "cluster/discovery/registry.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace lvt::discovery {
namespace {

constexpr std::string_view kTlsWord = "ssl_options";

constexpr SettingSpec kSettings[] = {
    {.name = "endpoints", .kind = SettingKind::list},
    {.name = "host"},
    {.name = "port", .kind = SettingKind::port, .fallback = "2379"},
    {.name = "scheme", .kind = SettingKind::choice, .choices = "http|https"},
    {.name = "key_prefix", .fallback = "rabbitmq"},
    {.name = "cluster_name", .fallback = "default"},
    {.name = "node_ttl", .kind = SettingKind::integer, .fallback = "61", .min = 15, .max = 86'400},
    {.name = "lock_timeout",
     .kind = SettingKind::integer,
     .fallback = "70",
     .min = 1,
     .max = 86'400},
    {.name = "lock_wait_time",
     .kind = SettingKind::integer,
     .min = 1,
     .max = 86'400,
     .meant = "lock_timeout"},
    {.name = "username"},
    {.name = "password", .secret = true},
};

class Etcd final : public PeerDiscovery {
public:
    Etcd(const Context& context, EtcdOptions options, HttpOptions http)
        : self_(context.self),
          log_(context.log),
          ttl_s_(context.settings.integer("node_ttl")),
          lock_timeout_s_(context.settings.integer("lock_timeout")),
          client_(std::move(options), std::move(http), context.log, context.random) {
        const std::string place = fmt::format(
            "{}/clusters/{}",
            context.settings.text("key_prefix"),
            context.settings.text("cluster_name"));
        directory_ = fmt::format("/leveret/discovery/{}/nodes/", place);
        mark_ = fmt::format("/leveret/discovery/{}/formed", place);
        lock_name_ = fmt::format("/leveret/locks/{}/formation", place);
    }

    std::string_view name() const override { return "etcd"; }

    DiscoveryResult<PeerList> list() override {
        DiscoveryResult<std::vector<EtcdEntry>> entries = client_.list(directory_);
        if (entries.has_error()) return std::move(entries).error();
        PeerList out;
        for (const EtcdEntry& entry : *entries) {
            std::optional<Candidate> candidate = candidate_of(entry.value);
            if (candidate)
                out.candidates.push_back(*std::move(candidate));
            else
                log_.log(
                    LogLevel::warning,
                    "peer discovery: etcd: {} does not hold a node's address",
                    entry.key);
        }
        return out;
    }

    bool supports_registration() const override { return true; }

    DiscoveryResult<void> register_node() override {
        const std::string key = directory_ + self_.id;
        const std::string value = boost::json::serialize(boost::json::object{
            {"id", self_.id},
            {"name", self_.name},
            {"address", format_host_port(self_.host, self_.port)}});
        registered_ = true;
        for (;;) {
            const bool fresh = lease_ == 0;
            if (fresh) {
                DiscoveryResult<std::int64_t> lease = client_.grant(ttl_s_);
                if (lease.has_error()) return std::move(lease).error();
                lease_ = *lease;
            }
            DiscoveryResult<bool> put = client_.put(key, value, lease_);
            if (put.has_error()) return std::move(put).error();
            if (*put) break;
            lease_ = 0;
            if (fresh) return transient("etcd: a new lease has ended already");
        }
        log_.log(LogLevel::info, "peer discovery: etcd: registered at {} for {} s", key, ttl_s_);
        return {};
    }

    DiscoveryResult<void> unregister_node() override {
        registered_ = false;
        if (lease_ == 0) return {};
        // The key goes with its lease.
        DiscoveryResult<void> revoked = client_.revoke(lease_);
        if (revoked.has_error()) return revoked;
        lease_ = 0;
        log_.log(LogLevel::info, "peer discovery: etcd: unregistered");
        return {};
    }

    std::optional<Milliseconds> maintenance_interval() const override {
        return Milliseconds{ttl_s_ * 1000 / 3};
    }

    DiscoveryResult<void> maintain() override {
        if (lock_lease_ != 0) {
            DiscoveryResult<bool> kept = client_.keep_alive(lock_lease_);
            if (kept.has_error()) return std::move(kept).error();
            if (!*kept) log_.log(LogLevel::warning, "peer discovery: etcd: the lock was lost");
        }
        if (!registered_) return {};
        DiscoveryResult<bool> kept = false;
        if (lease_ != 0) kept = client_.keep_alive(lease_);
        if (kept.has_error()) return std::move(kept).error();
        if (*kept) {
            DiscoveryResult<std::optional<std::string>> there = client_.get(directory_ + self_.id);
            if (there.has_error()) return std::move(there).error();
            if (there->has_value()) return {};
        } else {
            lease_ = 0;
        }
        log_.log(
            LogLevel::warning, "peer discovery: etcd: the registration was lost, making it anew");
        return register_node();
    }

    bool supports_lock() const override { return true; }

    DiscoveryResult<void> lock() override {
        // The lease outlives the wait; afterwards maintain() keeps it.
        static constexpr std::int64_t kMargin = 15;
        DiscoveryResult<std::int64_t> lease = client_.grant(lock_timeout_s_ + kMargin);
        if (lease.has_error()) return std::move(lease).error();
        DiscoveryResult<std::string> key =
            client_.lock(lock_name_, *lease, Milliseconds{lock_timeout_s_ * 1000});
        if (key.has_error()) {
            static_cast<void>(client_.revoke(*lease));
            return std::move(key).error();
        }
        lock_lease_ = *lease;
        lock_key_ = *std::move(key);
        log_.log(LogLevel::info, "peer discovery: etcd: holds the lock {}", lock_name_);
        return {};
    }

    DiscoveryResult<void> unlock() override {
        if (lock_lease_ == 0) return {};
        const std::int64_t lease = std::exchange(lock_lease_, 0);
        DiscoveryResult<void> unlocked = client_.unlock(lock_key_);
        // Either frees it.
        DiscoveryResult<void> revoked = client_.revoke(lease);
        if (unlocked.has_error() && revoked.has_error()) return unlocked;
        log_.log(LogLevel::info, "peer discovery: etcd: gave the lock back");
        return {};
    }

    bool supports_mark() const override { return true; }
    DiscoveryResult<std::string> create_mark(std::string_view cluster_id) override {
        return client_.create(mark_, cluster_id);
    }
    DiscoveryResult<std::optional<std::string>> read_mark() override { return client_.get(mark_); }

    void cancel() override { client_.cancel(); }

private:
    static std::optional<Candidate> candidate_of(const std::string& value) {
        boost::system::error_code error;
        const boost::json::value parsed = boost::json::parse(value, error);
        if (error) return {};
        const std::optional<HostPort> address = parse_host_port(text_of(parsed, "address"));
        if (!address) return {};
        return Candidate{
            text_of(parsed, "id"), text_of(parsed, "name"), address->host, address->port};
    }

    const Self self_;
    LogSink& log_;
    const std::int64_t ttl_s_;
    const std::int64_t lock_timeout_s_;
    std::string directory_;
    std::string mark_;
    std::string lock_name_;
    EtcdClient client_;
    /// Asked for, whether etcd knows it by now or not.
    bool registered_ = false;
    std::int64_t lease_ = 0;
    std::int64_t lock_lease_ = 0;
    std::string lock_key_;
};

/// "host:port" or a whole URL without a path.
std::optional<std::string> endpoint_of(std::string_view text, std::string_view scheme) {
    for (const std::string_view known : {"http://", "https://"}) {
        if (!text.starts_with(known)) continue;
        scheme = known.substr(0, known.size() - 3);
        text.remove_prefix(known.size());
    }
    if (text.ends_with('/')) text.remove_suffix(1);
    const std::optional<HostPort> address = parse_host_port(text);
    if (!address) return {};
    return fmt::format(
        "{}://{}",
        scheme,
        format_host_port(address->host, address->port == 0 ? 2379 : address->port));
}

Result<std::unique_ptr<PeerDiscovery>> make(Context context) {
    const Settings& settings = context.settings;
    Result<TlsOptions> tls = tls_options(context.tls);
    if (tls.has_error()) return std::move(tls).error();
    std::string scheme = settings.text("scheme");
    // As in RabbitMQ any TLS option asks for TLS.
    if (scheme.empty()) scheme = context.tls.said().empty() ? "http" : "https";
    EtcdOptions options{{}, settings.text("username"), settings.text("password")};
    std::vector<std::string> endpoints = settings.list("endpoints");
    if (settings.has("host"))
        endpoints.push_back(format_host_port(
            settings.text("host"), static_cast<std::uint16_t>(settings.integer("port"))));
    for (const std::string& text : endpoints) {
        std::optional<std::string> endpoint = endpoint_of(text, scheme);
        if (!endpoint)
            return Error{
                ErrorKind::invalid,
                fmt::format("{}: expected host:port, got '{}'", settings.key("endpoints.$"), text)};
        options.endpoints.push_back(*std::move(endpoint));
    }
    if (options.endpoints.empty())
        return Error{
            ErrorKind::invalid,
            fmt::format("{}: at least one is needed", settings.key("endpoints.1"))};
    HttpOptions http = http_options(context.formation, std::move(tls).value());
    return std::make_unique<Etcd>(context, std::move(options), std::move(http));
}

}  // namespace

const Mechanism& etcd_mechanism() {
    static constexpr Mechanism kMechanism{"etcd", {}, kSettings, kTlsWord, make};
    return kMechanism;
}

}  // namespace lvt::discovery
