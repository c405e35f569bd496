// The words of formation: who a node is, what a cluster was founded on, and the ballots by which it is.
#pragma once

#include "cluster/raft/types.h"

#include <compare>
#include <string>
#include <vector>

namespace lvt::cluster {

/// A cluster for ever: random, minted by the node that proposed it. 0: none.
using ClusterId = StrongId<struct ClusterIdTag, std::uint64_t>;

/// A node, and where it is dialled. The id stays, the rest may change with every start.
struct Peer {
    NodeId id;
    std::string name;  // "rabbit@host"
    std::string host;
    std::uint16_t port = 0;
    /// Starts of the node: of two addresses the one with more starts is right.
    std::uint64_t starts = 0;

    bool operator==(const Peer&) const = default;
};

/// Names and hosts are at most this long.
inline constexpr std::size_t kPeerTextMax = 255;

/// "0123456789abcdef", as ids are shown and registered.
[[nodiscard]] std::string to_text(NodeId id);
[[nodiscard]] std::string to_text(ClusterId id);

/// Grows with every attempt; no two nodes have the same.
struct Ballot {
    std::uint64_t round = 0;
    NodeId proposer;

    auto operator<=>(const Ballot&) const = default;
};

/// What is agreed on once in a cluster's life.
struct Charter {
    ClusterId cluster;
    /// Sorted by id; the first members of the metadata group, all voters.
    std::vector<Peer> founders;

    [[nodiscard]] bool has_founder(NodeId id) const;
    bool operator==(const Charter&) const = default;
};

/// How large a node believes the cluster shall be.
enum class SizeBasis : std::uint8_t {
    unknown = 0,  // nothing was listed yet
    hint = 1,     // the configuration says so: a majority founds
    list = 2,     // as many as were listed: all of them found
};

/// The terms on which a node asks for a vote, and on which it gives one.
struct Terms {
    SizeBasis basis = SizeBasis::unknown;
    std::uint32_t size = 0;
    /// Votes that a charter needs.
    std::uint32_t votes = 0;
    /// Hash of the addresses that were listed.
    std::uint64_t candidates = 0;

    bool operator==(const Terms&) const = default;
};

}  // namespace lvt::cluster
