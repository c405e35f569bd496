#include "broker/app/management_server.h"

#include "broker/app/cluster_listing.h"
#include "broker/config/machine.h"
#include "broker/http/server.h"
#include "broker/management/management_api.h"
#include "broker/management/node_facts.h"
#include "broker/management/slice_queue.h"
#include "broker/net/socket_address.h"

#include <unistd.h>

#include <algorithm>

namespace lvt::broker {

namespace {

/// Under way at once, about 50 KB each.
constexpr std::size_t kHandshakesMax = 256;

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
    : parts_(parts),
      started_(parts.clock.now().monotonic),
      admission_(parts.config.pre_login_connections_max, parts.clock, parts.log) {}

Result<std::unique_ptr<ManagementServer>> ManagementServer::bind(Parts parts) {
    std::unique_ptr<ManagementServer> server(new ManagementServer(parts));
    const ManagementConfig& config = parts.config.management;
    LVT_TRY(server->bind(config.listener, false));
    LVT_TRY(server->bind(config.tls_listener, true));
    if (!config.tls_listener) return server;
    Result<std::shared_ptr<TlsContext>> tls = TlsContext::load(config.tls, parts.clock, parts.log);
    if (tls.has_error()) return tls.error();
    server->tls_ = std::move(*tls);
    return server;
}

Result<void> ManagementServer::bind(const std::optional<ListenAddress>& address, bool tls) {
    if (!address) return {};
    Result<std::shared_ptr<Listener>> listener = Listener::bind(
        {address->host, address->port, 1024, tls}, parts_.loop, parts_.clock, parts_.log);
    if (listener.has_error())
        return Error{
            ErrorKind::invalid,
            fmt::format("management.{}.port: {}", tls ? "ssl" : "tcp", listener.error().message)};
    listeners_.push_back(std::move(*listener));
    return {};
}

ManagementServer::~ManagementServer() { stop(); }

void ManagementServer::open(ResourceWatch& watch, Hooks hooks) {
    watch_ = &watch;
    hooks_ = std::move(hooks);
    CoreThread& thread = parts_.thread;
    caller_ = std::make_unique<AmqpCaller>(
        [&thread](CommandBatch batch) { thread.submit_inner(std::move(batch)); });
    slices_ = std::make_unique<SliceQueue>(
        [&thread](std::function<void()> slice) { thread.loop().post(std::move(slice)); });
    thread.set_inner_lane([this](EffectBatch& batch) { caller_->on_effects(batch); });
    api_ = std::make_unique<ManagementApi>(Api{
        api_options(parts_.config),
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
        [this] { return node_facts(); },
        [this] { return cluster_members(hooks_.cluster(), parts_.config.node_name, told_facts()); },
        hooks_.members});
    http::ServerOptions options;
    options.body_bytes_max = parts_.config.management.body_bytes_max;
    server_ = std::make_unique<http::Server>(parts_.loop.context(), options, *api_);
    owners_server_ = std::make_unique<http::Server>(parts_.loop.context(), options, *api_);
}

ToldFacts ManagementServer::told_facts() const {
    return {node_facts(), parts_.config.server.product, parts_.config.server.version};
}

NodeFacts ManagementServer::node_facts() const {
    NodeFacts facts;
    for (const auto& listener : parts_.amqp_listeners)
        facts.listeners.push_back(
            listening_at(listener->name(), listener->tls() ? "amqp/ssl" : "amqp"));
    for (const auto& listener : listeners_)
        facts.listeners.push_back(
            listening_at(listener->name(), listener->tls() ? "https" : "http"));
    if (const std::string name = hooks_.prometheus_listener(); !name.empty())
        facts.listeners.push_back(listening_at(name, "http/prometheus"));
    if (const auto cluster = hooks_.cluster(); cluster && !cluster->listener.empty())
        facts.listeners.push_back(listening_at(cluster->listener, "clustering"));
    facts.pid = ::getpid();
    facts.uptime_ms = static_cast<std::uint64_t>((parts_.clock.now().monotonic - started_).count());
    facts.memory_bytes = anonymous_memory_bytes();
    facts.memory_limit_bytes = watch_->memory_limit_bytes();
    const Result<Volume> volume = volume_of(parts_.config.data_dir);
    facts.disk_free_bytes = volume.has_value() ? volume->free_bytes : 0;
    facts.disk_free_limit_bytes = watch_->disk_free_limit_bytes();
    facts.files_open = open_files();
    facts.files_max = open_files_max();
    facts.processors = std::max(1u, std::thread::hardware_concurrency());
    facts.memory_alarm = watch_->alarm().memory;
    facts.disk_alarm = watch_->alarm().disk;
    facts.accepts_clients = hooks_.accepts_clients();
    for (const TlsCertificate& one : hooks_.certificates())
        facts.certificates.push_back({one.file.string(), one.not_after});
    if (!tls_) return facts;
    for (const TlsCertificate& one : tls_->certificates())
        facts.certificates.push_back({one.file.string(), one.not_after});
    return facts;
}

void ManagementServer::start(bool otherwise, FatalHandler on_fatal) {
    if (listeners_.empty() && !otherwise) return;
    if (tls_) {
        handshakes_ = std::make_unique<HandshakeThread>(
            HandshakeOptions{
                .timeout = parts_.config.tls_handshake_timeout, .begun_max = kHandshakesMax},
            admission_,
            parts_.clock,
            parts_.log,
            on_fatal);
        handshakes_->start([this](Arrival arrival) {
            // What is posted must be copyable.
            auto shared = std::make_shared<Arrival>(std::move(arrival));
            parts_.loop.post([this, shared] { adopt(std::move(*shared)); });
        });
    }
    parts_.loop.post([this] {
        for (const auto& listener : listeners_)
            listener->start([this, from = listener.get()](int fd) { accept(*from, fd); });
    });
    thread_ = std::thread([this, on_fatal = std::move(on_fatal)] {
        run_guarded(parts_.loop, on_fatal);
        for (const auto& listener : listeners_) listener->close();
        server_->close();
        owners_server_->close();
    });
}

void ManagementServer::accept(const Listener& listener, int fd) {
    Arrival arrival;
    arrival.socket = OwnedFd(fd);
    arrival.remote = remote_end(fd);
    if (!listener.tls()) return adopt(std::move(arrival));
    auto admission = admission_.admit(arrival.remote.address);
    if (!admission) return;
    arrival.admission = std::move(*admission);
    handshakes_->take(std::move(arrival), false, tls_);
}

void ManagementServer::adopt(Arrival arrival) {
    const SocketEnd& remote = arrival.remote;
    server_->adopt(
        arrival.socket.release(),
        {host_and_port(remote.address, remote.port), remote.loopback, false},
        arrival.tls ? arrival.tls->release().release() : nullptr);
}

void ManagementServer::adopt_owner(OwnedFd socket) {
    // What is posted must be copyable.
    auto shared = std::make_shared<OwnedFd>(std::move(socket));
    parts_.loop.post([this, shared] {
        owners_server_->adopt(shared->release(), {"control socket", true, true});
    });
}

void ManagementServer::answer_member(
    MemberRequest request, std::function<void(unsigned status, std::string body)> done) {
    api_->answer_member(
        std::move(request), [this, done = std::move(done)](http::MakeResponse make) {
            parts_.loop.post([done, make = std::move(make)] {
                http::Response response = make();
                done(response.status, std::move(response.body));
            });
        });
}

void ManagementServer::close_listeners() {
    parts_.loop.post([listeners = listeners_] {
        for (const auto& listener : listeners) listener->close();
    });
    if (handshakes_) handshakes_->drop_all();
}

void ManagementServer::stop() {
    if (handshakes_) handshakes_->stop_and_join();
    parts_.loop.stop();
    if (thread_.joinable()) thread_.join();
}

std::vector<std::string> ManagementServer::urls() const {
    std::vector<std::string> out;
    for (const auto& listener : listeners_)
        out.push_back((listener->tls() ? "https://" : "http://") + listener->name());
    return out;
}

}  // namespace lvt::broker
