// Application: one broker from its configuration to its threads and sockets. Builds everything in order and stops it in
// the reverse one; both `leveret serve` and leveret::Broker are this.
#pragma once

#include "broker/app/resource_watch.h"
#include "broker/config/budgets.h"
#include "broker/config/config.h"
#include "broker/net/core_thread.h"
#include "broker/net/handshake_thread.h"
#include "broker/net/lane.h"
#include "broker/net/listener.h"
#include "broker/session/body_budget.h"
#include "protocol/base/random.h"
#include "storage/durable_store.h"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace lvt::cluster {
struct Answer;
struct Question;
}  // namespace lvt::cluster

namespace lvt::broker {

class BrokerControl;
class ClusterServer;
struct ClusterHooks;
struct ClusterStatus;
class ManagementServer;
struct Members;
class PrometheusServer;

struct ApplicationOptions {
    Config config;
    /// Must outlive the application.
    LogSink* log = nullptr;
    /// Once, on one of its threads, when it has failed for good. It must not call stop().
    FatalHandler on_fatal;
    /// Serves `leveret ctl` in the data directory.
    bool control_socket = false;
    /// Clients can connect: a node of a cluster has become a member. Once, on one of its threads or within start().
    std::function<void()> on_ready;
    /// `leveret ctl stop` was asked for. On one of its threads; it must not call stop().
    std::function<void()> on_stop_requested;
    /// The data was given up (`leveret ctl reset`): stop(), and start anew with `app_stopped`. On one of its threads.
    std::function<void()> on_restart_requested;
    /// Nobody is served, and no cluster sought, until `leveret ctl start_app`.
    bool app_stopped = false;
};

class Application {
public:
    /// Returns when clients can connect; for a node of a cluster before that, see ApplicationOptions::on_ready.
    /// ErrorKind::invalid is the configuration's fault (the text names the key).
    [[nodiscard]] static Result<std::unique_ptr<Application>> start(ApplicationOptions options);
    /// As stop().
    ~Application();
    Application(const Application&) = delete;
    Application& operator=(const Application&) = delete;

    /// Ends all connections, leaves the store cleanly, ends the threads. Blocks; a second call does nothing.
    void stop();

    const Config& config() const { return options_.config; }
    /// Those without TLS first, in the order of the configuration, with their real ports.
    const std::vector<std::shared_ptr<Listener>>& listeners() const { return listeners_; }
    /// Where Prometheus finds the metrics: "127.0.0.1:15692"; empty: nowhere.
    std::string prometheus_listener() const;
    /// Where peers connect: "127.0.0.1:25672"; empty: nowhere.
    std::string cluster_listener() const;
    /// Where the HTTP API listens: "http://127.0.0.1:15672".
    std::vector<std::string> http_listeners() const;
    /// True once something has ended it for good.
    bool failed() const;

private:
    explicit Application(ApplicationOptions options);

    Result<void> build();
    Result<void> open_store();
    Result<void> make_entrance();
    Result<void> bind_listeners();
    Result<void> bind(const std::vector<ListenAddress>& addresses, bool tls);
    Result<void> load_definitions();
    Result<void> open_control();
    void make_lanes();
    void run();
    // The core's thread. RabbitMQ's stop_app and start_app: the process and the control socket stay.
    /// Listeners are closed, connections end with 320; `done` when all are gone.
    void stop_app(std::function<void()> done);
    /// io where an address cannot be bound again; nothing listens then.
    Result<void> start_app();
    /// Those that it holds are no obstacle to becoming a member.
    Result<void> check_definitions() const;
    void start_cluster();
    void begin_run(std::vector<ClusterNode> alive);
    void add_stream_hooks(ClusterHooks& hooks);
    // application_members.cc
    Members members();
    /// Any thread: another member's.
    void on_question(cluster::Question question, std::function<void(cluster::Answer)> respond);
    /// From the cluster's thread: a turn, after which clients may be let in.
    void call_core(std::function<void(Core&, Time)> action);
    void forget_others(const std::vector<cluster::NodeId>& members);
    /// The core's thread: a node without a cluster.
    void open_alone();
    /// The core's thread: the node is a member, and the cluster has its first definitions.
    void open_if_ready();
    void send_batches(std::vector<PeerBatch>& batches);
    void accept_connections();
    void take_connection(const Listener& listener, int fd);
    void hand_over(Arrival arrival);
    void wait_for_connections();
    std::size_t connection_count() const;
    std::optional<ClusterStatus> cluster_status() const;
    void fail(Error error);
    void stop_gracefully();

    ApplicationOptions options_;
    Budgets budgets_;
    LogSink& log_;
    SystemClock clock_;
    SystemRandom random_;
    std::unique_ptr<PrometheusServer>
        prometheus_;       // what waits in the core's loop may hold its sockets
    EventLoop http_loop_;  // what waits in the core's loop may hold sockets of it
    std::unique_ptr<Core> core_;
    std::unique_ptr<CoreThread> core_thread_;
    std::shared_ptr<storage::DurableStore> store_;  // its threads post to core_thread_
    std::unique_ptr<BodyBudget> bodies_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    std::unique_ptr<AdmissionControl> admission_;
    LogLimit refusals_;
    /// Null where there is no TLS listener, and neither that nor PROXY headers.
    std::shared_ptr<TlsContext> tls_;
    std::unique_ptr<HandshakeThread> handshakes_;
    std::vector<std::shared_ptr<Listener>> listeners_;
    std::unique_ptr<ResourceWatch> watch_;
    std::unique_ptr<ManagementServer> management_;
    /// Null where no cluster is wanted.
    std::unique_ptr<ClusterServer> cluster_;
    std::unique_ptr<BrokerControl> control_;
    std::size_t next_lane_ = 0;
    /// The node is a member of its cluster; the core's thread.
    bool joined_ = false;
    /// By peer: the stream that the core knows of.
    std::map<cluster::NodeId, std::uint64_t> streams_;
    bool opened_ = false;
    /// Not after stop_app(), until start_app().
    bool app_wanted_ = true;
    /// Between start and stop_app(); the core's thread.
    bool accepting_ = false;
    /// Until the connections that stop_app() ends are gone.
    std::unique_ptr<LoopTimer> app_timer_;
    std::function<void()> app_stopped_;
    Milliseconds drop_connections_at_{0};

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool running_ = false;  // guarded by mutex_
    bool failed_ = false;   // guarded by mutex_
    bool stopped_ = false;  // guarded by mutex_
};

}  // namespace lvt::broker
