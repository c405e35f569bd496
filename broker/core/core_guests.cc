// The sessions of other nodes' clients that want something of queues of this one. A guest is a session like any other, in a lane of its
// own, with every right: what its client may was looked at where the client is.
#include "broker/core/core_state.h"
#include "broker/core/guest.h"

#include <algorithm>

namespace lvt::broker {

namespace {

/// A client has less than 65,536 channels of less consumers; what is far beyond is no slot.
constexpr ConsumerSlot kSlotMax = 1u << 24;
/// Octets of deliveries that may be on their way to one client of another node: the way is longer than to a lane, and credit comes back
/// behind that client's node's publishes.
constexpr std::uint64_t kGuestWindowBytesMax = 4 * 1024 * 1024;
/// What the clients of one node share of that, about; each has at least a lane's window.
constexpr std::uint64_t kGuestWindowsBytes = 64 * 1024 * 1024;

}  // namespace

SessionState* CoreState::find_guest(const Peer& peer, SessionId theirs) {
    const auto found = peer.guests.find(theirs.slot);
    if (found == peer.guests.end() || guests_[found->second.slot].theirs != theirs) return nullptr;
    return find_session(peer_lane_, found->second);
}

Result<void> CoreState::take(Peer& peer, OpenShadow& item) {
    if (peer.guests.contains(item.session.slot))
        return Error{ErrorKind::corrupt, "it opens a session twice"};
    std::uint32_t slot = 0;
    if (free_guests_.empty()) {
        slot = static_cast<std::uint32_t>(guests_.size());
        guests_.emplace_back();
    } else {
        slot = free_guests_.back();
        free_guests_.pop_back();
    }
    guests_[slot] = {&peer, item.session, ++last_guest_epoch_};
    const SessionId id{slot, last_guest_epoch_};
    peer.guests[item.session.slot] = id;
    LoginRequest request;
    request.user = std::move(item.user);
    request.peer = std::move(item.peer);
    request.local = std::move(item.local);
    request.internal = request.owner = true;
    Login login{id, std::move(request)};
    perform(login);
    VhostRequest vhost;
    vhost.vhost = std::move(item.vhost);
    // For listings: whose client it is.
    vhost.client_properties.add_string(kGuestNode, peer.name);
    OpenVhost open{id, std::move(vhost)};
    perform(open);
    if (SessionState* const guest = find_session(peer_lane_, id)) {
        guest->delivery_credit.limit = std::clamp(
            kGuestWindowsBytes / peer.guests.size(), kDeliveryWindowBytes, kGuestWindowBytesMax);
    }
    return {};
}

template <class Command>
Result<void> CoreState::take_command(Peer& peer, Command& command) {
    const SessionState* const guest = find_guest(peer, command.session);
    // It was closed here, and the other node does not know yet.
    if (!guest) return {};
    command.session = guest->id;
    perform(command);
    return {};
}

Result<void> CoreState::take(Peer& peer, OpenChannel& item) { return take_command(peer, item); }
Result<void> CoreState::take(Peer& peer, CloseChannel& item) { return take_command(peer, item); }
Result<void> CoreState::take(Peer& peer, Perform& item) { return take_command(peer, item); }
Result<void> CoreState::take(Peer& peer, Cancel& item) { return take_command(peer, item); }
Result<void> CoreState::take(Peer& peer, Recover& item) { return take_command(peer, item); }
Result<void> CoreState::take(Peer& peer, Settle& item) { return take_command(peer, item); }
Result<void> CoreState::take(Peer& peer, DeliveriesTaken& item) { return take_command(peer, item); }

Result<void> CoreState::take(Peer& peer, CloseSession& item) {
    if (const SessionState* const guest = find_guest(peer, item.session)) end_guest(guest->id);
    return {};
}

void CoreState::end_guest(SessionId id) {
    if (std::exchange(guests_[id.slot].ended, true)) return;
    const LaneIndex lane = std::exchange(lane_, peer_lane_);
    CloseSession close{id, {}};
    perform(close);
    lane_ = lane;
}

Result<void> CoreState::take(Peer& peer, Consume& item) {
    SessionState* const guest = find_guest(peer, item.session);
    const ChannelState* const channel = guest ? guest->channel(item.channel) : nullptr;
    const Consumer* const there = channel ? channel->consumer(item.slot) : nullptr;
    if (item.slot == 0 || item.slot > kSlotMax || (there && there->queue))
        return Error{ErrorKind::corrupt, "it consumes in a slot that is taken"};
    return take_command(peer, item);
}

/// As publish_to() for one of its clients; whoever routed it has counted it.
Result<void> CoreState::take(Peer& peer, PeerPublish& item) {
    ++peer.received;
    Message& message = *item.message.mutable_get();
    message.set_published_at_ms(wall_ms());
    targets_.clear();
    bool refused = false;
    for (const storage::QueueUid uid : item.queues) {
        Queue* const queue = topology_.find_queue(uid);
        // Where it is not there yet, nobody is to believe that it has it.
        refused |= !queue || !is_here(*queue) || !offer(*queue, MessagePtr(item.message));
    }
    if (!targets_.empty()) {
        commits_.add_message(item.message, targets_, now_.monotonic + options_.publish_interval);
        ++stats_.disk_writes;
        peer.ticket = commits_.ticket();
        if (item.awaited) commits_.request();
    }
    if (refused) tell(peer, PeerRefused{peer.received});
    return {};
}

/// One answer for all of a batch.
void CoreState::answer_publishes(Peer& peer) {
    if (peer.settled == peer.received) return;
    peer.settled = peer.received;
    if (commits_.durable(peer.ticket))
        tell(peer, PeerPublished{peer.received});
    else
        wait({peer.ticket, {}, Waiter::PublishedFor{peer.id, peer.stream, peer.received}});
}

void CoreState::published_for(const Waiter::PublishedFor& done) {
    Peer& peer = peer_of(done.peer);
    if (peer.up && peer.stream == done.stream) tell(peer, PeerPublished{done.up_to});
}

Result<void> CoreState::take(Peer&, PeerDirectReply& item) {
    const VirtualHost* const vhost = topology_.find_vhost(item.vhost);
    if (vhost) (void)deliver_reply(*vhost, item.name, item.message);
    return {};
}

/// What the turn had for guests.
void CoreState::tell_guests() {
    EffectBatch& batch = effects(peer_lane_);
    for (LaneEffect& effect : batch) {
        const SessionId id = session_of(effect);
        Guest& guest = guests_[id.slot];
        if (guest.epoch != id.epoch) continue;
        if (guest.peer) std::visit([&](auto& one) { tell_guest(guest, one); }, effect);
        if (!std::holds_alternative<SessionClosed>(effect)) continue;
        if (guest.peer) guest.peer->guests.erase(guest.theirs.slot);
        guest = {};
        free_guests_.push_back(id.slot);
    }
    batch.clear();
}

template <class Effect>
void CoreState::tell_guest(const Guest& guest, Effect& effect) {
    constexpr bool kOfNoConcern =
        std::is_same_v<Effect, Confirm> || std::is_same_v<Effect, ReturnMessage> ||
        std::is_same_v<Effect, LoginDecided> || std::is_same_v<Effect, VhostOpened> ||
        std::is_same_v<Effect, LimitChannels> || std::is_same_v<Effect, Throttle> ||
        std::is_same_v<Effect, Blocked>;
    if constexpr (!kOfNoConcern) {
        effect.session = guest.theirs;
        tell(*guest.peer, effect);
    }
}

/// Its node is gone.
void CoreState::end_guests(Peer& peer) {
    for (const auto& [slot, id] : std::exchange(peer.guests, {})) {
        guests_[id.slot].peer = nullptr;
        end_guest(id);
    }
}

/// This node is about to be gone.
void CoreState::end_guests() {
    for (std::uint32_t slot = 0; slot < guests_.size(); ++slot) {
        const SessionId id{slot, guests_[slot].epoch};
        if (find_session(peer_lane_, id)) end_guest(id);
    }
}

}  // namespace lvt::broker
