// The streams between this node and its peers: one batch a turn each way, in order; what becomes of everything when one ends.
#include "broker/core/core_state.h"

#include <fmt/format.h>

namespace lvt::broker {

Peer& CoreState::peer_of(cluster::NodeId id) {
    std::unique_ptr<Peer>& peer = peers_[id];
    if (!peer) {
        peer = std::make_unique<Peer>();
        peer->id = id;
    }
    return *peer;
}

void CoreState::on_peer_up(cluster::NodeId id, ByteView name, Time now) {
    now_ = now;
    Peer& peer = peer_of(id);
    end_stream(peer);
    peer.name = name;
    peer.up = true;
    ++peer.stream;
    tell(peer, PeerHello{node_.id, node_.starts});
    tell(peer, PeerAlarm{own_alarm_.memory, own_alarm_.disk});
    send_moves(peer);
}

void CoreState::on_peer_down(cluster::NodeId id, Time now) {
    now_ = now;
    end_stream(peer_of(id));
}

void CoreState::name_peer(cluster::NodeId id, ByteView name) { peer_of(id).name = name; }

Result<void> CoreState::on_peer_batch(cluster::NodeId id, ByteView bytes, Time now) {
    now_ = now;
    if (!turn_began_) turn_began_ = now.wall;
    sampler_.note_activity(now.monotonic);
    Peer& peer = peer_of(id);
    if (!peer.up) return {};
    lane_ = peer_lane_;
    const Result<void> taken = take_batch(peer, bytes);
    if (taken.has_error())
        end_stream(peer);
    else
        answer_publishes(peer);
    return taken;
}

Result<void> CoreState::take_batch(Peer& peer, ByteView bytes) {
    PeerBatchReader reader(bytes, pool_);
    const Result<std::uint64_t> number = reader.number();
    if (number.has_error()) return number.error();
    if (*number != ++peer.batches_received)
        return Error{
            ErrorKind::corrupt,
            fmt::format("batch {} came in the place of {}", *number, peer.batches_received)};
    while (true) {
        Result<std::optional<PeerItem>> item = reader.next();
        if (item.has_error()) return std::move(item).error();
        if (!*item) return {};
        if (!peer.greeted && !std::holds_alternative<PeerHello>(**item))
            return Error{ErrorKind::corrupt, "it does not say who it is"};
        LVT_TRY(std::visit([&](auto& one) { return take(peer, one); }, **item));
        if (!peer.up) return {};
    }
}

Result<void> CoreState::take(Peer& peer, PeerHello& item) {
    if (item.node != peer.id) return Error{ErrorKind::corrupt, "it is another node than it said"};
    peer.greeted = true;
    return {};
}

Result<void> CoreState::take(Peer& peer, PeerAlarm& item) {
    peer.alarm = {item.memory, item.disk};
    refresh_alarm();
    return {};
}

Bytes& CoreState::outgoing(Peer& peer) {
    if (peer.out.empty()) begin_peer_batch(peer.out, ++peer.batches_sent);
    return peer.out;
}

/// What its sessions wanted here ends as connections do that are cut; what was asked of it has no answer any more.
void CoreState::end_stream(Peer& peer) {
    if (!std::exchange(peer.up, false)) return;
    peer.greeted = false;
    peer.out.clear();
    peer.batches_sent = peer.batches_received = 0;
    end_guests(peer);
    const auto shadows = std::exchange(peer.shadows, {});
    peer.free_shadows.clear();
    for (const auto& shadow : shadows) {
        if (shadow) lose_shadow(peer, *shadow);
    }
    lose_publishes(peer);
    peer.received = peer.settled = 0;
    peer.ticket = {};
    peer.alarm = {};
    refresh_alarm();
}

/// At the end of a turn.
void CoreState::collect_peer_batches() {
    tell_guests();
    for (auto& [id, peer] : peers_) {
        if (peer->out.empty()) continue;
        output_.peers.push_back({id, std::exchange(peer->out, {})});
    }
}

}  // namespace lvt::broker
