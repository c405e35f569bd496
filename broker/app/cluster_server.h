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

    /// `invalid`: discovery has failed for good.
    void start(FatalHandler on_fatal);
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
