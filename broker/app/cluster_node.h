// The inside of ClusterServer: Formation, Membership and their files, fed by PeerTransport, DiscoveryThread and a timer. On its loop's thread but what says otherwise.
#pragma once

#include "broker/app/cluster_server.h"
#include "broker/app/discovery_thread.h"
#include "broker/net/listener.h"
#include "broker/net/peer_inquiries.h"
#include "broker/net/peer_streams.h"
#include "broker/net/peer_transport.h"
#include "cluster/discovery/registry.h"
#include "cluster/node/cleanup.h"
#include "cluster/node/departures.h"
#include "cluster/node/formation.h"
#include "cluster/node/membership.h"
#include "cluster/node/proposals.h"
#include "cluster/node/state_file.h"
#include "storage/posix_fs.h"

#include <deque>
#include <optional>
#include <thread>

namespace lvt::broker {

class ClusterServer::Node {
public:
    Node(const Config& config, const Clock& clock, LogSink& log);
    ~Node();

    Result<void> open();
    Result<void> restore(std::optional<cluster::LogStore> log);
    ClusterNode node() const;
    bool may_hold_definitions() const;
    void start(ClusterHooks hooks, FatalHandler on_fatal);
    void propose(std::vector<ProposalRequest> proposals);                             // any thread
    void provide_state(std::uint64_t index, Bytes state);                             // any thread
    void send(std::vector<StreamBatch> batches);                                      // any thread
    void end_stream(cluster::NodeId peer, std::uint64_t stream, std::string reason);  // any thread
    void stored(std::uint64_t ticket);
    void checkpoint();
    void stop();
    const std::string& name() const { return listener_->name(); }
    ClusterStatus status() const;                                         // any thread
    void post(std::function<void()> run) { loop_.post(std::move(run)); }  // any thread

    // cluster_streams.cc
    void ask(
        std::uint8_t kind, const std::string& text, std::optional<cluster::NodeId> only,
        Answers done);

    // cluster_node_operate.cc: ClusterServer's
    void forget(const std::string& node, Done done);
    void leave(Done done);
    void join(const std::string& target, Done done);
    void discover(Peers done);
    void begin_formation();
    void set_facts(const std::string& facts);

private:
    using Resolved = std::function<void(std::vector<std::string>)>;

    Result<void> bind(const std::string& wanted);
    Result<void> make_formation(cluster::NodeState state);
    cluster::Peer identity(const cluster::NodeState& state) const;
    void begin();
    void on_frame(std::uint64_t link, cluster::LinkFrame frame);
    void resolve(const std::string& host, Resolved done);
    void run_resolver();
    /// Carries out what the machines want until they want nothing.
    void serve();
    bool serve_formation();
    void serve_streams();
    void on_question(cluster::Question question, PeerInquiries::Respond respond);
    /// Clients are let in when the queues of all members that answer can be reached, or have waited for it.
    void tell_caught_up();
    /// Other members that this one hears, or that one of those hears.
    std::vector<ClusterNode> alive() const;
    void send(cluster::NodeId to, cluster::FrameType type, Bytes message);
    // cluster_node_group.cc
    void make_membership();
    void write_blank_log(bool checkpoint);
    bool serve_membership();
    /// Tells the core.
    void hand_over(cluster::MembershipOutput& out);
    bool serve_proposals();
    // cluster_node_operate.cc
    void make_cleanup(bool lists_all, const discovery::Settings& settings);
    void serve_departures(cluster::FormationOutput& out);
    void look_around();
    void ask_leader(cluster::NodeId node);
    void on_cleanup_list(discovery::DiscoveryResult<discovery::PeerList> result);
    bool is_there(cluster::NodeId id) const;
    void end_join(ClusterOutcome::Kind kind);
    void on_removed();
    void publish_status();
    void fail(Error error);
    std::uint64_t now_ms() const;

    const Config& config_;
    const Clock& clock_;
    LogSink& log_;
    SystemRandom random_;
    SystemRandom discovery_random_;
    storage::PosixFs fs_;
    EventLoop loop_;
    ClusterHooks hooks_;
    FatalHandler on_fatal_;
    std::string secret_;
    std::string cluster_name_;
    std::shared_ptr<Listener> listener_;
    std::unique_ptr<PeerTransport> transport_;
    cluster::StateFile state_file_;
    /// As recovered, until the node belongs to a cluster.
    cluster::LogStore group_log_;
    /// The journal has a record of the group's log: one that is gone later would be missed. Nothing is voted on before.
    bool has_log_ = false;
    bool checkpoint_wanted_ = false;
    std::unique_ptr<cluster::Formation> formation_;
    std::unique_ptr<cluster::Membership> membership_;
    std::optional<cluster::Proposals> proposals_;
    bool leading_ = false;
    bool caught_up_ = false;
    bool told_caught_up_ = false;
    std::uint64_t streams_by_ms_ = 0;
    bool alone_ = false;
    /// Not before this node has caught up.
    std::optional<PeerStreams> streams_;
    /// There with the transport.
    std::optional<PeerInquiries> inquiries_;
    std::unique_ptr<DiscoveryThread> discovery_;
    cluster::Departures departures_;
    std::optional<cluster::Cleanup> cleanup_;
    /// Nothing is done until begin_formation() or join().
    bool idle_ = false;
    bool begun_ = false;
    bool removed_ = false;
    struct Joining {
        Done done;
        std::uint64_t ends_ms = 0;
        bool was_idle = false;
    };
    std::optional<Joining> joining_;
    std::uint64_t next_look_ms_ = 0;
    LoopTimer timer_;
    bool serving_ = false;
    std::uint64_t next_status_ms_ = 0;
    bool failed_ = false;
    std::thread thread_;

    std::thread resolver_;
    std::mutex resolve_mutex_;
    std::condition_variable resolve_changed_;
    std::deque<std::pair<std::string, Resolved>> to_resolve_;  // guarded by resolve_mutex_
    bool resolve_no_more_ = false;                             // guarded by resolve_mutex_

    mutable std::mutex status_mutex_;
    ClusterStatus status_;  // guarded by status_mutex_
};

}  // namespace lvt::broker
