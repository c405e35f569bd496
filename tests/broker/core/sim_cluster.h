// SimCluster: several SimBrokers that share their topology and serve each other's queues, over streams that are cut at will, and links of theirs
// that are cut at random. Which stream, log or broker goes on next is the seed's choice.
#pragma once

#include "cluster/transport/lasting_stream.h"
#include "tests/broker/core/sim_broker.h"

#include <map>

namespace lvt::broker {

struct SimClusterOptions {
    std::size_t nodes = 2;
    /// See SimOptions.
    std::size_t lanes = 0;
    std::uint64_t seed = 1;
    /// Of so many frames that come one is the last of its link; 0: none.
    std::size_t link_frames = 0;
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
    /// At most so many things happen.
    void run(std::size_t steps) {
        while (steps-- > 0 && step()) {
        }
    }
    /// Time passes for all.
    void advance(Milliseconds by);
    /// Both see the end of their stream; what was on its way is lost.
    void cut(std::size_t one, std::size_t other);
    /// How often a link was cut and its stream went on.
    std::size_t links_lost() const { return links_lost_; }
    /// A new stream begins.
    void join(std::size_t one, std::size_t other);
    /// kill -9: its streams end. They begin again with join().
    void crash(std::size_t index);
    /// Bytes as they came from the other node, in place of what it said.
    Result<void> feed(std::size_t to, std::size_t from, ByteView bytes);

private:
    /// A node's side of a stream.
    struct Side {
        cluster::LastingStream stream;
        /// Frames on their way to it.
        std::deque<Bytes> inbox;
    };
    struct Node {
        std::unique_ptr<SimBroker> broker;
        cluster::NodeId id;
        /// How much of the log it has been told.
        std::size_t told = 0;
        /// By the other node.
        std::map<std::size_t, Side> sides;
    };

    bool step();
    void collect(std::size_t index);
    std::size_t index_of(cluster::NodeId id) const;
    void end(std::size_t at, std::size_t other);
    void take_frame(std::size_t to, std::size_t from);
    void link(std::size_t one, std::size_t other);
    void lose_link(std::size_t one, std::size_t other);

    SimClusterOptions options_;
    std::mt19937_64 random_engine_;
    std::vector<Node> nodes_;
    std::vector<ClusterEntry> log_;
    std::uint64_t last_stream_ = 0;
    std::size_t links_lost_ = 0;
};

}  // namespace lvt::broker
