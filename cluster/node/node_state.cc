#include "cluster/node/node_state.h"

#include "cluster/raft/configuration.h"
#include "storage/crc32c.h"

#include <fmt/format.h>

#include <algorithm>

namespace lvt::cluster {
namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

void fail(ByteReader& in) { (void)in.view(in.rest().size() + 1); }

std::string to_text(NodeId id) { return fmt::format("{:016x}", id.value()); }
std::string to_text(ClusterId id) { return fmt::format("{:016x}", id.value()); }

bool Charter::has_founder(NodeId id) const {
    return std::ranges::find(founders, id, &Peer::id) != founders.end();
}

void write_peer(ByteWriter& out, const Peer& peer) {
    out.u64(peer.id.value());
    out.u64(peer.starts);
    out.short_string(peer.name);
    out.short_string(peer.host);
    out.u16(peer.port);
}

Peer read_peer(ByteReader& in) {
    Peer out;
    out.id = NodeId{in.u64()};
    out.starts = in.u64();
    out.name = in.short_string();
    out.host = in.short_string();
    out.port = in.u16();
    if (out.id.value() == 0) fail(in);
    return out;
}

void write_peers(ByteWriter& out, const std::vector<Peer>& peers) {
    out.u16(static_cast<std::uint16_t>(peers.size()));
    for (const Peer& peer : peers) write_peer(out, peer);
}

std::vector<Peer> read_peers(ByteReader& in) {
    std::vector<Peer> out;
    const std::size_t count = in.u16();
    for (std::size_t i = 0; i < count && in.ok(); ++i) out.push_back(read_peer(in));
    return out;
}

void write_charter(ByteWriter& out, const std::optional<Charter>& charter) {
    out.u8(static_cast<std::uint8_t>(charter ? 1 : 0));
    if (!charter) return;
    out.u64(charter->cluster.value());
    write_peers(out, charter->founders);
}

std::optional<Charter> read_charter(ByteReader& in) {
    const std::uint8_t present = in.u8();
    if (present == 0) return std::nullopt;
    Charter out;
    out.cluster = ClusterId{in.u64()};
    out.founders = read_peers(in);
    const auto ascending = [](const Peer& a, const Peer& b) { return !(a.id < b.id); };
    const bool sound = present == 1 && out.cluster.value() != 0 && !out.founders.empty() &&
                       out.founders.size() <= kMembersMax &&
                       std::ranges::adjacent_find(out.founders, ascending) == out.founders.end();
    if (!sound) fail(in);
    return out;
}

void write_ballot(ByteWriter& out, const Ballot& ballot) {
    out.u64(ballot.round);
    out.u64(ballot.proposer.value());
}

Ballot read_ballot(ByteReader& in) {
    const std::uint64_t round = in.u64();
    return {round, NodeId{in.u64()}};
}

void write_terms(ByteWriter& out, const Terms& terms) {
    out.u8(static_cast<std::uint8_t>(terms.basis));
    out.u32(terms.size);
    out.u32(terms.votes);
    out.u64(terms.candidates);
}

Terms read_terms(ByteReader& in) {
    Terms out;
    const std::uint8_t basis = in.u8();
    if (basis > static_cast<std::uint8_t>(SizeBasis::list)) fail(in);
    out.basis = static_cast<SizeBasis>(basis);
    out.size = in.u32();
    out.votes = in.u32();
    out.candidates = in.u64();
    return out;
}

Bytes NodeState::encode() const {
    Bytes bytes;
    ByteWriter out(bytes);
    out.u8(kVersion);
    out.u64(id.value());
    out.u64(starts);
    out.short_string(cluster_name);
    write_ballot(out, vote.promised);
    write_ballot(out, vote.accepted);
    write_terms(out, vote.terms);
    write_charter(out, vote.charter);
    write_charter(out, cluster);
    out.u8(static_cast<std::uint8_t>(removed ? 1 : 0));
    write_peers(out, book);
    out.u32(storage::crc32c(0, bytes));
    return bytes;
}

Result<NodeState> NodeState::decode(ByteView bytes) {
    const Error corrupt{ErrorKind::corrupt, "what a node knows of its cluster makes no sense"};
    constexpr std::size_t kSumBytes = 4;
    if (bytes.size() <= kSumBytes) return corrupt;
    const ByteView body = bytes.substr(0, bytes.size() - kSumBytes);
    if (ByteReader(bytes.substr(body.size())).u32() != storage::crc32c(0, body)) return corrupt;
    ByteReader in(body);
    if (const std::uint8_t version = in.u8(); version != kVersion)
        return Error{
            ErrorKind::unsupported,
            fmt::format("version {} of what a node knows of its cluster is unknown", version)};
    NodeState out;
    out.id = NodeId{in.u64()};
    out.starts = in.u64();
    out.cluster_name = in.short_string();
    out.vote.promised = read_ballot(in);
    out.vote.accepted = read_ballot(in);
    out.vote.terms = read_terms(in);
    out.vote.charter = read_charter(in);
    out.cluster = read_charter(in);
    const std::uint8_t removed = in.u8();
    if (removed > 1) fail(in);
    out.removed = removed == 1;
    out.book = read_peers(in);
    if (!in.ok() || !in.done() || out.id.value() == 0) return corrupt;
    return out;
}

}  // namespace lvt::cluster
