// What the core and the cluster's metadata group hand each other.
#pragma once

#include "cluster/raft/types.h"
#include "protocol/base/bytes.h"

#include <cstdint>

namespace lvt::broker {

/// A proposal that came back from the group.
struct ClusterEntry {
    std::uint64_t index = 0;
    /// Who proposed it, in which of its processes, and its ProposalRequest::number there.
    cluster::NodeId origin;
    std::uint64_t starts = 0;
    std::uint64_t number = 0;
    Bytes command;
};

/// What a group of the cluster has the journal keep: opaque, and in the order of its tickets.
struct GroupRecord {
    cluster::GroupId group;
    std::uint64_t ticket = 0;
    Bytes bytes;
    /// The answer to TurnOutput::checkpoint_wanted: it holds all of the group, so that the journal needs no earlier one.
    bool checkpoint = false;
};

/// All that the group's commands have made, up to `index`.
struct ClusterState {
    std::uint64_t index = 0;
    Bytes bytes;
};

}  // namespace lvt::broker
