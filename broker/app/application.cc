#include "broker/app/application.h"

#include "broker/app/broker_control.h"
#include "broker/app/cluster_server.h"
#include "broker/app/durable_storage.h"
#include "broker/app/management_server.h"
#include "broker/app/node_reset.h"
#include "broker/app/prometheus_server.h"
#include "broker/config/text_file.h"
#include "broker/management/definitions.h"
#include "broker/management/global_parameters.h"
#include "protocol/base/assert.h"

#include <algorithm>
#include <cctype>
#include <chrono>

namespace lvt::broker {

namespace {

constexpr std::size_t kDefinitionsBytesMax = 256 * 1024 * 1024;

CoreOptions core_options(const Config& config, const Budgets& budgets) {
    CoreOptions options;
    options.durable = !config.data_dir.empty();
    options.default_user = config.default_user.name;
    options.default_pass = config.default_user.password;
    // Definitions bring their own.
    if (config.load_definitions.empty())
        options.default_vhost = config.default_user.vhost;
    else
        options.default_vhost.clear();
    options.default_user_tags = config.default_user.tags;
    options.default_configure = config.default_user.configure;
    options.default_write = config.default_user.write;
    options.default_read = config.default_user.read;
    options.loopback_users = {config.loopback_users.begin(), config.loopback_users.end()};
    options.close_barrier = config.close_barrier;
    options.slow_start_window = config.slow_start.enabled ? config.slow_start.initial_window : 0;
    options.slow_start_interval = config.slow_start.interval;
    options.poison_returns_max = config.poison_max_returns;
    options.blocked_nack_after = config.blocked_nack_after;
    options.resident_bytes_max = budgets.resident_bytes_max;
    options.unsynced_bytes_max = budgets.unsynced_bytes_max;
    options.unacked_bytes_max = budgets.unacked_bytes_max;
    return options;
}

SessionOptions session_options(const Config& config) {
    SessionOptions options;
    options.product = config.server.product;
    options.version = config.server.version;
    options.cluster_name =
        config.server.cluster_name.empty() ? config.node_name : config.server.cluster_name;
    options.channel_max = config.channel_max;
    options.frame_max = config.frame_max;
    options.heartbeat_s = config.heartbeat_s;
    options.initial_frame_max = config.initial_frame_max;
    options.max_message_size = config.max_message_size;
    options.handshake_timeout = config.handshake_timeout;
    options.login_failure_delay = config.login_failure_delay;
    options.mechanisms = {config.auth_mechanisms.begin(), config.auth_mechanisms.end()};
    return options;
}

LaneOptions lane_options(const Config& config, LaneIndex index) {
    LaneOptions options;
    options.index = index;
    options.on_core_thread = config.io_threads == 0;
    options.session = session_options(config);
    options.socket.nodelay = config.tcp.nodelay;
    options.socket.sndbuf = config.tcp.sndbuf;
    options.socket.recbuf = config.tcp.recbuf;
    options.socket.user_timeout = config.tcp_user_timeout;
    return options;
}

/// The configuration's name of the n-th listener: the n-th key with that prefix that was set.
std::string listener_key(const Config& config, const std::string& prefix, std::size_t index) {
    std::vector<std::string> keys;
    for (const Setting& setting : config.settings)
        if (setting.key.starts_with(prefix)) keys.push_back(setting.key);
    return index < keys.size() ? keys[index] : fmt::format("{}{}", prefix, index + 1);
}

}  // namespace

Application::Application(ApplicationOptions options)
    : options_(std::move(options)),
      log_(*options_.log),
      refusals_(log_),
      app_wanted_(!options_.app_stopped) {}

Application::~Application() { stop(); }

Result<std::unique_ptr<Application>> Application::start(ApplicationOptions options) {
    std::unique_ptr<Application> application(new Application(std::move(options)));
    LVT_TRY(application->build());
    return application;
}

Result<void> Application::build() {
    const Config& config = options_.config;
    const std::size_t lanes = std::max(1u, config.io_threads);
    LVT_TRY(finish_reset(config.data_dir, log_));
    Result<Budgets> budgets = measure_budgets(config);
    if (budgets.has_error()) return std::move(budgets).error();
    budgets_ = std::move(*budgets);
    try {
        core_ = std::make_unique<Core>(core_options(config, budgets_), lanes + 1, random_, log_);
        core_thread_ = std::make_unique<CoreThread>(
            *core_, clock_, [this](Error error) { fail(std::move(error)); });
        LVT_TRY(make_entrance());
        // Bound first: a port that is taken shall not cost a recovery.
        LVT_TRY(bind_listeners());
        LVT_TRY(open_store());
        make_lanes();
        if (cluster_) {
            core_thread_->set_cluster(
                {[this](std::vector<PeerBatch>& batches) { send_batches(batches); },
                 [this](std::vector<ProposalRequest>& proposals) {
                     cluster_->propose(std::move(proposals));
                 },
                 [this](std::uint64_t ticket) { cluster_->stored(ticket); },
                 [this] { cluster_->checkpoint(); }});
        }
        management_->open(
            *watch_,
            {[this] { return accepting_; },
             [this] { return prometheus_listener(); },
             [this] { return tls_ ? tls_->certificates() : std::vector<TlsCertificate>{}; },
             [this] { return cluster_status(); },
             members()});
        LVT_TRY(open_control());
        if (!cluster_) LVT_TRY(load_definitions());
        run();
    } catch (const std::exception& failure) {
        return Error{ErrorKind::io, fmt::format("cannot start: {}", failure.what())};
    }
    return {};
}

Result<void> Application::open_store() {
    storage::Lsn last;
    if (!options_.config.data_dir.empty()) {
        store_ = make_durable_store(budgets_.store, log_);
        core_thread_->set_store(*store_);
        if (cluster_) core_->set_node(cluster_->node());
        const Result<storage::Lsn> found = store_->recover(core_->recovery());
        if (found.has_error()) return found.error();
        last = *found;
    }
    LVT_TRY(core_->finish_recovery(last, clock_.now()));
    LVT_TRY(check_definitions());
    if (cluster_) LVT_TRY(cluster_->restore(core_->take_group_log()));
    if (store_) LVT_TRY(store_->start(core_thread_->store_events()));
    return {};
}

Result<void> Application::make_entrance() {
    const Config& config = options_.config;
    admission_ = std::make_unique<AdmissionControl>(config.pre_login_connections_max, clock_, log_);
    if (!config.tls_listeners.empty()) {
        Result<std::shared_ptr<TlsContext>> context = TlsContext::load(config.tls, clock_, log_);
        if (context.has_error()) return context.error();
        tls_ = std::move(*context);
    }
    if (!tls_ && !config.proxy_protocol) return {};
    handshakes_ = std::make_unique<HandshakeThread>(
        HandshakeOptions{
            .timeout = config.tls_handshake_timeout, .login = config.certificate_login},
        *admission_,
        clock_,
        log_,
        [this](Error error) { fail(std::move(error)); });
    return {};
}

Result<void> Application::bind_listeners() {
    LVT_TRY(bind(options_.config.listeners, false));
    LVT_TRY(bind(options_.config.tls_listeners, true));
    Result<std::unique_ptr<ManagementServer>> management = ManagementServer::bind(
        {options_.config, *core_, *core_thread_, http_loop_, clock_, log_, listeners_});
    if (management.has_error()) return management.error();
    management_ = std::move(*management);
    if (ClusterServer::is_wanted(options_.config)) {
        auto cluster = ClusterServer::open(options_.config, clock_, log_);
        if (cluster.has_error()) return std::move(cluster).error();
        cluster_ = std::move(*cluster);
        // With its port, where that is not everybody's.
        options_.config.node_name = cluster_->status().self;
    }
    if (!options_.config.prometheus.listener) return {};
    Result<std::unique_ptr<PrometheusServer>> prometheus =
        PrometheusServer::bind(options_.config, clock_, log_);
    if (prometheus.has_error()) return prometheus.error();
    prometheus_ = std::move(*prometheus);
    return {};
}

Result<void> Application::bind(const std::vector<ListenAddress>& addresses, bool tls) {
    const Config& config = options_.config;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const ListenAddress& address = addresses[i];
        // A node of a cluster serves clients when it is a member.
        const ListenerOptions options{
            address.host,
            address.port,
            std::max(config.tcp.backlog, 1024),
            tls,
            ClusterServer::is_wanted(config)};
        Result<std::shared_ptr<Listener>> listener =
            Listener::bind(options, core_thread_->loop(), clock_, log_);
        if (listener.has_error())
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}: {}",
                    listener_key(config, tls ? "listeners.ssl." : "listeners.tcp.", i),
                    listener.error().message)};
        listeners_.push_back(*listener);
    }
    return {};
}

void Application::make_lanes() {
    const Config& config = options_.config;
    const auto count = static_cast<LaneIndex>(std::max(1u, config.io_threads));
    WatchLimits limits{
        config.memory_limit_bytes,
        config.disk_free_limit_bytes,
        budgets_.disk_reserve_bytes,
        config.data_dir};
    watch_ = std::make_unique<ResourceWatch>(
        std::move(limits),
        core_thread_->loop(),
        clock_,
        log_,
        ResourceWatch::Hooks{
            [this] { return connection_count() > 0; },
            [this](AlarmState alarm) {
                core_thread_->call([alarm](Core& core, Time now) { core.on_alarm(alarm, now); });
            },
            [this] { bodies_->look(); }});
    const std::uint64_t of_one = std::max(budgets_.body_bytes_max, config.max_message_size);
    bodies_ = std::make_unique<BodyBudget>(budgets_.body_bytes_max, of_one, [this] {
        for (const auto& lane : lanes_) lane->look_again();
    });
    for (LaneIndex i = 0; i < count; ++i) {
        LaneOptions options = lane_options(config, i);
        options.session.bodies = bodies_.get();
        options.session.cluster_name =
            cluster_name(core_->topology(), options.session.cluster_name);
        options.on_read = [this](std::size_t bytes) { watch_->count_read(bytes); };
        lanes_.push_back(std::make_unique<Lane>(
            std::move(options), *core_thread_, clock_, log_, [this](Error error) {
                fail(std::move(error));
            }));
        core_thread_->add_lane(*lanes_.back());
    }
}

/// They are in place before the first connection is accepted: what is posted here runs first.
Result<void> Application::load_definitions() {
    const std::filesystem::path& path = options_.config.load_definitions;
    if (path.empty()) return {};
    std::vector<std::filesystem::path> files;
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        for (const auto& entry : std::filesystem::directory_iterator(path, error))
            if (entry.path().extension() == ".json") files.push_back(entry.path());
        std::sort(files.begin(), files.end());
    } else {
        files.push_back(path);
    }
    for (const std::filesystem::path& file : files) {
        const auto text = read_text_file(file, kDefinitionsBytesMax);
        if (text.has_error()) return text.error();
        auto definitions = read_definitions(*text, "/", random_);
        if (definitions.has_error()) {
            return Error{
                ErrorKind::invalid,
                fmt::format("{}: {}", file.string(), definitions.error().message)};
        }
        for (const std::string& line : definitions->ignored)
            log_.log(LogLevel::warning, "{}: {}", file.string(), line);
        core_thread_->administer(
            ChangeDefinitions{
                std::move(definitions->commands), ChangeDefinitions::Require::nothing},
            [this, file](const AdminReply& reply) {
                const std::string fault = fault_of_import(reply);
                if (!fault.empty())
                    fail({ErrorKind::invalid, fmt::format("{}: {}", file.string(), fault)});
            });
    }
    return {};
}

Result<void> Application::open_control() {
    if (!options_.control_socket || options_.config.data_dir.empty()) return {};
    Result<std::unique_ptr<BrokerControl>> control = BrokerControl::open(
        options_.config,
        *core_,
        *core_thread_,
        clock_,
        *watch_,
        listeners_,
        log_,
        ControlHooks{
            options_.on_stop_requested,
            [this](std::function<void()> done) { stop_app(std::move(done)); },
            [this] { return start_app(); },
            [this] { return tls_ ? tls_->certificates() : std::vector<TlsCertificate>{}; },
            [this](OwnedFd socket) { management_->adopt_owner(std::move(socket)); },
            [this] { return cluster_status(); },
            [this] { return management_->told_facts(); },
            [this] { return cluster_.get(); },
            members(),
            options_.on_restart_requested,
            options_.app_stopped});
    if (control.has_error()) return control.error();
    control_ = std::move(*control);
    return {};
}

std::optional<ClusterStatus> Application::cluster_status() const {
    if (!cluster_) return std::nullopt;
    return cluster_->status();
}

void Application::run() {
    for (const auto& lane : lanes_) lane->start();
    if (handshakes_) {
        handshakes_->start([this](Arrival arrival) {
            // What is posted must be copyable.
            auto shared = std::make_shared<Arrival>(std::move(arrival));
            core_thread_->loop().post([this, shared] { hand_over(std::move(*shared)); });
        });
    }
    core_thread_->start([this] {
        for (const auto& listener : listeners_) listener->close();
        if (lanes_.front()->is_inline()) lanes_.front()->close_all();
    });
    const std::lock_guard lock(mutex_);
    running_ = true;
    if (cluster_) {
        start_cluster();
    } else {
        core_thread_->loop().post([this] { open_alone(); });
    }
    management_->start(control_ || cluster_, [this](Error error) { fail(std::move(error)); });
    if (!prometheus_) return;
    prometheus_->start(
        {options_.config,
         *core_,
         *core_thread_,
         *watch_,
         clock_,
         log_,
         control_ ? control_->pids()
                  : PidNames::of_process(options_.config.node_name, clock_.now().wall),
         [this] { return cluster_status(); }},
        [this](Error error) { fail(std::move(error)); });
}

void Application::accept_connections() {
    accepting_ = true;
    for (const auto& listener : listeners_)
        listener->start([this, from = listener.get()](int fd) { take_connection(*from, fd); });
    if (control_) control_->on_serving();
}

void Application::take_connection(const Listener& listener, int fd) {
    watch_->wake();
    const bool proxied = options_.config.proxy_protocol;
    Arrival arrival{OwnedFd(fd), remote_end(fd), local_end(fd), nullptr, nullptr, nullptr};
    const std::string& source = arrival.remote.address;
    if (proxied && !is_in(options_.config.proxy_trusted, source)) {
        refusals_.write(
            LogLevel::warning,
            fmt::format("{} is no trusted proxy (proxy_protocol.trusted.N); it is closed", source),
            clock_.now().monotonic);
        return;
    }
    if (!proxied) {
        auto admission = admission_->admit(source);
        if (!admission) return;
        arrival.admission = std::move(*admission);
    }
    if (!proxied && !listener.tls()) return hand_over(std::move(arrival));
    handshakes_->take(std::move(arrival), proxied, listener.tls() ? tls_ : nullptr);
}

void Application::hand_over(Arrival arrival) {
    if (!accepting_) return;
    lanes_[next_lane_]->adopt(std::move(arrival));
    next_lane_ = (next_lane_ + 1) % lanes_.size();
}

std::size_t Application::connection_count() const {
    std::size_t count = 0;
    for (const auto& lane : lanes_) count += lane->connection_count();
    return count;
}

void Application::fail(Error error) {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(failed_, true)) return;
    }
    log_.log(LogLevel::critical, "the broker stops: {}", error.message);
    core_thread_->loop().stop();
    http_loop_.stop();
    for (const auto& lane : lanes_) lane->stop();
    changed_.notify_all();
    if (options_.on_fatal) options_.on_fatal(std::move(error));
}

std::string Application::prometheus_listener() const {
    return prometheus_ ? prometheus_->name() : std::string();
}

std::string Application::cluster_listener() const {
    return cluster_ ? cluster_->name() : std::string();
}

std::vector<std::string> Application::http_listeners() const { return management_->urls(); }

bool Application::failed() const {
    const std::lock_guard lock(mutex_);
    return failed_;
}

}  // namespace lvt::broker
