// Queues of other nodes as clients of this one use them: their commands go to the queue's home, to a shadow of their session there.
// Slots, delivery indexes and consumer tags are the client's own, so they are passed on as they are.
#include "broker/core/core_state.h"
#include "broker/core/topology_errors.h"

#include <algorithm>
#include <limits>

namespace lvt::broker {

using amqp::AmqpError;
using amqp::ReplyCode;

AmqpError CoreState::unreachable(const Queue& queue) const {
    const auto found = peers_.find(queue.home);
    if (found != peers_.end() && !found->second->name.empty())
        return home_is_down(queue, found->second->name);
    return home_is_down(queue, fmt::format("{:016x}", queue.home.value()));
}

Peer* CoreState::reachable_home(const Queue& queue) {
    const auto found = peers_.find(queue.home);
    return found != peers_.end() && found->second->up ? found->second.get() : nullptr;
}

Shadow& CoreState::open_shadow(SessionState& session, Peer& peer) {
    if (!session.remote) session.remote = std::make_unique<RemoteSession>();
    for (const auto& [at, shadow] : session.remote->shadows) {
        if (at == &peer) return *shadow;
    }
    if (peer.free_shadows.empty()) {
        peer.free_shadows.push_back(static_cast<std::uint32_t>(peer.shadows.size()));
        peer.shadows.emplace_back();
    }
    const std::uint32_t slot = peer.free_shadows.back();
    peer.free_shadows.pop_back();
    auto& shadow = peer.shadows[slot] = std::make_unique<Shadow>();
    shadow->id = {slot, ++peer.last_shadow_epoch};
    shadow->lane = session.lane;
    shadow->client = session.id;
    session.remote->shadows.emplace_back(&peer, shadow.get());
    tell(
        peer,
        OpenShadow{shadow->id, session.user, session.peer, session.local, session.vhost->name()});
    return *shadow;
}

/// Null where the home cannot be reached.
RemoteChannel::Place* CoreState::reach(ChannelState& channel, const Queue& queue) {
    Peer* const peer = reachable_home(queue);
    if (!peer) return nullptr;
    if (!channel.remote) channel.remote = std::make_unique<RemoteChannel>();
    if (RemoteChannel::Place* const there = channel.remote->place(peer)) return there;
    Shadow& shadow = open_shadow(*channel.session, *peer);
    // The client's number, as listings show it, or another: one that is about to end may still be spoken of.
    if (shadow.channels.size() == std::numeric_limits<std::uint16_t>::max()) return nullptr;
    ChannelId id = channel.id;
    while (id.value() == 0 || shadow.channels.contains(id)) id = ChannelId(++shadow.last_channel);
    shadow.channels[id] = {key_of(channel), false, nullptr};
    tell(*peer, OpenChannel{shadow.id, id, false});
    channel.remote->places.push_back({peer, &shadow, id});
    RemoteChannel::Place& place = channel.remote->places.back();
    const auto window = [&](std::uint64_t limit, bool global) {
        if (limit) tell_method(place, amqp::BasicQos{0, static_cast<std::uint16_t>(limit), global});
    };
    window(channel.prefetch, false);
    window(channel.credit.limit, true);
    return &place;
}

void CoreState::tell_method(const RemoteChannel::Place& place, amqp::Method method) {
    tell(
        *place.peer,
        Perform{
            place.shadow->id, place.channel, std::make_unique<amqp::Method>(std::move(method))});
}

/// The channel does nothing else until the answer has come.
template <class M>
void CoreState::await_answer(
    ChannelState& channel, Peer& peer, storage::QueueUid queue, bool silent) {
    RemoteChannel& remote = *channel.remote;
    remote.asked = &peer;
    remote.asked_queue = queue;
    remote.asked_class = M::kClassId;
    remote.asked_method = M::kMethodId;
    remote.silent = silent;
    remote.if_lost.reset();
    remote.when_gone.reset();
    pause(channel);
}

template <class M>
Done CoreState::ask_home(ChannelState& channel, const Queue& queue, M method, bool silent) {
    const RemoteChannel::Place* const place = reach(channel, queue);
    if (!place) return unreachable(queue);
    tell_method(*place, std::move(method));
    await_answer<M>(channel, *place->peer, queue.uid, silent);
    return {};
}

Done CoreState::declare_elsewhere(ChannelState& channel, const Queue& queue, bool silent) {
    amqp::QueueDeclare passive;
    passive.queue = queue.name;
    passive.passive = true;
    const Done asked = ask_home(channel, queue, std::move(passive), silent);
    if (!asked.has_error()) channel.last_queue = queue.name;
    return asked;
}

Done CoreState::purge_elsewhere(ChannelState& channel, const Queue& queue, bool silent) {
    amqp::QueuePurge purge;
    purge.queue = queue.name;
    return ask_home(channel, queue, std::move(purge), silent);
}

Done CoreState::delete_elsewhere(
    ChannelState& channel, const Queue& queue, const amqp::QueueDelete& method) {
    amqp::QueueDelete there = method;
    there.queue = queue.name;
    there.no_wait = false;
    return ask_home(channel, queue, std::move(there), method.no_wait);
}

Done CoreState::get_elsewhere(
    ChannelState& channel, const Queue& queue, const amqp::BasicGet& method) {
    amqp::BasicGet there = method;
    there.queue = queue.name;
    return ask_home(channel, queue, std::move(there), false);
}

Done CoreState::consume_elsewhere(
    ChannelState& channel, const Queue& queue, const Consume& command) {
    const RemoteChannel::Place* const place = reach(channel, queue);
    if (!place) return unreachable(queue);
    auto method = std::make_unique<amqp::BasicConsume>(*command.method);
    method->queue = queue.name;
    method->no_wait = false;
    std::vector<Peer*>& slots = channel.remote->slots;
    if (slots.size() <= command.slot) slots.resize(command.slot + 1);
    slots[command.slot] = place->peer;
    if (command.slot < channel.consumers.size()) channel.consumers[command.slot].reset();
    tell(*place->peer, Consume{place->shadow->id, place->channel, command.slot, std::move(method)});
    await_answer<amqp::BasicConsume>(channel, *place->peer, queue.uid, command.method->no_wait);
    return {};
}

/// False where it does not consume elsewhere.
bool CoreState::cancel_elsewhere(ChannelState& channel, Cancel& command) {
    Peer* const peer = channel.remote->consumes_at(command.slot);
    const RemoteChannel::Place* const place = peer ? channel.remote->place(peer) : nullptr;
    if (!place) return false;
    Bytes tag = *command.consumer_tag;
    const bool silent = command.no_wait;
    command.session = place->shadow->id;
    command.channel = place->channel;
    command.no_wait = false;
    tell(*peer, command);
    await_answer<amqp::BasicCancel>(channel, *peer, {}, silent);
    channel.remote->if_lost = std::make_unique<amqp::Method>(amqp::BasicCancelOk{std::move(tag)});
    return true;
}

/// What a consumer here in a slot that was one elsewhere has to forget.
void CoreState::consumes_here(ChannelState& channel, ConsumerSlot slot) {
    std::vector<Peer*>& slots = channel.remote->slots;
    if (slot < slots.size()) slots[slot] = nullptr;
}

/// True where all of it is done with. What basic.get brought may be from here and from elsewhere.
bool CoreState::settle_elsewhere(ChannelState& channel, const Settle& command) {
    RemoteChannel& remote = *channel.remote;
    if (command.slot) {
        Peer* const peer = remote.consumes_at(command.slot);
        const RemoteChannel::Place* const place = peer ? remote.place(peer) : nullptr;
        if (!place) return peer != nullptr;
        Settle there = command;
        there.session = place->shadow->id;
        there.channel = place->channel;
        tell(*peer, there);
        return true;
    }
    const DeliveryIndex end = command.first + command.count;
    auto at = remote.gets.lower_bound(command.first);
    while (at != remote.gets.end() && at->first < end) {
        const RemoteChannel::Place* const place = remote.place(at->second.peer);
        Settle there = command;
        there.first = at->second.index;
        there.count = 1;
        at = remote.gets.erase(at);
        if (!place) continue;
        there.session = place->shadow->id;
        there.channel = place->channel;
        tell(*place->peer, there);
    }
    return false;
}

/// In a transaction what it is to settle stays where it is, so ranges go back one by one.
void CoreState::recover_elsewhere(ChannelState& channel, const Recover& command) {
    RemoteChannel& remote = *channel.remote;
    if (channel.mode == ChannelMode::transaction) {
        const auto give_back = [&](ConsumerSlot slot, DeliveryIndex end) {
            for (const DeliveryRange range : outside_transaction(channel, slot, end)) {
                (void)settle_elsewhere(
                    channel,
                    {channel.session->id,
                     channel.id,
                     slot,
                     Outcome::requeue,
                     range.first,
                     range.end - range.first});
            }
        };
        for (const SlotProgress& slot : command.progress) {
            if (remote.consumes_at(slot.slot)) give_back(slot.slot, slot.encoded);
        }
        return give_back(0, channel.gets.next_index());
    }
    remote.gets.clear();
    for (const RemoteChannel::Place& place : remote.places) {
        tell(
            *place.peer,
            Recover{
                place.shadow->id,
                place.channel,
                true,
                progress_at(remote, place, command.progress)});
    }
}

std::vector<SlotProgress> CoreState::progress_at(
    const RemoteChannel& remote, const RemoteChannel::Place& place,
    const std::vector<SlotProgress>& all) {
    std::vector<SlotProgress> out;
    for (const SlotProgress& slot : all) {
        if (slot.slot && remote.consumes_at(slot.slot) == place.peer)
            out.push_back({place.channel, slot.slot, slot.encoded});
    }
    return out;
}

void CoreState::qos_elsewhere(ChannelState& channel, const amqp::BasicQos& method) {
    for (const RemoteChannel::Place& place : channel.remote->places) tell_method(place, method);
}

/// What its client has taken is credit again where it came from.
void CoreState::grant_elsewhere(SessionState& session, std::uint64_t bytes) {
    for (const auto& [peer, shadow] : session.remote->shadows) {
        const std::uint64_t part = std::min(bytes, shadow->outstanding);
        if (part == 0) continue;
        shadow->outstanding -= part;
        bytes -= part;
        tell(*peer, DeliveriesTaken{shadow->id, part});
    }
}

/// The channel ends here, so it does elsewhere.
void CoreState::close_elsewhere(ChannelState& channel, const std::vector<SlotProgress>& progress) {
    RemoteChannel& remote = *channel.remote;
    remote.gets.clear();
    remote.asked = nullptr;
    if (remote.places.empty()) return;
    if (!remote.end) remote.end = std::make_shared<RemoteWait>();
    for (const RemoteChannel::Place& place : std::exchange(remote.places, {})) {
        tell(
            *place.peer,
            CloseChannel{place.shadow->id, place.channel, progress_at(remote, place, progress)});
        ShadowChannel& shadow = place.shadow->channels[place.channel];
        shadow.closing = true;
        shadow.wait = remote.end;
        ++remote.end->awaited;
    }
}

/// True where other nodes have to answer first: then `then` happens when they have.
bool CoreState::ends_elsewhere(ChannelState& channel, Waiter then) {
    RemoteChannel& remote = *channel.remote;
    const RemoteWaitPtr wait = remote.end ? remote.end : std::make_shared<RemoteWait>();
    await_publishes(remote, wait);
    if (wait->awaited == 0) return false;
    wait->then = std::move(then);
    return true;
}

bool CoreState::ends_elsewhere(SessionState& session, Ticket ticket) {
    const auto wait = std::make_shared<RemoteWait>();
    for (const auto& [id, channel] : session.channels) {
        if (channel->remote) await_publishes(*channel->remote, wait);
    }
    if (session.remote) {
        for (const auto& [peer, shadow] : std::exchange(session.remote->shadows, {})) {
            shadow->closing = true;
            shadow->wait = wait;
            ++wait->awaited;
            tell(*peer, CloseSession{shadow->id, {}});
        }
    }
    if (wait->awaited == 0) return false;
    wait->then = Waiter{ticket, {session.lane, session.id, {}}, Waiter::SessionDone{}};
    return true;
}

/// One of the answers has come.
void CoreState::answered(const RemoteWaitPtr& wait, bool refused) {
    wait->refused |= refused;
    if (--wait->awaited > 0 || !wait->then) return;
    Waiter then = *std::exchange(wait->then, std::nullopt);
    if (wait->refused) {
        ChannelState* const channel = find_channel(then.channel);
        if (const auto* const run = std::get_if<Waiter::ConfirmRun>(&then.action))
            return channel ? refuse(*channel, run->first) : void();
        if (std::holds_alternative<Waiter::HeldReply>(then.action))
            return channel ? fail_partial_commit(*channel) : void();
    }
    if (commits_.durable(then.ticket)) return run(then);
    commits_.request();
    this->wait(std::move(then));
}

}  // namespace lvt::broker
