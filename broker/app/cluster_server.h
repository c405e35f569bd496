// ClusterServer: this node's part of a cluster, on a thread of its own: finds the others (cluster/node), takes part in the metadata group, has the links.
#pragma once

#include "broker/config/config.h"
#include "broker/net/core_thread.h"
#include "cluster/discovery/discovery_error.h"
#include "cluster/transport/inquiry.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lvt::broker {

/// As it was at one moment; for listings.
struct ClusterStatus {
    struct Node {
        std::string id;
        std::string name;
        std::string address;
        bool running = false;
        bool voter = false;
        /// What it says of itself (NodeFacts as JSON); empty: nothing yet.
        std::string facts;
    };
    std::string self;
    std::string self_id;
    /// Where peers connect: "127.0.0.1:25672".
    std::string listener;
    /// Empty: the node belongs to no cluster yet.
    std::string cluster_id;
    /// Its name; empty: unknown.
    std::string leader;
    std::vector<Node> nodes;
    /// The node was removed from its cluster.
    bool removed = false;
};

/// How what was asked of a cluster ended.
struct ClusterOutcome {
    enum class Kind {
        done,
        already_member,  // of that cluster
        other_cluster,   // belongs to one, so cannot join
        unknown_node,    // no member is called so
        running,         // the member answers, so has to leave by itself
        minority,        // of the members that would remain no majority answers
        no_leader,       // nobody leads, or it could not be done in time
        itself,          // a node cannot join itself
        offline,         // no member of a cluster answered there
        bad_name,        // neither a node nor an address
        stopping,
    };
    Kind kind = Kind::done;
};

/// What another member said when it was asked.
struct MemberAnswer {
    cluster::NodeId id;
    std::string name;
    /// Nothing: it is down, or was silent for too long (PeerInquiries::kPatienceMs).
    std::optional<cluster::Answer> answer;
};

/// What the metadata group tells the core, in order. Called on the cluster's thread.
struct ClusterHooks {
    /// Answered with stored() once it is durable.
    std::function<void(GroupRecord)> store;
    std::function<void(std::vector<ClusterEntry>)> on_committed;
    /// In place of all entries up to `index`.
    std::function<void(std::uint64_t index, Bytes state)> on_installed;
    /// Answered with provide_state(): what all entries so far have made.
    std::function<void(std::uint64_t index)> on_want_state;
    /// Each time this node comes to lead, or the members of the cluster that it leads (ascending) are others.
    std::function<void(std::vector<cluster::NodeId> members)> on_leading;
    // Streams to peers that the core tells of its queues. Each has a number, larger than those before.
    std::function<void(cluster::NodeId peer, const std::string& name)> on_peer_named;
    std::function<void(cluster::NodeId peer, std::uint64_t stream, const std::string& name)>
        on_stream_begun;
    std::function<void(cluster::NodeId peer, std::uint64_t stream)> on_stream_ended;
    std::function<void(cluster::NodeId peer, std::uint64_t stream, Bytes batch)> on_batch;
    /// Once: the node is a member, and has been told all that was agreed on before. Others that are alive, as far as those know whom it hears.
    std::function<void(std::vector<ClusterNode> alive)> on_caught_up;
    /// Once, also where it was removed before the start: the node is no member any more.
    std::function<void()> on_removed;
    /// Another member asks; `respond` is called once, on any thread.
    std::function<void(cluster::Question, std::function<void(cluster::Answer)> respond)>
        on_question;
    /// Every second or so: set_facts() is due.
    std::function<void()> wants_facts;
    /// The node does nothing until begin(), where it does not belong to a cluster yet.
    bool idle = false;
};

/// For a stream; nothing becomes of it where that is over.
struct StreamBatch {
    std::uint64_t stream = 0;
    PeerBatch batch;
};

class ClusterServer {
public:
    /// Whether the configuration wants a cluster: `cluster.listener` or a mechanism of discovery is set.
    [[nodiscard]] static bool is_wanted(const Config& config);
    /// Binds, reads what the node knows of its cluster. `invalid` is the configuration's fault. All must outlive it.
    [[nodiscard]] static Result<std::unique_ptr<ClusterServer>> open(
        const Config& config, const Clock& clock, LogSink& log);
    /// As stop().
    ~ClusterServer();
    ClusterServer(const ClusterServer&) = delete;
    ClusterServer& operator=(const ClusterServer&) = delete;

    ClusterNode node() const;
    /// It is a member of a cluster already, or may found one of its own: definitions that it holds are no obstacle.
    bool may_hold_definitions() const;

    /// Before start(), with what the journal holds of the group's log. `corrupt` where the node belongs to a cluster and that is not
    /// there: it may have voted by it.
    [[nodiscard]] Result<void> restore(std::optional<cluster::LogStore> log);
    /// `invalid`: discovery has failed for good.
    void start(ClusterHooks hooks, FatalHandler on_fatal);
    /// Any thread: records up to this ticket are durable.
    void stored(std::uint64_t ticket);
    /// Any thread: the journal is to forget what is old. A record with `checkpoint` follows.
    void checkpoint();
    /// Any thread, in order. It comes back to on_committed() of all nodes.
    void propose(std::vector<ProposalRequest> proposals);
    /// Any thread.
    void provide_state(std::uint64_t index, Bytes state);
    /// Any thread, in order.
    void send(std::vector<StreamBatch> batches);
    using Answers = std::function<void(std::vector<MemberAnswer>)>;
    /// Any thread: asks all other members, or `only` that one. `done` is called once, on the cluster's thread, when all have answered or
    /// are known not to; not at all where the cluster is stopped before.
    void ask(
        std::uint8_t kind, std::string text, std::optional<cluster::NodeId> only, Answers done);
    /// Any thread: what came on it makes no sense.
    void end_stream(cluster::NodeId peer, std::uint64_t stream, std::string reason);
    /// Unregisters. Blocks.
    void stop();
    /// "127.0.0.1:25672".
    const std::string& name() const;
    /// Any thread.
    ClusterStatus status() const;

    // Operating it: any thread. What is done is told once, on the cluster's thread.

    using Done = std::function<void(ClusterOutcome)>;
    using Peers = std::function<void(discovery::DiscoveryResult<std::vector<std::string>>)>;
    /// Takes a member that is lost out of the cluster.
    void forget(std::string node, Done done);
    /// Takes this node out; done where it belongs to no other's.
    void leave(Done done);
    /// A node that belongs to no cluster joins that of `target`: "rabbit@h", "rabbit@h:31001", "h:31001".
    void join(std::string target, Done done);
    /// Asks the mechanism once: the names of the candidates, or where they are dialled.
    void discover(Peers done);
    /// A node that was started `idle` begins to look for its cluster.
    void begin();
    /// What the others are told of this node.
    void set_facts(std::string facts);

private:
    class Node;
    explicit ClusterServer(std::unique_ptr<Node> node);

    std::unique_ptr<Node> node_;
};

}  // namespace lvt::broker
