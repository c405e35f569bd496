#include "broker/net/peer_streams.h"

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

#include <algorithm>

namespace lvt::broker {

namespace {

using cluster::FrameType;
using cluster::NodeId;

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kChunkBytes = 1u << 20;
/// Larger than any message with what belongs to it; more in one batch makes no sense.
constexpr std::size_t kBatchBytesMax = std::size_t{1} << 30;
/// Between two tries of a peer.
constexpr std::uint64_t kLookIntervalMs = 250;

}  // namespace

PeerStreams::PeerStreams(
    NodeId self, std::uint64_t starts, PeerTransport& transport, Hooks hooks, LogSink& log)
    : self_(self), starts_(starts), transport_(transport), hooks_(std::move(hooks)), log_(log) {}

void PeerStreams::look(std::uint64_t now_ms, const std::vector<cluster::Peer>& peers) {
    next_look_ms_ = now_ms + kLookIntervalMs;
    std::map<NodeId, cluster::Peer> known;
    for (const cluster::Peer& peer : peers) {
        if (peer.id == self_) continue;
        const auto before = peers_.find(peer.id);
        if (before == peers_.end() || before->second.name != peer.name)
            hooks_.on_name(peer.id, peer.name);
        known[peer.id] = peer;
    }
    peers_ = std::move(known);
    for (const auto& [id, peer] : peers_) {
        if (id < self_ || links_.contains(id)) continue;
        const std::uint64_t link = transport_.open(peer.host, peer.port);
        links_[id] = link;
        streams_[link].peer = id;
    }
}

bool PeerStreams::reaches(NodeId peer) const {
    const auto link = links_.find(peer);
    const auto stream = link == links_.end() ? streams_.end() : streams_.find(link->second);
    return stream != streams_.end() && stream->second.number != 0;
}

std::string PeerStreams::name_of(NodeId id) const {
    const auto found = peers_.find(id);
    return found == peers_.end() ? "a node that is no member any more" : found->second.name;
}

void PeerStreams::greet(std::uint64_t link) {
    Bytes greeting;
    ByteWriter out(greeting);
    out.u8(kVersion);
    out.u64(self_.value());
    out.u64(starts_);
    transport_.write(link, FrameType::stream, greeting);
}

void PeerStreams::on_open(std::uint64_t link) { greet(link); }

void PeerStreams::on_closed(std::uint64_t link) {
    const auto found = streams_.find(link);
    if (found == streams_.end()) return;
    const Stream gone = std::move(found->second);
    streams_.erase(found);
    const auto counted = links_.find(gone.peer);
    if (counted != links_.end() && counted->second == link) links_.erase(counted);
    if (gone.number == 0) return;
    log_.log(LogLevel::warning, "cluster: the stream to {} has ended", name_of(gone.peer));
    hooks_.on_end(gone.peer, gone.number);
}

void PeerStreams::on_frame(std::uint64_t link, ByteView payload) {
    const auto found = streams_.find(link);
    if (found == streams_.end() || found->second.number == 0) return take_greeting(link, payload);
    Stream& stream = found->second;
    if (payload.empty() || stream.incoming.size() + payload.size() > kBatchBytesMax)
        return transport_.drop(link, "what it says makes no sense");
    const bool last = payload.front() != 0;
    payload.remove_prefix(1);
    stream.incoming.append(payload);
    if (!last) return;
    hooks_.on_batch(stream.peer, stream.number, std::exchange(stream.incoming, {}));
}

void PeerStreams::take_greeting(std::uint64_t link, ByteView payload) {
    ByteReader in(payload);
    const std::uint8_t version = in.u8();
    const NodeId id(in.u64());
    (void)in.u64();
    const bool dialled = streams_.contains(link);
    const auto peer = peers_.find(id);
    const bool expected =
        peer != peers_.end() && (dialled ? streams_[link].peer == id : id < self_);
    if (!in.ok() || version != kVersion || !expected) {
        // It may be a member already, and this node not know yet: it tries again.
        return transport_.drop(link, "it is not a peer that streams here");
    }
    if (!dialled) {
        // It has begun anew, whatever this node still holds for alive.
        if (const auto old = links_.find(id); old != links_.end())
            transport_.drop(old->second, "it has made a new one");
        links_[id] = link;
        streams_[link].peer = id;
        greet(link);
    }
    const auto stream = streams_.find(link);
    // Writing may have failed.
    if (stream == streams_.end()) return;
    stream->second.number = ++last_stream_;
    log_.log(LogLevel::info, "cluster: there is a stream to {}", peer->second.name);
    hooks_.on_begin(id, last_stream_, peer->second.name);
}

void PeerStreams::send(NodeId peer, std::uint64_t stream, ByteView batch) {
    const auto found = links_.find(peer);
    if (found == links_.end()) return;
    const std::uint64_t link = found->second;
    Bytes chunk;
    while (!batch.empty()) {
        const auto at = streams_.find(link);
        if (at == streams_.end() || at->second.number != stream) return;
        const std::size_t size = std::min(batch.size(), kChunkBytes);
        chunk.assign(1, static_cast<char>(size == batch.size()));
        chunk.append(batch.substr(0, size));
        batch.remove_prefix(size);
        transport_.write(link, FrameType::stream, chunk);
    }
}

void PeerStreams::end(NodeId peer, std::uint64_t stream, const std::string& reason) {
    const auto found = links_.find(peer);
    if (found == links_.end()) return;
    const auto at = streams_.find(found->second);
    if (at == streams_.end() || at->second.number != stream) return;
    log_.log(LogLevel::error, "cluster: the stream to {}: {}", name_of(peer), reason);
    transport_.drop(found->second, reason);
}

}  // namespace lvt::broker
