// marathon: the candidates are the running tasks of this node's own app, as Marathon (of Mesos or DC/OS) knows them.
#include "cluster/discovery/dcos_login.h"
#include "cluster/discovery/json_access.h"
#include "cluster/discovery/node_name.h"
#include "cluster/discovery/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace lvt::discovery {
namespace {

namespace json = boost::json;

constexpr std::string_view kAliases[] = {"dcos"};
constexpr std::string_view kTlsWord = "tls";
constexpr const char* kDefaultEndpoint = "http://marathon.mesos:8080";

constexpr SettingSpec kSettings[] = {
    {.name = "endpoints", .kind = SettingKind::list, .environment = "MARATHON_ENDPOINTS"},
    {.name = "path_prefix"},
    {.name = "app_id", .environment = "MARATHON_APP_ID"},
    {.name = "address_source",
     .kind = SettingKind::choice,
     .fallback = "host",
     .choices = "host|container_ip|autoip"},
    {.name = "port_name"},
    {.name = "port_index", .kind = SettingKind::integer, .max = 1000},
    {.name = "static_port", .kind = SettingKind::port},
    {.name = "include_unhealthy", .kind = SettingKind::boolean, .fallback = "true"},
    {.name = "username"},
    {.name = "password", .secret = true},
    {.name = "dcos_credential", .environment = "DCOS_SERVICE_ACCOUNT_CREDENTIAL", .secret = true},
    {.name = "dcos_credential_file"},
};

class Marathon final : public PeerDiscovery {
public:
    Marathon(
        Context context, std::vector<std::string> endpoints, std::optional<DcosAccount> account,
        HttpOptions http)
        : self_(context.self),
          settings_(context.settings),
          log_(context.log),
          clock_(context.clock),
          endpoints_(std::move(endpoints)),
          account_(std::move(account)),
          http_(std::move(http), context.log),
          app_id_(settings_.text("app_id")) {
        while (app_id_.starts_with('/')) app_id_.erase(0, 1);
        while (app_id_.ends_with('/')) app_id_.pop_back();
    }

    std::string_view name() const override { return "marathon"; }

    DiscoveryResult<PeerList> list() override {
        DiscoveryResult<json::value> answer = ask("");
        if (answer.has_error()) return std::move(answer).error();
        const json::value* const app = member(*answer, "app");
        const std::optional<std::int64_t> instances =
            app ? number_of(*app, "instances") : std::nullopt;
        if (!instances) return transient("marathon: the answer describes no app");
        DiscoveryResult<std::size_t> port = port_index(*app);
        if (port.has_error()) return std::move(port).error();
        DiscoveryResult<json::value> tasks = ask("/tasks");
        if (tasks.has_error()) return std::move(tasks).error();
        if (!member(*tasks, "tasks")) return transient("marathon: the answer lists no tasks");
        PeerList out;
        for (const json::value& task : array_of(*tasks, "tasks")) add(task, *port, out);
        std::ranges::sort(
            out.candidates, {}, [](const Candidate& one) { return std::tie(one.host, one.port); });
        // While a version replaces another, both run; the app's size is what is wanted of it all the same.
        if (*instances > 0) out.expected_size = static_cast<std::uint32_t>(*instances);
        return out;
    }

    void cancel() override { http_.cancel(); }

private:
    /// One endpoint after the other until one answers: each Marathon hands over to its leader.
    DiscoveryResult<json::value> ask(std::string_view below) {
        DiscoveryResult<HttpResponse> response = ask_any(below);
        if (response.has_value() && response->status == 401 && account_) {
            token_.clear();
            response = ask_any(below);
        }
        if (response.has_error()) return std::move(response).error();
        const std::string what = fmt::format("marathon: app /{}{}", app_id_, below);
        if (!response->ok()) return fault_of(what, *response);
        std::optional<json::value> body = response->json();
        if (!body) return nonsense(what, *response);
        return *std::move(body);
    }

    DiscoveryResult<HttpResponse> ask_any(std::string_view below) {
        if (account_ && token_.empty()) {
            DiscoveryResult<std::string> token = dcos_login(*account_, http_, clock_);
            if (token.has_error()) return std::move(token).error();
            token_ = std::move(token).value();
        }
        DiscoveryResult<HttpResponse> last = transient("marathon: no endpoint");
        for (std::size_t i = 0; i < endpoints_.size(); ++i) {
            HttpRequest request{
                .url = fmt::format(
                    "{}{}/v2/apps/{}{}",
                    endpoints_[i],
                    settings_.text("path_prefix"),
                    app_id_,
                    below),
                .headers = {{"Accept", "application/json"}},
                .user = settings_.text("username"),
                .password = settings_.text("password")};
            if (!token_.empty()) request.headers.emplace_back("Authorization", "token=" + token_);
            last = http_.perform(request);
            const bool unwell =
                last.has_error() ? last.error().failure != Failure::cancelled : last->status >= 500;
            if (unwell && i + 1 < endpoints_.size()) continue;
            if (!unwell)
                std::rotate(
                    endpoints_.begin(),
                    endpoints_.begin() + static_cast<std::ptrdiff_t>(i),
                    endpoints_.end());
            return last;
        }
        return last;
    }

    /// Which of a task's ports is the peers': by name, by number, else the first.
    DiscoveryResult<std::size_t> port_index(const json::value& app) const {
        const std::string wanted = settings_.text("port_name");
        if (wanted.empty()) return static_cast<std::size_t>(settings_.integer("port_index"));
        const json::value* const container = member(app, "container");
        const json::value* const docker = container ? member(*container, "docker") : nullptr;
        for (const json::array* ports :
             {&array_of(app, "portDefinitions"),
              &array_of(container ? *container : app, "portMappings"),
              &array_of(docker ? *docker : app, "portMappings")})
            for (std::size_t i = 0; i < ports->size(); ++i)
                if (text_of((*ports)[i], "name") == wanted) return i;
        return permanent(fmt::format(
            "marathon: {}: app /{} has no port named '{}'",
            settings_.key("port_name"),
            app_id_,
            wanted));
    }

    static bool is_alive(const json::value& task) {
        return std::ranges::none_of(
            array_of(task, "healthCheckResults"), [](const json::value& result) {
                const json::value* const alive = member(result, "alive");
                return alive && alive->is_bool() && !alive->as_bool();
            });
    }

    std::string host_of(const json::value& task) const {
        const std::string source = settings_.text("address_source");
        if (source == "host") return text_of(task, "host");
        if (source == "container_ip") {
            const json::array& addresses = array_of(task, "ipAddresses");
            return addresses.empty() ? std::string{} : text_of(addresses.front(), "ipAddress");
        }
        // "/path/app" is app-path in DC/OS' names of tasks.
        std::string name = app_id_;
        std::string turned;
        while (!name.empty()) {
            const std::size_t slash = name.rfind('/');
            turned += (turned.empty() ? "" : "-") +
                      name.substr(slash == std::string::npos ? 0 : slash + 1);
            name.resize(slash == std::string::npos ? 0 : slash);
        }
        return turned + ".marathon.autoip.dcos.thisdcos.directory";
    }

    void add(const json::value& task, std::size_t port, PeerList& to) const {
        const std::string id = text_of(task, "id");
        const std::string state = text_of(task, "state");
        if (!state.empty() && state != "TASK_RUNNING") {
            log_.log(LogLevel::debug, "peer discovery: marathon: {} is {}", id, state);
            return;
        }
        if (!settings_.boolean("include_unhealthy") && !is_alive(task)) return;
        Candidate out{.id = {}, .name = {}, .host = host_of(task)};
        const json::array& ports = array_of(task, "ports");
        if (settings_.has("static_port"))
            out.port = static_cast<std::uint16_t>(settings_.integer("static_port"));
        else if (port < ports.size())
            out.port = static_cast<std::uint16_t>(number_of(ports[port]).value_or(0));
        if (out.host.empty() || out.port == 0) {
            log_.log(
                LogLevel::warning,
                "peer discovery: marathon: {} has no {}",
                id,
                out.host.empty() ? "address" : "such port");
            return;
        }
        // Two tasks of one agent have the same host: the port tells them apart, as in the nodes' own names.
        out.name = node_name_of(self_, out.host) + fmt::format(":{}", out.port);
        if (std::ranges::find(to.candidates, out) == to.candidates.end())
            to.candidates.push_back(std::move(out));
    }

    const Self self_;
    const Settings settings_;
    LogSink& log_;
    const Clock& clock_;
    std::vector<std::string> endpoints_;
    const std::optional<DcosAccount> account_;
    HttpClient http_;
    std::string app_id_;
    std::string token_;
};

Result<std::optional<DcosAccount>> account_of(const Settings& settings) {
    std::string text = settings.text("dcos_credential");
    std::string key = settings.key("dcos_credential");
    if (const std::string path = settings.text("dcos_credential_file"); !path.empty()) {
        key = settings.key("dcos_credential_file");
        std::ifstream file{path};
        text.assign(std::istreambuf_iterator<char>{file}, {});
        if (text.empty())
            return Error{
                ErrorKind::invalid, fmt::format("{}: {} cannot be read or is empty", key, path)};
    }
    if (text.empty()) return std::optional<DcosAccount>{};
    Result<DcosAccount> account = parse_dcos_account(text);
    if (account.has_error())
        return Error{ErrorKind::invalid, fmt::format("{}: {}", key, account.error().message)};
    return std::optional<DcosAccount>{std::move(account).value()};
}

Result<std::unique_ptr<PeerDiscovery>> make(Context context) {
    const Settings& settings = context.settings;
    if (settings.text("app_id").find_first_not_of('/') == std::string::npos)
        return Error{
            ErrorKind::invalid,
            fmt::format("{}: needed where MARATHON_APP_ID is not set", settings.key("app_id"))};
    std::vector<std::string> endpoints = settings.list("endpoints");
    if (endpoints.empty()) endpoints.emplace_back(kDefaultEndpoint);
    for (std::string& endpoint : endpoints) {
        if (!endpoint.starts_with("http://") && !endpoint.starts_with("https://"))
            return Error{
                ErrorKind::invalid,
                fmt::format("{}: expected a URL, got '{}'", settings.key("endpoints.$"), endpoint)};
        while (endpoint.ends_with('/')) endpoint.pop_back();
    }
    Result<std::optional<DcosAccount>> account = account_of(settings);
    if (account.has_error()) return std::move(account).error();
    Result<TlsOptions> tls = tls_options(context.tls);
    if (tls.has_error()) return std::move(tls).error();
    HttpOptions http = http_options(context.formation, std::move(tls).value());
    return std::make_unique<Marathon>(
        std::move(context), std::move(endpoints), std::move(account).value(), std::move(http));
}

}  // namespace

const Mechanism& marathon_mechanism() {
    static constexpr Mechanism kMechanism{"marathon", kAliases, kSettings, kTlsWord, make};
    return kMechanism;
}

}  // namespace lvt::discovery
