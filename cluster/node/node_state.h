// NodeState: what a node must not forget of its cluster, as octets.
//
//   u8 1, u64 node id, u64 starts, cluster name, vote, membership, u8 removed, book, u32 crc32c of all before
//   vote        u64 round, u64 proposer (promised), the same (accepted), u8 basis, u32 size, u32 votes, u64 candidates, u8 and charter
//   membership  u8 and charter
//   charter     u64 cluster, founders
//   book        u16 count, each (u64 id, u64 starts, name, host, u16 port); founders alike. Texts: u8 length and octets. Big-endian.
#pragma once

#include "cluster/node/peer.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"
#include "protocol/base/result.h"

#include <optional>

namespace lvt::cluster {

/// What the node promised while clusters were proposed.
struct Vote {
    /// Nothing below it is agreed to.
    Ballot promised;
    /// The ballot of `charter`.
    Ballot accepted;
    /// Of the last promise.
    Terms terms;
    std::optional<Charter> charter;

    bool operator==(const Vote&) const = default;
};

struct NodeState {
    NodeId id;
    std::uint64_t starts = 0;
    std::string cluster_name;
    Vote vote;
    /// The cluster that the node belongs to; nothing: it is blank.
    std::optional<Charter> cluster;
    /// The cluster has no such member any more: this id has no part in anything again.
    bool removed = false;
    /// Where the others were last.
    std::vector<Peer> book;

    [[nodiscard]] Bytes encode() const;
    /// `corrupt`, `unsupported` where the version is unknown.
    [[nodiscard]] static Result<NodeState> decode(ByteView bytes);

    bool operator==(const NodeState&) const = default;
};

// Parts of messages too.
void write_peer(ByteWriter& out, const Peer& peer);
void write_peers(ByteWriter& out, const std::vector<Peer>& peers);
void write_charter(ByteWriter& out, const std::optional<Charter>& charter);
void write_ballot(ByteWriter& out, const Ballot& ballot);
void write_terms(ByteWriter& out, const Terms& terms);
// What makes no sense leaves the reader failed.
void fail(ByteReader& in);
[[nodiscard]] Peer read_peer(ByteReader& in);
[[nodiscard]] std::vector<Peer> read_peers(ByteReader& in);
[[nodiscard]] std::optional<Charter> read_charter(ByteReader& in);
[[nodiscard]] Ballot read_ballot(ByteReader& in);
[[nodiscard]] Terms read_terms(ByteReader& in);

}  // namespace lvt::cluster
