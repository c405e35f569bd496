// Many nodes that form a cluster, in one thread, from one seed: messages get lost, doubled and late, the network is cut, nodes crash while what
// they promised is on its way to the disk, discovery fails and shows different things to different nodes,
// and some of them by another address than they tell.
#pragma once

#include "cluster/node/formation.h"

#include <functional>
#include <memory>
#include <queue>
#include <string>

namespace lvt::cluster {

/// What the nodes are told of the cluster that they shall be.
enum class World {
    hinted,         // all the same size, all the same list: one cluster of all
    listed,         // no size, all the same list: one cluster of all
    meeting_point,  // all the same size, lists that have one node in common: one cluster of all
    sizes_differ,   // sizes from the number of nodes up, any list: never two clusters
    lists_whole,    // any sizes or none, lists of all nodes and of dead addresses: never two
    lists_meet,     // no sizes, lists that change and have one node in common: never two
    mixed,          // of a node either the size is large enough or the list is whole: never two
};
inline constexpr int kWorlds = 7;

struct FormationSimulationOptions {
    std::uint64_t seed = 1;
    unsigned nodes = 3;
    World world = World::hinted;
    std::uint64_t chaos_ms = 10'000;
};

class FormationSimulation {
public:
    explicit FormationSimulation(FormationSimulationOptions options);
    ~FormationSimulation();

    /// Throws where two clusters come up, or where not all nodes are in one in the end though they are told the same.
    void run();

    /// What happened, for whoever wonders whether anything did.
    struct Counts {
        std::uint64_t messages = 0;
        std::uint64_t lost = 0;
        std::uint64_t crashes = 0;
        std::uint64_t torn = 0;
        std::uint64_t cuts = 0;
        std::uint64_t clusters = 0;
        std::uint64_t joined = 0;
        std::uint64_t resumed = 0;
    };
    const Counts& counts() const { return counts_; }
    /// Of the last cluster's founding, from the first start.
    std::uint64_t founded_ms() const { return founded_ms_; }

private:
    struct Node;
    struct Event {
        std::uint64_t at = 0;
        std::uint64_t number = 0;
        std::function<void()> run;
        bool operator<(const Event& other) const {
            return at != other.at ? at > other.at : number > other.number;
        }
    };

    bool chance(unsigned percent) { return random_.next() % 100 < percent; }
    std::uint64_t below(std::uint64_t limit) { return random_.next() % limit; }
    void at(std::uint64_t time, std::function<void()> run);
    bool well_formed() const;
    std::uint32_t size_hint();
    discovery::PeerList list_of(const Node& node);
    void start_node(Node& node);
    void crash(Node& node);
    /// Carries out what the node wants.
    void serve(Node& node);
    void list(Node& node);
    void write(Node& node, Bytes record, std::uint64_t ticket);
    void deliver(Node& from, const Place& to, const FormationMessage& message);
    void arrive(Node& node, const Place& from, const FormationMessage& message);
    Node* at_port(std::uint16_t port);
    void settle(Node& node);
    void tell_members();
    void trouble();
    bool all_in() const;

    FormationSimulationOptions options_;
    SeededRandom random_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::priority_queue<Event> events_;
    std::uint64_t events_made_ = 0;
    std::uint64_t now_ms_ = 1000;
    bool chaos_ = true;
    unsigned loss_percent_ = 0;
    unsigned common_ = 0;
    std::uint64_t quiet_until_ms_ = 0;
    std::set<std::uint64_t> clusters_;
    std::set<NodeId> members_;
    Counts counts_;
    std::uint64_t founded_ms_ = 0;
};

}  // namespace lvt::cluster
