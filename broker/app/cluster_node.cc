#include "broker/app/cluster_node.h"

#include "broker/config/data_dir.h"
#include "broker/config/values.h"
#include "broker/net/socket_address.h"
#include "cluster/discovery/node_name.h"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace lvt::broker {
namespace {

constexpr std::uint16_t kPeerPort = 25672;
constexpr std::uint64_t kStatusIntervalMs = 500;
constexpr const char* kPrefix = "cluster_formation.";

std::string value_of(const Config& config, const std::string& key) {
    const auto found = config.cluster_formation.find(key);
    return found == config.cluster_formation.end() ? std::string() : found->second;
}

/// Some mechanism is named, or nodes are.
bool has_discovery(const Config& config) {
    return std::ranges::any_of(config.cluster_formation, [](const auto& one) {
        return one.first == "cluster_formation.peer_discovery_backend" ||
               one.first.starts_with("cluster_formation.classic_config.nodes");
    });
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return name.data();
}

std::string cluster_name_of(const Config& config) {
    for (const Setting& setting : config.settings)
        if (setting.key == "cluster_name" && setting.source == "default") return {};
    return config.server.cluster_name;
}

}  // namespace

ClusterServer::Node::Node(const Config& config, const Clock& clock, LogSink& log)
    : config_(config),
      clock_(clock),
      log_(log),
      secret_(value_of(config, "cluster.secret")),
      cluster_name_(cluster_name_of(config)),
      state_file_(fs_, config.data_dir / "cluster"),
      timer_(loop_, [this] { serve(); }) {}

ClusterServer::Node::~Node() { stop(); }

std::uint64_t ClusterServer::Node::now_ms() const {
    return static_cast<std::uint64_t>(clock_.now().monotonic.count());
}

Result<void> ClusterServer::Node::open() {
    if (config_.data_dir.empty())
        return Error{ErrorKind::invalid, "cluster.listener: a broker in memory cannot vote"};
    if (secret_.empty())
        return Error{
            ErrorKind::invalid,
            "cluster.secret: must be set where nodes form a cluster (or RABBITMQ_ERLANG_COOKIE)"};
    Result<std::optional<cluster::NodeState>> found = state_file_.load();
    if (found.has_error()) return std::move(found).error();
    cluster::NodeState state = found->value_or(cluster::NodeState{});
    while (state.id.value() == 0) state.id = cluster::NodeId{random_.next()};
    if (state.cluster && state.cluster_name != cluster_name_)
        return Error{
            ErrorKind::invalid,
            fmt::format(
                "cluster_name: this node belongs to a cluster named '{}'", state.cluster_name)};
    ++state.starts;
    state.cluster_name = cluster_name_;
    const std::string wanted = value_of(config_, "cluster.listener");
    LVT_TRY(bind(wanted.empty() ? std::to_string(kPeerPort) : wanted));
    return make_formation(std::move(state));
}

Result<void> ClusterServer::Node::bind(const std::string& wanted) {
    ListenAddress address;
    if (const Expected fault = parse_listen_address(wanted, address); !fault.empty())
        return Error{ErrorKind::invalid, "cluster.listener: " + fault};
    Result<std::shared_ptr<Listener>> listener =
        Listener::bind({address.host, address.port}, loop_, clock_, log_);
    if (listener.has_error())
        return Error{
            ErrorKind::invalid, fmt::format("cluster.listener: {}", listener.error().message)};
    listener_ = std::move(*listener);
    transport_ = std::make_unique<PeerTransport>(
        PeerTransport::Options{.cluster_name = cluster_name_, .secret = secret_},
        PeerTransport::Hooks{
            [this](std::uint64_t link, cluster::LinkFrame frame) {
                on_frame(link, std::move(frame));
            },
            [this](const std::string& host, Resolved done) { resolve(host, std::move(done)); },
            [this](std::uint64_t link) {
                if (inquiries_->owns(link)) return inquiries_->on_open(link);
                if (streams_) streams_->on_open(link);
            },
            [this](std::uint64_t link) {
                if (inquiries_->owns(link)) return inquiries_->on_closed(link);
                if (streams_) streams_->on_closed(link);
            },
            [this](const std::string& host, std::uint16_t port) {
                if (streams_) streams_->on_refused(host, port);
            }},
        loop_,
        clock_,
        random_,
        log_);
    inquiries_.emplace(
        *transport_,
        [this](cluster::Question question, PeerInquiries::Respond respond) {
            on_question(std::move(question), std::move(respond));
        },
        log_);
    return {};
}

cluster::Peer ClusterServer::Node::identity(const cluster::NodeState& state) const {
    cluster::Peer out{state.id, config_.node_name, {}, listener_->port(), state.starts};
    const std::string bound = listener_->name().substr(0, listener_->name().rfind(':'));
    const bool wildcard = bound == "[::]" || bound == "0.0.0.0";
    out.host = wildcard ? host_name() : bound;
    if (out.host.starts_with('[')) out.host = out.host.substr(1, out.host.size() - 2);
    if (const auto told = discovery::parse_host_port(value_of(config_, "cluster.advertise"))) {
        out.host = told->host;
        if (told->port != 0) out.port = told->port;
    }
    if (out.port != kPeerPort) out.name += fmt::format(":{}", out.port);
    return out;
}

Result<void> ClusterServer::Node::make_formation(cluster::NodeState state) {
    cluster::FormationOptions options;
    options.self = identity(state);
    const discovery::StringMap environment = process_environment();
    Result<discovery::Settings> settings = discovery::Settings::resolve(
        kPrefix, discovery::formation_settings(), config_.cluster_formation, environment);
    if (settings.has_error()) return std::move(settings).error();
    options.size_hint = static_cast<std::uint32_t>(settings->integer("target_cluster_size_hint"));
    options.list_failures_max =
        static_cast<std::uint64_t>(settings->limit("discovery_retry_limit").value_or(0));
    options.list_interval_ms =
        static_cast<std::uint64_t>(settings->integer("discovery_retry_interval"));
    options.list_interval_max_ms = std::max(options.list_interval_max_ms, options.list_interval_ms);
    options.alone = !has_discovery(config_) && options.size_hint < 2;
    if (!options.alone) {
        const cluster::Peer& self = options.self;
        auto mechanism = discovery::make_discovery(
            config_.cluster_formation,
            {{to_text(self.id), self.name, self.host, self.port, false},
             environment,
             log_,
             clock_,
             discovery_random_});
        if (mechanism.has_error()) return std::move(mechanism).error();
        make_cleanup((*mechanism)->reports_all_nodes(), *settings);
        discovery_ = std::make_unique<DiscoveryThread>(
            std::move(*mechanism),
            settings->boolean("registration.enabled"),
            [this](discovery::DiscoveryResult<discovery::PeerList> result) {
                loop_.post([this, result = std::move(result)] {
                    if (result.has_value())
                        formation_->listed(now_ms(), *result);
                    else
                        formation_->list_failed(now_ms(), result.error());
                    serve();
                });
            },
            log_);
    }
    log_.log(
        LogLevel::info,
        "cluster: this node is {} ({}), dialled at {}, start {}",
        options.self.name,
        to_text(state.id),
        host_and_port(options.self.host, options.self.port),
        state.starts);
    status_.self = options.self.name;
    alone_ = options.alone;
    proposals_.emplace(state.id, state.starts);
    formation_ = std::make_unique<cluster::Formation>(options, std::move(state), random_);
    return {};
}

ClusterNode ClusterServer::Node::node() const {
    return {formation_->self().id, formation_->self().starts};
}

bool ClusterServer::Node::may_hold_definitions() const {
    return alone_ || formation_->state().cluster.has_value();
}

void ClusterServer::Node::start(ClusterHooks hooks, FatalHandler on_fatal) {
    hooks_ = std::move(hooks);
    on_fatal_ = std::move(on_fatal);
    removed_ = formation_->state().removed;
    idle_ = removed_ || (hooks_.idle && !formation_->state().cluster);
    if (discovery_) discovery_->start();
    resolver_ = std::thread([this] { run_resolver(); });
    loop_.post([this] { begin(); });
    thread_ = std::thread([this] { run_guarded(loop_, [this](Error error) { fail(error); }); });
}

void ClusterServer::Node::begin() {
    listener_->start([this](int fd) { transport_->adopt(fd); });
    if (!has_log_) write_blank_log(false);
    if (removed_) return on_removed();
    if (!idle_) begin_formation();
}

void ClusterServer::Node::stop() {
    {
        const std::lock_guard lock(resolve_mutex_);
        resolve_no_more_ = true;
        resolve_changed_.notify_all();
    }
    if (discovery_) discovery_->stop();
    loop_.stop();
    if (thread_.joinable()) thread_.join();
    if (streams_) streams_->say_farewell();
    if (resolver_.joinable()) resolver_.join();
}

void ClusterServer::Node::fail(Error error) {
    if (std::exchange(failed_, true)) return;
    loop_.stop();
    if (on_fatal_) on_fatal_(std::move(error));
}

void ClusterServer::Node::on_frame(std::uint64_t link, cluster::LinkFrame frame) {
    if (idle_ || !has_log_) return;
    if (frame.type == cluster::FrameType::stream) {
        // It comes again where this node is not ready.
        if (!streams_) return transport_->drop(link, "not a member yet");
        return streams_->on_frame(link, frame.payload);
    }
    if (frame.type == cluster::FrameType::question)
        return inquiries_->on_question(link, frame.payload);
    if (frame.type == cluster::FrameType::answer) return inquiries_->on_answer(link, frame.payload);
    if (frame.type == cluster::FrameType::formation) {
        const auto message = cluster::decode_formation(frame.payload);
        const auto [host, port] = transport_->dialled(link);
        if (message.has_value())
            formation_->receive(now_ms(), {link, host, port}, *message);
        else
            log_.log(LogLevel::warning, "cluster: {}", message.error().message);
    } else if (membership_ && frame.type == cluster::FrameType::proposal) {
        membership_->submit(now_ms(), {std::move(frame.payload)});
    } else if (membership_) {
        auto message = cluster::decode_message(frame.payload);
        if (message.has_value())
            membership_->receive(now_ms(), std::move(*message));
        else
            log_.log(LogLevel::warning, "cluster: {}", message.error().message);
    }
    serve();
}

void ClusterServer::Node::serve() {
    if (serving_ || failed_ || idle_ || !has_log_) return;
    serving_ = true;
    formation_->tick(now_ms());
    if (membership_) membership_->tick(now_ms());
    inquiries_->look(now_ms());
    look_around();
    for (bool more = true; more && !failed_;) {
        more = serve_formation();
        if (membership_ && !failed_) more = serve_membership() || more;
        if (membership_ && !failed_) more = serve_proposals() || more;
    }
    serving_ = false;
    if (failed_) return;
    if (caught_up_ && !idle_) {
        serve_streams();
        tell_caught_up();
    }
    // Who is silent shows by nothing but the time.
    if (membership_ && now_ms() >= next_status_ms_) publish_status();
    if (idle_) return;
    std::uint64_t due = std::min(formation_->deadline_ms(), departures_.deadline_ms());
    if (membership_) due = std::min({due, membership_->deadline_ms(), proposals_->deadline_ms()});
    due = std::min(due, inquiries_->deadline_ms());
    if (streams_) due = std::min(due, streams_->deadline_ms());
    if (caught_up_ && !told_caught_up_) due = std::min(due, streams_by_ms_);
    const Milliseconds now = clock_.now().monotonic;
    timer_.arm_at_latest(Milliseconds(static_cast<std::int64_t>(due)), now);
}

bool ClusterServer::Node::serve_formation() {
    cluster::FormationOutput out = formation_->take();
    for (const auto& [level, line] : out.log) log_.log(level, "cluster: {}", line);
    if (out.give_up) {
        fail({ErrorKind::invalid, *out.give_up});
        return false;
    }
    if (!out.record.empty()) {
        const Result<void> stored = state_file_.store(out.record);
        if (stored.has_error()) {
            fail(stored.error());
            return false;
        }
        formation_->persisted(now_ms(), out.ticket);
    }
    for (const auto& [to, message] : out.messages) {
        Bytes bytes = cluster::encode_formation(message);
        if (to.link != 0)
            transport_->reply(to.link, cluster::FrameType::formation, std::move(bytes));
        else
            transport_->send(to.host, to.port, cluster::FrameType::formation, std::move(bytes));
    }
    if (out.list && discovery_) discovery_->list();
    if (out.settled && !membership_) make_membership();
    for (const auto& [link, peer] : out.joins) {
        if (membership_) membership_->admit(now_ms(), link, peer);
    }
    if (out.book_changed && membership_)
        for (const cluster::Peer& one : formation_->state().book) membership_->note(now_ms(), one);
    if (out.settled || out.book_changed) publish_status();
    serve_departures(out);
    return !out.record.empty() || out.settled;
}

void ClusterServer::Node::send(cluster::NodeId to, cluster::FrameType type, Bytes message) {
    const std::optional<cluster::Peer> peer = formation_->peer(to);
    if (peer) transport_->send(peer->host, peer->port, type, std::move(message));
}

void ClusterServer::Node::publish_status() {
    next_status_ms_ = now_ms() + kStatusIntervalMs;
    const cluster::NodeState& state = formation_->state();
    ClusterStatus out;
    out.self = formation_->self().name;
    out.self_id = to_text(state.id);
    out.listener = listener_->name();
    out.removed = state.removed;
    if (state.cluster && membership_) out.cluster_id = to_text(state.cluster->cluster);
    if (membership_) {
        if (const auto leader = formation_->peer(membership_->leader())) out.leader = leader->name;
        for (const cluster::NodeId id : membership_->members()) {
            const auto peer = formation_->peer(id);
            const auto role = membership_->configuration().role_of(id);
            out.nodes.push_back(
                {to_text(id),
                 peer ? peer->name : to_text(id),
                 peer ? host_and_port(peer->host, peer->port) : std::string(),
                 formation_->is_fresh(id),
                 role == cluster::Role::voter,
                 formation_->facts_of(id)});
        }
    }
    const std::lock_guard lock(status_mutex_);
    status_ = std::move(out);
}

ClusterStatus ClusterServer::Node::status() const {
    const std::lock_guard lock(status_mutex_);
    return status_;
}

}  // namespace lvt::broker
