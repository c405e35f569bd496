// A cluster in one thread, from one seed: messages are lost, doubled, late and out of order, nodes are cut off, crash with torn
// disks and come back, members come and go, leadership wanders. What every node applied is compared entry by entry.
#pragma once

#include "protocol/base/random.h"
#include "tests/cluster/raft/simulated_node.h"

#include <map>
#include <queue>
#include <set>

namespace lvt::cluster {

struct SimulationOptions {
    std::uint64_t seed = 1;
    unsigned nodes = 3;
    /// Simulated time with faults; then they end, and all nodes must agree.
    std::uint64_t chaos_ms = 2000;
    /// Members come and go.
    bool membership = true;
};

struct SimulationCounts {
    std::uint64_t messages = 0;
    std::uint64_t applied = 0;
    std::uint64_t confirmed = 0;
    std::uint64_t elections = 0;
    std::uint64_t crashes = 0;
    std::uint64_t installs = 0;
    std::uint64_t snapshots = 0;
    std::uint64_t checkpoints = 0;
    std::uint64_t changes = 0;
    std::uint64_t transfers = 0;
    RaftGroup::Guarded guarded;

    void add(const SimulationCounts& other);
    /// One line.
    std::string text() const;
};

class Simulation {
public:
    explicit Simulation(SimulationOptions options);

    /// Throws what went wrong: AssertionFailure of the group's own checks, or of this one's.
    void run();
    const SimulationCounts& counts() const { return counts_; }

private:
    struct Event {
        enum class Kind { message, tick, disk, client, fault, member };
        std::uint64_t at_ms = 0;
        std::uint64_t order = 0;
        Kind kind = Kind::tick;
        NodeId node;
        unsigned incarnation = 0;
        Bytes bytes;

        bool operator>(const Event& other) const {
            return at_ms != other.at_ms ? at_ms > other.at_ms : order > other.order;
        }
    };
    /// What every node must find at an index.
    struct Agreed {
        std::uint32_t sum = 0;
        Term term;
    };

    void make_network();
    void step_until(std::uint64_t end_ms, bool until_agreed);
    void handle(Event event);
    void on_fault();
    void on_client();
    void on_member();
    void pump(SimulatedNode& node);
    void apply(SimulatedNode& node, GroupOutput& out);
    void send(SimulatedNode& from, Outgoing message);
    void check_leader(SimulatedNode& node);
    void calm();
    bool agreed();

    void crash(SimulatedNode& node);
    void boot(SimulatedNode& node);
    void snapshot(SimulatedNode& node);
    void cut();
    SimulatedNode* leader();
    SimulatedNode* some(bool up);
    SimulatedNode& add_node();

    void at(std::uint64_t delay_ms, Event::Kind kind, NodeId node = {}, Bytes bytes = {});
    std::uint64_t random(std::uint64_t below) { return below == 0 ? 0 : random_.next() % below; }
    bool chance(std::uint64_t percent) { return random(100) < percent; }

    SimulationOptions options_;
    SimulationCounts counts_;
    SeededRandom random_;
    std::uint64_t now_ms_ = 1;
    std::uint64_t order_ = 0;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::map<NodeId, std::unique_ptr<SimulatedNode>> nodes_;
    std::uint64_t next_id_ = 1;

    // The network's and the clients' character, of this seed.
    std::uint64_t loss_ = 0;
    std::uint64_t doubled_ = 0;
    std::uint64_t late_ = 0;
    std::uint64_t delay_ms_ = 1;
    std::uint64_t disk_ms_ = 1;
    std::uint64_t submit_ms_ = 10;
    std::uint64_t fault_ms_ = 100;
    std::size_t log_bytes_ = 0;
    bool calm_ = false;
    /// (from, to) that do not reach each other.
    std::set<std::pair<NodeId, NodeId>> cut_;

    std::map<LogIndex, Agreed> agreed_;
    std::map<Term, NodeId> leaders_;
    /// Of each index that a leader handed out, in its term: confirmed once it comes back.
    std::map<std::pair<LogIndex, Term>, NodeId> submitted_;
    LogIndex confirmed_;
};

}  // namespace lvt::cluster
