#include "broker/app/management_server.h"

#include "broker/config/machine.h"
#include "broker/http/server.h"
#include "broker/management/management_api.h"
#include "broker/management/slice_queue.h"
#include "broker/net/socket_address.h"

#include <unistd.h>

#include <algorithm>

namespace lvt::broker {

namespace {

/// "[::1]:5672" taken apart.
ListeningAt listening_at(const std::string& name, const char* protocol) {
    const HostAndPort parts(name);
    return {protocol, std::string(parts.host), static_cast<std::uint16_t>(parts.port)};
}

ApiOptions api_options(const Config& config) {
    ApiOptions options;
    options.node_name = config.node_name;
    options.cluster_name = config.server.cluster_name;
    options.product = config.server.product;
    options.version = config.server.version;
    options.data_dir = config.data_dir.string();
    options.loopback_users = {config.loopback_users.begin(), config.loopback_users.end()};
    options.path_prefix = config.management.path_prefix;
    options.cors_origins = config.management.cors_origins;
    options.cors_max_age_s = config.management.cors_max_age_s;
    return options;
}

}  // namespace

ManagementServer::ManagementServer(Parts parts)
    : parts_(parts), started_(parts.clock.now().monotonic) {}

Result<std::unique_ptr<ManagementServer>> ManagementServer::bind(Parts parts) {
    std::unique_ptr<ManagementServer> server(new ManagementServer(parts));
    const auto& wanted = parts.config.management.listener;
    if (!wanted) return server;
    Result<std::shared_ptr<Listener>> listener =
        Listener::bind({wanted->host, wanted->port, 1024}, parts.loop, parts.clock, parts.log);
    if (listener.has_error())
        return Error{
            ErrorKind::invalid, fmt::format("management.tcp.port: {}", listener.error().message)};
    server->listener_ = std::move(*listener);
    return server;
}

ManagementServer::~ManagementServer() { stop(); }

void ManagementServer::open(ResourceWatch& watch, Hooks hooks) {
    CoreThread& thread = parts_.thread;
    caller_ = std::make_unique<AmqpCaller>(
        [&thread](CommandBatch batch) { thread.submit_inner(std::move(batch)); });
    slices_ = std::make_unique<SliceQueue>(
        [&thread](std::function<void()> slice) { thread.loop().post(std::move(slice)); });
    thread.set_inner_lane([this](EffectBatch& batch) { caller_->on_effects(batch); });
    const auto facts = [this, &watch, hooks = std::move(hooks)] {
        NodeFacts facts;
        for (const auto& listener : parts_.amqp_listeners)
            facts.listeners.push_back(
                listening_at(listener->name(), listener->tls() ? "amqp/ssl" : "amqp"));
        if (listener_) facts.listeners.push_back(listening_at(listener_->name(), "http"));
        if (const std::string name = hooks.prometheus_listener(); !name.empty())
            facts.listeners.push_back(listening_at(name, "http/prometheus"));
        facts.pid = ::getpid();
        facts.uptime_ms =
            static_cast<std::uint64_t>((parts_.clock.now().monotonic - started_).count());
        facts.memory_bytes = anonymous_memory_bytes();
        facts.memory_limit_bytes = watch.memory_limit_bytes();
        const Result<Volume> volume = volume_of(parts_.config.data_dir);
        facts.disk_free_bytes = volume.has_value() ? volume->free_bytes : 0;
        facts.disk_free_limit_bytes = watch.disk_free_limit_bytes();
        facts.files_open = open_files();
        facts.files_max = open_files_max();
        facts.processors = std::max(1u, std::thread::hardware_concurrency());
        facts.memory_alarm = watch.alarm().memory;
        facts.disk_alarm = watch.alarm().disk;
        facts.accepts_clients = hooks.accepts_clients();
        for (const TlsCertificate& one : hooks.certificates())
            facts.certificates.push_back({one.file.string(), one.not_after});
        return facts;
    };
    api_ = std::make_unique<ManagementApi>(
        Api{api_options(parts_.config),
            parts_.core,
            parts_.clock,
            parts_.log,
            random_,
            PidNames{parts_.config.node_name, 0},
            *caller_,
            [this](std::function<void()> slice) { slices_->add(std::move(slice)); },
            [&thread](AdminRequest request, std::function<void(AdminReply)> done) {
                thread.administer(std::move(request), std::move(done));
            },
            facts});
    http::ServerOptions options;
    options.body_bytes_max = parts_.config.management.body_bytes_max;
    server_ = std::make_unique<http::Server>(parts_.loop.context(), options, *api_);
}

void ManagementServer::start(FatalHandler on_fatal) {
    if (!listener_) return;
    parts_.loop.post([this] { listener_->start([this](int fd) { accept(fd); }); });
    thread_ = std::thread([this, on_fatal = std::move(on_fatal)] {
        run_guarded(parts_.loop, on_fatal);
        listener_->close();
        server_->close();
    });
}

void ManagementServer::accept(int fd) {
    const SocketEnd remote = remote_end(fd);
    server_->adopt(fd, {host_and_port(remote.address, remote.port), remote.loopback, false});
}

void ManagementServer::close_listener() {
    if (listener_) parts_.loop.post([listener = listener_] { listener->close(); });
}

void ManagementServer::stop() {
    parts_.loop.stop();
    if (thread_.joinable()) thread_.join();
}

std::vector<std::string> ManagementServer::names() const {
    std::vector<std::string> out;
    if (listener_) out.push_back(listener_->name());
    return out;
}

}  // namespace lvt::broker
