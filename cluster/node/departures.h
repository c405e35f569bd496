// Departures: requests to take a member out of the cluster, carried to the leader until it has answered. No I/O, no threads, no clock.
#pragma once

#include "cluster/node/formation_message.h"

#include <functional>
#include <map>

namespace lvt::cluster {

/// How a request ended.
enum class Departed {
    done,
    unknown,    // no such member
    running,    // it answers, so it has to leave by itself
    minority,   // of those that would remain no majority answers
    no_leader,  // none was there to ask, or it could not do it in time
};

class Departures {
public:
    using Done = std::function<void(Departed)>;
    /// Puts the question to the leader: to ask_to_remove(), or to this node's own Membership.
    using Ask = std::function<void(NodeId node)>;

    /// `done` is called once, within `within_ms` and a look.
    void ask(std::uint64_t now_ms, NodeId node, std::uint64_t within_ms, Done done);
    /// Asks again what was not answered.
    void tick(std::uint64_t now_ms, const Ask& ask);
    void answered(NodeId node, RemoveStatus status);
    /// The maximum where there is nothing to ask.
    std::uint64_t deadline_ms() const;

private:
    struct Request {
        std::uint64_t next_ms = 0;
        std::uint64_t ends_ms = 0;
        Done done;
    };
    void finish(NodeId node, Departed how);

    std::multimap<NodeId, Request> requests_;
};

}  // namespace lvt::cluster
