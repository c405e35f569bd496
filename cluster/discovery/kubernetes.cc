// k8s: the pods of a StatefulSet know each other's names from their own, without asking anybody (RabbitMQ 4.1); or the API server's endpoints of a
// service are read (RabbitMQ 3.7 to 4.0).
#include "cluster/discovery/http_client.h"
#include "cluster/discovery/json_access.h"
#include "cluster/discovery/node_name.h"
#include "cluster/discovery/ordinal.h"
#include "cluster/discovery/registry.h"

#include <boost/json/serialize.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace lvt::discovery {
namespace {

namespace json = boost::json;

constexpr std::string_view kAliases[] = {"kubernetes"};
constexpr std::string_view kTlsWord = "tls";

constexpr SettingSpec kSettings[] = {
    {.name = "method",
     .kind = SettingKind::choice,
     .fallback = "ordinal",
     .choices = "ordinal|endpoints"},
    {.name = "ordinal_start", .kind = SettingKind::integer, .fallback = "0", .max = 1'000'000},
    {.name = "seed_node"},
    {.name = "scheme",
     .kind = SettingKind::choice,
     .environment = "K8S_SCHEME",
     .fallback = "https",
     .choices = "http|https"},
    {.name = "host", .environment = "K8S_HOST", .fallback = "kubernetes.default.svc.cluster.local"},
    {.name = "port", .kind = SettingKind::port, .environment = "K8S_PORT", .fallback = "443"},
    {.name = "token_path",
     .environment = "K8S_TOKEN_PATH",
     .fallback = "/var/run/secrets/kubernetes.io/serviceaccount/token"},
    {.name = "cert_path",
     .environment = "K8S_CERT_PATH",
     .fallback = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"},
    {.name = "namespace_path",
     .environment = "K8S_NAMESPACE_PATH",
     .fallback = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"},
    {.name = "service_name", .environment = "K8S_SERVICE_NAME", .fallback = "rabbitmq"},
    {.name = "address_type",
     .kind = SettingKind::choice,
     .environment = "K8S_ADDRESS_TYPE",
     .fallback = "ip",
     .choices = "hostname|ip"},
    {.name = "hostname_suffix", .environment = "K8S_HOSTNAME_SUFFIX"},
};

/// The names of a StatefulSet's pods, from ordinal_start on.
class Ordinals final : public PeerDiscovery {
public:
    explicit Ordinals(PeerList list) : list_(std::move(list)) {}

    std::string_view name() const override { return "k8s"; }
    DiscoveryResult<PeerList> list() override { return list_; }
    /// Without a size hint the seed alone is known.
    bool reports_all_nodes() const override { return list_.expected_size.has_value(); }

private:
    const PeerList list_;
};

/// The addresses behind a service, as the API server knows them.
class Endpoints final : public PeerDiscovery {
public:
    Endpoints(const Context& context, HttpOptions http)
        : self_(context.self),
          settings_(context.settings),
          log_(context.log),
          clock_(context.clock),
          base_(fmt::format(
              "{}://{}", settings_.text("scheme"),
              format_host_port(
                  settings_.text("host"), static_cast<std::uint16_t>(settings_.integer("port"))))),
          http_(std::move(http), context.log) {}

    std::string_view name() const override { return "k8s"; }

    DiscoveryResult<PeerList> list() override {
        static constexpr std::string_view kWhat = "kubernetes: endpoints of the service";
        DiscoveryResult<HttpRequest> request = prepare(
            "GET", fmt::format("endpoints/{}", url_escaped(settings_.text("service_name"))));
        if (request.has_error()) return std::move(request).error();
        DiscoveryResult<HttpResponse> response = http_.perform(*request);
        if (response.has_error()) return std::move(response).error();
        if (!response->ok()) return fault_of(kWhat, *response);
        const std::optional<json::value> body = response->json();
        if (!body || text_of(*body, "kind") != "Endpoints") return nonsense(kWhat, *response);
        PeerList out;
        for (const json::value& subset : array_of(*body, "subsets"))
            for (const char* kind : {"addresses", "notReadyAddresses"})
                for (const json::value& address : array_of(subset, kind)) add(address, out);
        std::ranges::sort(out.candidates, {}, &Candidate::name);
        return out;
    }

    bool supports_registration() const override { return true; }

    /// Kubernetes knows its pods without being told: this tells the operator, by an event.
    DiscoveryResult<void> register_node() override {
        DiscoveryResult<HttpRequest> request = prepare("POST", "events/");
        if (request.has_error()) return std::move(request).error();
        const auto now = clock_.now().wall;
        // A pod's name is the first label of its host's.
        std::string host{name_host(self_.name)};
        host.resize(std::min(host.find('.'), host.size()));
        const std::string space = namespace_;
        request->headers.emplace_back("Content-Type", "application/json");
        request->body = json::serialize(json::object{
            {"apiVersion", "v1"},
            {"kind", "Event"},
            {"metadata",
             json::object{{"namespace", space}, {"name", fmt::format("{}.{}", host, now.count())}}},
            {"type", "Normal"},
            {"reason", "Created"},
            {"message", fmt::format("Node {} is registered", self_.name)},
            {"count", 1},
            {"lastTimestamp",
             fmt::format(
                 "{:%Y-%m-%dT%H:%M:%S}Z",
                 fmt::gmtime(std::chrono::duration_cast<std::chrono::seconds>(now).count()))},
            {"involvedObject",
             json::object{
                 {"apiVersion", "v1"},
                 {"kind", "RabbitMQ"},
                 {"name", "pod/" + host},
                 {"namespace", space}}},
            {"source",
             json::object{{"component", host + "/rabbitmq_peer_discovery"}, {"host", host}}}});
        DiscoveryResult<HttpResponse> response = http_.perform(*request);
        if (response.has_error()) return std::move(response).error();
        if (!response->ok()) return fault_of("kubernetes: event", *response);
        return {};
    }

    void cancel() override { http_.cancel(); }

private:
    void add(const json::value& address, PeerList& to) const {
        std::string host = text_of(address, settings_.text("address_type"));
        if (host.empty()) {
            log_.log(
                LogLevel::warning,
                "peer discovery: kubernetes: an endpoint without {}",
                settings_.text("address_type"));
            return;
        }
        host += settings_.text("hostname_suffix");
        // A pod's name is an address inside the cluster only with its suffix.
        Self long_named = self_;
        long_named.long_names = true;
        Candidate candidate{.id = {}, .name = node_name_of(long_named, host), .host = host};
        if (std::ranges::find(to.candidates, candidate) == to.candidates.end())
            to.candidates.push_back(std::move(candidate));
    }

    DiscoveryResult<std::string> content(std::string_view key) const {
        const std::string path = settings_.text(key);
        std::ifstream file{path};
        std::string text{std::istreambuf_iterator<char>{file}, {}};
        std::erase_if(text, [](char octet) { return octet == '\n' || octet == '\r'; });
        if (text.empty())
            return permanent(fmt::format(
                "kubernetes: {}: {} cannot be read or is empty", settings_.key(key), path));
        return text;
    }

    /// Tokens are turned over by Kubernetes: the files are read each time.
    DiscoveryResult<HttpRequest> prepare(std::string method, std::string_view path) {
        DiscoveryResult<std::string> token = content("token_path");
        if (token.has_error()) return std::move(token).error();
        DiscoveryResult<std::string> space = content("namespace_path");
        if (space.has_error()) return std::move(space).error();
        namespace_ = *space;
        return HttpRequest{
            .method = std::move(method),
            .url = fmt::format("{}/api/v1/namespaces/{}/{}", base_, url_escaped(*space), path),
            .headers = {{"Authorization", "Bearer " + *token}}};
    }

    const Self self_;
    const Settings settings_;
    LogSink& log_;
    const Clock& clock_;
    const std::string base_;
    HttpClient http_;
    std::string namespace_;
};

Result<std::unique_ptr<PeerDiscovery>> make_endpoints(Context context) {
    Result<TlsOptions> tls = tls_options(context.tls);
    if (tls.has_error()) return std::move(tls).error();
    if (tls->ca_file.empty() && context.settings.text("scheme") == "https")
        tls->ca_file = context.settings.text("cert_path");
    HttpOptions http = http_options(context.formation, std::move(tls).value());
    return std::make_unique<Endpoints>(context, std::move(http));
}

Result<std::unique_ptr<PeerDiscovery>> make(Context context) {
    const Settings& settings = context.settings;
    if (settings.text("method") == "endpoints") return make_endpoints(std::move(context));
    for (const std::string& name : settings.said())
        if (name != "method" && name != "ordinal_start" && name != "seed_node")
            context.log.log(
                LogLevel::warning,
                "peer discovery: {} has no effect without {} = endpoints",
                settings.key(name),
                settings.key("method"));
    PeerList out;
    const std::int64_t start = settings.integer("ordinal_start");
    const std::string seed = settings.has("seed_node") ? settings.text("seed_node")
                                                       : with_ordinal(context.self.name, start);
    const std::optional<Candidate> first = parse_candidate(seed, context.self);
    if (seed.empty() || !first)
        return Error{
            ErrorKind::invalid,
            fmt::format(
                "{}: '{}' is no name of a StatefulSet's pod (rabbit@NAME-0...): say the seed here",
                settings.key("seed_node"),
                settings.has("seed_node") ? seed : context.self.name)};
    out.candidates.push_back(*first);
    out.seed = 0;
    const std::int64_t size = context.formation.integer("target_cluster_size_hint");
    for (std::int64_t i = 0; i < size; ++i) {
        const std::string name = with_ordinal(context.self.name, start + i);
        const std::optional<Candidate> one = parse_candidate(name, context.self);
        if (one && std::ranges::find(out.candidates, *one) == out.candidates.end())
            out.candidates.push_back(*one);
    }
    if (size > 0) out.expected_size = static_cast<std::uint32_t>(size);
    return std::make_unique<Ordinals>(std::move(out));
}

}  // namespace

const Mechanism& kubernetes_mechanism() {
    static constexpr Mechanism kMechanism{"k8s", kAliases, kSettings, kTlsWord, make};
    return kMechanism;
}

}  // namespace lvt::discovery
