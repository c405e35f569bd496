// dns: the candidates are the addresses of a name, called as their PTR records say; or host and port of SRV records.
#include "cluster/discovery/dns_resolver.h"
#include "cluster/discovery/node_name.h"
#include "cluster/discovery/registry.h"

#include <fmt/format.h>

#include <algorithm>

namespace lvt::discovery {
namespace {

constexpr SettingSpec kSettings[] = {
    {.name = "hostname"},
    {.name = "srv"},
    {.name = "servers", .kind = SettingKind::list},
    {.name = "timeout", .kind = SettingKind::integer, .fallback = "2000", .min = 1, .max = 60'000},
};

/// Names in DNS may end with a dot, those of nodes do not.
std::string_view without_dot(std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    return name;
}

class Dns final : public PeerDiscovery {
public:
    Dns(const Context& context, std::unique_ptr<DnsResolver> resolver)
        : self_(context.self),
          log_(context.log),
          host_name_(context.settings.text("hostname")),
          service_(context.settings.text("srv")),
          resolver_(std::move(resolver)) {}

    std::string_view name() const override { return "dns"; }

    DiscoveryResult<PeerList> list() override {
        return service_.empty() ? list_addresses() : list_services();
    }

    void cancel() override { resolver_->cancel(); }

private:
    static void add(PeerList& to, Candidate candidate) {
        if (std::ranges::find(to.candidates, candidate) == to.candidates.end())
            to.candidates.push_back(std::move(candidate));
    }

    DiscoveryResult<PeerList> list_addresses() {
        PeerList out;
        std::optional<DiscoveryError> fault;
        unsigned answered = 0;
        for (const bool v6 : {false, true}) {
            log_.log(
                LogLevel::debug,
                "peer discovery: dns: asking for {} of {}",
                v6 ? "AAAA" : "A",
                host_name_);
            DiscoveryResult<std::vector<std::string>> found = resolver_->addresses(host_name_, v6);
            if (found.has_error()) {
                if (found.error().failure == Failure::cancelled) return std::move(found).error();
                fault = std::move(found).error();
                continue;
            }
            ++answered;
            log_.log(
                LogLevel::debug,
                "peer discovery: dns: {} has {} {} records: {}",
                host_name_,
                found->size(),
                v6 ? "AAAA" : "A",
                fmt::join(*found, ", "));
            // Servers turn the order of an answer.
            std::ranges::sort(*found);
            for (const std::string& address : *found) {
                DiscoveryResult<Candidate> candidate = candidate_of(address);
                if (candidate.has_error()) return std::move(candidate).error();
                add(out, std::move(candidate).value());
            }
        }
        // One kind alone is an answer only if it holds something: what is missing may be in the other.
        if (fault && (answered == 0 || out.candidates.empty())) return *std::move(fault);
        return out;
    }

    DiscoveryResult<Candidate> candidate_of(const std::string& address) {
        Candidate out{.id = {}, .name = node_name_of(self_, address), .host = address};
        DiscoveryResult<std::vector<std::string>> names = resolver_->names(address);
        if (names.has_error()) {
            if (names.error().failure == Failure::cancelled) return std::move(names).error();
            log_.log(LogLevel::warning, "peer discovery: {}", names.error().message);
        } else if (names->empty()) {
            log_.log(
                LogLevel::warning,
                "peer discovery: dns: {} has no PTR record, it is called by its address",
                address);
        } else {
            std::ranges::sort(*names);
            out.name = node_name_of(self_, without_dot(names->front()));
        }
        return out;
    }

    DiscoveryResult<PeerList> list_services() {
        log_.log(LogLevel::debug, "peer discovery: dns: asking for SRV of {}", service_);
        DiscoveryResult<std::vector<DnsService>> found = resolver_->services(service_);
        if (found.has_error()) return std::move(found).error();
        PeerList out;
        for (const DnsService& one : *found) {
            const std::string target{without_dot(one.target)};
            log_.log(
                LogLevel::debug, "peer discovery: dns: {} is {}:{}", service_, target, one.port);
            // "." says: this service is not offered here.
            if (target.empty() || one.port == 0) continue;
            add(out,
                {.id = {}, .name = node_name_of(self_, target), .host = target, .port = one.port});
        }
        return out;
    }

    const Self self_;
    LogSink& log_;
    const std::string host_name_;
    const std::string service_;
    std::unique_ptr<DnsResolver> resolver_;
};

Result<std::unique_ptr<PeerDiscovery>> make(Context context) {
    const Settings& settings = context.settings;
    if (settings.has("hostname") == settings.has("srv"))
        return Error{
            ErrorKind::invalid,
            fmt::format(
                "{}: this or {} is needed, and not both",
                settings.key("hostname"),
                settings.key("srv"))};
    for (const std::string& server : settings.list("servers")) {
        const std::optional<HostPort> address = parse_host_port(server);
        if (!address || !is_address(address->host))
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}: expected ADDRESS or ADDRESS:PORT, got '{}'",
                    settings.key("servers.$"),
                    server)};
    }
    DiscoveryResult<std::unique_ptr<DnsResolver>> resolver = DnsResolver::make(
        {.servers = settings.list("servers"),
         .timeout = Milliseconds{settings.integer("timeout")}});
    if (resolver.has_error()) return Error{ErrorKind::invalid, resolver.error().message};
    return std::make_unique<Dns>(context, std::move(resolver).value());
}

}  // namespace

const Mechanism& dns_mechanism() {
    static constexpr Mechanism kMechanism{"dns", {}, kSettings, "", make};
    return kMechanism;
}

}  // namespace lvt::discovery
