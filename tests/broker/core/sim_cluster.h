// SimCluster: several SimBrokers that share their topology and serve each other's queues, over streams that are cut at will. Which
// stream, log or broker goes on next is the seed's choice.
#pragma once

#include "tests/broker/core/sim_broker.h"

#include <map>

namespace lvt::broker {

struct SimClusterOptions {
    std::size_t nodes = 2;
    /// See SimOptions.
    std::size_t lanes = 0;
    std::uint64_t seed = 1;
    CoreOptions core;
};

class SimCluster {
public:
    explicit SimCluster(SimClusterOptions options = {});

    SimBroker& node(std::size_t index) { return *nodes_[index].broker; }
    /// A client of the node, with channel 1 open.
    SimClient& client(std::size_t index);
    /// Until nobody has anything to do.
    void run() {
        while (step()) {
        }
    }
    /// Time passes for all.
    void advance(Milliseconds by);
    /// Both see the end of their stream; what was on its way is lost.
    void cut(std::size_t one, std::size_t other);
    /// A new stream begins.
    void join(std::size_t one, std::size_t other);
    /// kill -9: its streams end. They begin again with join().
    void crash(std::size_t index);
    /// Bytes as they came from the other node, in place of what it said.
    Result<void> feed(std::size_t to, std::size_t from, ByteView bytes);

private:
    struct Node {
        std::unique_ptr<SimBroker> broker;
        cluster::NodeId id;
        /// How much of the log it has been told.
        std::size_t told = 0;
        /// Batches on their way to it, by sender.
        std::map<std::size_t, std::deque<Bytes>> inbox;
        std::map<std::size_t, bool> joined;
    };

    bool step();
    void collect(std::size_t index);
    std::size_t index_of(cluster::NodeId id) const;
    void end(std::size_t at, std::size_t other);

    SimClusterOptions options_;
    std::mt19937_64 random_engine_;
    std::vector<Node> nodes_;
    std::vector<ClusterEntry> log_;
};

}  // namespace lvt::broker
