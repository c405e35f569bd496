// PeerDiscovery: one way to learn which nodes there may be. It yields candidate addresses and nothing else: who is a member is Raft's business.
//
// A mechanism blocks while it talks to its service, so it lives on a thread of its own; every call comes from that thread, cancel() from any.
// Calls are bounded in time (the mechanism's settings say how). README.md in this folder shows how to add one.
#pragma once

#include "cluster/discovery/discovery_error.h"
#include "protocol/base/clock.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lvt::discovery {

/// A node that may be there, as far as the mechanism knows it.
struct Candidate {
    /// The node's id, unique for ever; empty where the mechanism knows none.
    std::string id;
    /// "rabbit@host"; may be empty.
    std::string name;
    /// What to dial: a name or a numeric address, IPv6 without brackets.
    std::string host;
    /// 0: the peer port that all nodes have by default.
    std::uint16_t port = 0;

    bool operator==(const Candidate&) const = default;
};

/// What a mechanism saw at one moment. Candidates may be dead, and this node may be missing or among them.
struct PeerList {
    /// In the mechanism's own order (oldest registration first, ordinal, as configured), without duplicates.
    std::vector<Candidate> candidates;
    /// How many nodes the service itself says the cluster should have.
    std::optional<std::uint32_t> expected_size;
    /// Which candidate proposes the cluster, where the mechanism ordains one: an index into `candidates`. It never means that this one may do so alone.
    std::optional<std::size_t> seed;
};

/// This node, as it tells others.
struct Self {
    std::string id;    // never changes
    std::string name;  // "rabbit@host"
    std::string host;  // what peers dial
    std::uint16_t port = 0;
    /// Names of hosts keep their domain.
    bool long_names = false;
};

class PeerDiscovery {
public:
    virtual ~PeerDiscovery() = default;

    /// As in cluster_formation.peer_discovery_backend: "etcd".
    [[nodiscard]] virtual std::string_view name() const = 0;

    /// The candidates. Has no side effects. Empty is a valid answer.
    [[nodiscard]] virtual DiscoveryResult<PeerList> list() = 0;
    /// Whether list() shows every node of the cluster: only then may cleanup believe that one missing from it is gone.
    [[nodiscard]] virtual bool reports_all_nodes() const { return true; }

    [[nodiscard]] virtual bool supports_registration() const { return false; }
    /// Makes this node appear in others' lists. Idempotent; on every start and before list().
    [[nodiscard]] virtual DiscoveryResult<void> register_node() { return {}; }
    /// Undoes it. Works after cancel() too, within seconds.
    [[nodiscard]] virtual DiscoveryResult<void> unregister_node() { return {}; }

    /// How often maintain() wants to be called while this node is registered or holds the lock; nothing: never.
    [[nodiscard]] virtual std::optional<Milliseconds> maintenance_interval() const { return {}; }
    /// Keeps registration and lock alive, and makes the registration anew where the service has lost it.
    [[nodiscard]] virtual DiscoveryResult<void> maintain() { return {}; }

    [[nodiscard]] virtual bool supports_lock() const { return false; }
    /// Waits for the lock of this cluster's formation, at most as long as the settings say; a timeout is transient. The lock saves work: nothing
    /// that must hold depends on it. It ends by itself when its holder dies.
    [[nodiscard]] virtual DiscoveryResult<void> lock() { return {}; }
    /// Works after cancel() too. Without effect where the lock is not held.
    [[nodiscard]] virtual DiscoveryResult<void> unlock() { return {}; }

    /// Whether the service can keep the "this cluster is formed" mark.
    [[nodiscard]] virtual bool supports_mark() const { return false; }
    /// Writes `cluster_id` unless a mark is there; answers the mark that is in force then.
    [[nodiscard]] virtual DiscoveryResult<std::string> create_mark(std::string_view cluster_id) {
        return std::string{cluster_id};
    }
    /// Nothing: there is no mark.
    [[nodiscard]] virtual DiscoveryResult<std::optional<std::string>> read_mark() {
        return std::optional<std::string>{};
    }

    /// Any thread. What is under way, and every call after it except unregister_node() and unlock(), ends with Failure::cancelled.
    virtual void cancel() {}
};

}  // namespace lvt::discovery
