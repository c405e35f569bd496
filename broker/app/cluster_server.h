// ClusterServer: this node's part of a cluster, on a thread of its own: finds the others (cluster/node), takes part in the metadata group, has the links.
#pragma once

#include "broker/config/config.h"
#include "broker/net/core_thread.h"

#include <memory>
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
    };
    std::string self;
    /// Empty: the node belongs to no cluster yet.
    std::string cluster_id;
    /// Its name; empty: unknown.
    std::string leader;
    std::vector<Node> nodes;
};

/// What the metadata group tells the core, in order. Called on the cluster's thread.
struct ClusterHooks {
    std::function<void(std::vector<ClusterEntry>)> on_committed;
    /// In place of all entries up to `index`.
    std::function<void(std::uint64_t index, Bytes state)> on_installed;
    /// Answered with provide_state(): what all entries so far have made.
    std::function<void(std::uint64_t index)> on_want_state;
    /// Each time this node comes to lead.
    std::function<void()> on_leading;
    /// Once: the node is a member, and has been told all that was agreed on before.
    std::function<void()> on_caught_up;
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

    /// `invalid`: discovery has failed for good.
    void start(ClusterHooks hooks, FatalHandler on_fatal);
    /// Any thread, in order. It comes back to on_committed() of all nodes.
    void propose(std::vector<ProposalRequest> proposals);
    /// Any thread.
    void provide_state(std::uint64_t index, Bytes state);
    /// Unregisters. Blocks.
    void stop();
    /// "127.0.0.1:25672".
    const std::string& name() const;
    /// Any thread.
    ClusterStatus status() const;

private:
    class Node;
    explicit ClusterServer(std::unique_ptr<Node> node);

    std::unique_ptr<Node> node_;
};

}  // namespace lvt::broker
