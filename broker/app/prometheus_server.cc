#include "broker/app/prometheus_server.h"

#include "broker/app/cluster_server.h"
#include "broker/config/machine.h"
#include "broker/http/path.h"
#include "broker/http/server.h"
#include "broker/management/global_parameters.h"
#include "broker/metrics/scrape.h"
#include "broker/net/socket_address.h"

#include <atomic>

namespace lvt::broker {

namespace {

/// Scrapes of single objects can be large; nobody needs many of them at once.
constexpr int kScrapesMax = 4;
constexpr const char* kText = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::int64_t kMillisecondsInASecond = 1000;

http::Response plain(unsigned status, std::string text) {
    return {status, {}, "text/plain; charset=utf-8", std::move(text)};
}

}  // namespace

class PrometheusServer::Handler final : public http::Handler {
public:
    explicit Handler(Parts parts) : parts_(std::move(parts)), started_(parts_.clock.now()) {}

    void handle(http::Request request, http::Respond respond) override {
        if (request.verb != http::Verb::get && request.verb != http::Verb::head)
            return respond([] { return plain(405, "Only GET is answered here\n"); });
        auto wanted = parse(request.target);
        if (!wanted) return respond([] { return plain(404, "Not Found\n"); });
        if (++under_way_ > kScrapesMax) {
            --under_way_;
            return respond([] { return plain(503, "Too many scrapes at once\n"); });
        }
        auto facts = std::make_shared<ScrapeFacts>(measure());
        parts_.thread.loop().post(
            [this, facts, wanted = std::move(*wanted), respond = std::move(respond)] {
                begin(wanted, std::move(*facts), respond);
            });
    }

private:
    std::optional<ScrapeRequest> parse(std::string_view target) const {
        const std::string_view path = target.substr(0, target.find('?'));
        const std::string& root = parts_.config.prometheus.path;
        ScrapeRequest request;
        if (path == root || (root.empty() && path == "/")) {
            if (parts_.config.prometheus.per_object) request.kind = ScrapeRequest::Kind::per_object;
        } else if (path == root + "/per-object") {
            request.kind = ScrapeRequest::Kind::per_object;
        } else if (path == root + "/detailed") {
            request.kind = ScrapeRequest::Kind::detailed;
            const http::Query query(target);
            request.groups = query.all("family");
            request.vhosts = query.all("vhost");
        } else {
            return std::nullopt;
        }
        return request;
    }

    /// What may be looked at on this thread.
    ScrapeFacts measure() const {
        const Config& config = parts_.config;
        const Time now = parts_.clock.now();
        ScrapeFacts facts;
        facts.node_name = config.node_name;
        facts.cluster_name =
            config.server.cluster_name.empty() ? config.node_name : config.server.cluster_name;
        facts.product_name = config.server.product;
        facts.product_version = config.server.version;
        facts.rabbitmq_version = config.server.version;
        facts.started_at_s = started_.wall.count() / kMillisecondsInASecond;
        facts.uptime_s = (now.monotonic - started_.monotonic).count() / kMillisecondsInASecond;
        facts.memory_bytes = anonymous_memory_bytes();
        const Result<Volume> volume = volume_of(config.data_dir);
        facts.disk_free_bytes = volume.has_value() ? volume->free_bytes : 0;
        facts.open_files = open_files();
        facts.open_files_max = open_files_max();
        const std::optional<ClusterStatus> cluster = parts_.cluster();
        if (!cluster) return facts;
        facts.cluster_id = cluster->cluster_id;
        for (const ClusterStatus::Node& one : cluster->nodes)
            if (!one.running) ++facts.unreachable_peers;
        return facts;
    }

    // The core's thread from here on.

    void begin(const ScrapeRequest& request, ScrapeFacts facts, const http::Respond& respond) {
        facts.memory_limit_bytes = parts_.watch.memory_limit_bytes();
        facts.disk_free_limit_bytes = parts_.watch.disk_free_limit_bytes();
        facts.alarm = parts_.watch.alarm();
        facts.cluster_name = cluster_name(parts_.core.topology(), facts.cluster_name);
        go_on(
            std::make_shared<Scrape>(
                parts_.core,
                request,
                std::move(facts),
                [this](std::uint64_t number) { return parts_.pids.session(number); },
                told_),
            respond);
    }

    void go_on(const std::shared_ptr<Scrape>& scrape, const http::Respond& respond) {
        if (scrape->resume()) {
            parts_.thread.loop().post([this, scrape, respond] { go_on(scrape, respond); });
            return;
        }
        --under_way_;
        respond([scrape] { return http::Response{200, {}, kText, std::move(*scrape).text()}; });
    }

    Parts parts_;
    Time started_;
    std::atomic<int> under_way_{0};
    ToldCounters told_;  // the core's thread
};

PrometheusServer::PrometheusServer() = default;

PrometheusServer::~PrometheusServer() { stop(); }

Result<std::unique_ptr<PrometheusServer>> PrometheusServer::bind(
    const Config& config, const Clock& clock, LogSink& log) {
    const ListenAddress& wanted = *config.prometheus.listener;
    std::unique_ptr<PrometheusServer> server(new PrometheusServer);
    Result<std::shared_ptr<Listener>> listener =
        Listener::bind({wanted.host, wanted.port}, server->loop_, clock, log);
    if (listener.has_error())
        return Error{
            ErrorKind::invalid, fmt::format("prometheus.tcp.port: {}", listener.error().message)};
    server->listener_ = std::move(*listener);
    return server;
}

void PrometheusServer::start(Parts parts, FatalHandler on_fatal) {
    handler_ = std::make_unique<Handler>(std::move(parts));
    http::ServerOptions options;
    constexpr std::size_t kConnectionsMax = 64;
    options.connections_max = kConnectionsMax;
    options.body_bytes_max = 0;
    server_ = std::make_unique<http::Server>(loop_.context(), options, *handler_);
    loop_.post([this] {
        listener_->start([this](int fd) {
            const SocketEnd remote = remote_end(fd);
            server_->adopt(
                fd, {host_and_port(remote.address, remote.port), remote.loopback, false});
        });
    });
    thread_ = std::thread([this, on_fatal = std::move(on_fatal)] {
        run_guarded(loop_, on_fatal);
        listener_->close();
        server_->close();
    });
}

void PrometheusServer::stop() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
}

}  // namespace lvt::broker
