// What shadows at other nodes answer, for the clients of this one; and what becomes of them when their node goes down.
#include "broker/core/core_state.h"
#include "broker/core/topology_errors.h"

#include <algorithm>

namespace lvt::broker {

using amqp::AmqpError;
using amqp::ReplyCode;

Shadow* CoreState::find_shadow(Peer& peer, SessionId id) {
    Shadow* const shadow = id.slot < peer.shadows.size() ? peer.shadows[id.slot].get() : nullptr;
    return shadow && shadow->id == id ? shadow : nullptr;
}

/// The client's channel; null where it is gone.
ChannelState* CoreState::client_of(Peer& peer, SessionId session, ChannelId channel) {
    Shadow* const shadow = find_shadow(peer, session);
    if (!shadow) return nullptr;
    const auto found = shadow->channels.find(channel);
    return found == shadow->channels.end() ? nullptr : find_channel(found->second.key);
}

Result<void> CoreState::take(Peer& peer, Deliver& item) {
    Shadow* const shadow = find_shadow(peer, item.session);
    if (!shadow) return {};
    const std::uint64_t bytes = item.message->charge();
    ChannelState* const channel = client_of(peer, item.session, item.channel);
    if (!channel) {
        // Nobody takes it: its session there may go on to others.
        if (!shadow->closing) tell(peer, DeliveriesTaken{shadow->id, bytes});
        return {};
    }
    SessionState& session = *channel->session;
    shadow->outstanding += bytes;
    session.delivery_credit.take(bytes);
    effects(session.lane)
        .emplace_back(
            std::in_place_type<Deliver>,
            session.id,
            channel->id,
            item.redelivered,
            item.no_ack,
            item.slot,
            item.index,
            std::move(item.message));
    return {};
}

/// Its index there is not the one that the client's lane counts with.
Result<void> CoreState::take(Peer& peer, GotMessage& item) {
    ChannelState* const channel = client_of(peer, item.session, item.channel);
    if (!channel || channel->remote->asked != &peer) return {};
    if (!item.no_ack) {
        const DeliveryIndex index = channel->gets.skip();
        channel->remote->gets[index] = {&peer, item.index};
        item.index = index;
    }
    channel->remote->asked = nullptr;
    item.session = channel->session->id;
    item.channel = channel->id;
    effects(channel->session->lane).push_back(std::move(item));
    resume(*channel);
    return {};
}

Result<void> CoreState::take(Peer& peer, Reply& item) {
    // The client has had its own answer.
    if (std::holds_alternative<amqp::BasicQosOk>(*item.method)) return {};
    ChannelState* const channel = client_of(peer, item.session, item.channel);
    if (!channel || channel->remote->asked != &peer) return {};
    RemoteChannel& remote = *channel->remote;
    if (std::holds_alternative<amqp::QueueDeleteOk>(*item.method) &&
        topology_.find_queue(remote.asked_queue)) {
        // It is still on its way to here: the client must not meet it again.
        remote.when_gone = std::move(item.method);
        awaiting_gone_.push_back(key_of(*channel));
        return {};
    }
    answer_asked(*channel, std::move(item.method));
    return {};
}

void CoreState::answer_asked(ChannelState& channel, std::unique_ptr<amqp::Method> method) {
    SessionState& session = *channel.session;
    channel.remote->asked = nullptr;
    if (!channel.remote->silent)
        effects(session.lane).push_back(Reply{session.id, channel.id, std::move(method)});
    resume(channel);
}

/// Queues that were deleted elsewhere may be gone here by now.
void CoreState::answer_gone() {
    for (const ChannelKey& key : std::exchange(awaiting_gone_, {})) {
        ChannelState* const channel = find_channel(key);
        if (!channel || !channel->remote->when_gone) continue;
        if (topology_.find_queue(channel->remote->asked_queue))
            awaiting_gone_.push_back(key);
        else
            answer_asked(*channel, std::move(channel->remote->when_gone));
    }
}

Result<void> CoreState::take(Peer& peer, ChannelFailed& item) {
    Shadow* const shadow = find_shadow(peer, item.session);
    const auto found = shadow ? shadow->channels.find(item.channel)
                              : std::map<ChannelId, ShadowChannel>::iterator();
    if (!shadow || found == shadow->channels.end() || found->second.closing) return {};
    ChannelState* const channel = find_channel(found->second.key);
    shadow->channels.erase(found);
    if (!channel) return {};
    std::erase_if(channel->remote->places, [&](const auto& place) { return place.peer == &peer; });
    if (!channel->session->closing) fail(*channel, std::move(*item.error));
    return {};
}

Result<void> CoreState::take(Peer& peer, SessionFailed& item) {
    Shadow* const shadow = find_shadow(peer, item.session);
    if (!shadow || shadow->closing) return {};
    SessionState* const session = find_session(shadow->lane, shadow->client);
    // It shuts down, else it is the client's own fault.
    if (session && !session->closing && item.error->code != ReplyCode::connection_forced) {
        session->closing = true;
        effects(session->lane).push_back(SessionFailed{session->id, std::move(item.error)});
        return {};
    }
    shadow->closing = true;
    tell(peer, CloseSession{shadow->id, {}});
    lose_shadow(peer, *shadow);
    return {};
}

Result<void> CoreState::take(Peer& peer, ChannelClosed& item) {
    Shadow* const shadow = find_shadow(peer, item.session);
    if (!shadow) return {};
    const auto found = shadow->channels.find(item.channel);
    if (found == shadow->channels.end()) return {};
    const RemoteWaitPtr wait = std::move(found->second.wait);
    shadow->channels.erase(found);
    if (wait) answered(wait, false);
    return {};
}

Result<void> CoreState::take(Peer& peer, SessionClosed& item) {
    Shadow* const shadow = find_shadow(peer, item.session);
    if (!shadow) return {};
    const std::unique_ptr<Shadow> gone = std::move(peer.shadows[item.session.slot]);
    peer.free_shadows.push_back(item.session.slot);
    lose_shadow(peer, *gone);
    return {};
}

Result<void> CoreState::take(Peer& peer, ConsumerCancelled& item) {
    const ChannelState* const channel = client_of(peer, item.session, item.channel);
    if (!channel || channel->remote->consumes_at(item.slot) != &peer) return {};
    item.session = channel->session->id;
    item.channel = channel->id;
    effects(channel->session->lane).push_back(item);
    return {};
}

/// It answers nothing any more.
void CoreState::lose_shadow(Peer& peer, Shadow& shadow) {
    SessionState* const session = find_session(shadow.lane, shadow.client);
    if (session && session->remote) {
        std::erase_if(
            session->remote->shadows, [&](const auto& one) { return one.second == &shadow; });
    }
    for (auto& [id, channel] : std::exchange(shadow.channels, {})) {
        lose_place(peer, channel.key);
        if (channel.wait) answered(channel.wait, false);
    }
    if (const RemoteWaitPtr wait = std::exchange(shadow.wait, nullptr)) answered(wait, false);
}

/// As RabbitMQ, whose clients learn that a node of their queues is down.
void CoreState::lose_place(Peer& peer, const ChannelKey& key) {
    ChannelState* const channel = find_channel(key);
    if (!channel) return;
    RemoteChannel& remote = *channel->remote;
    const auto places =
        std::erase_if(remote.places, [&](const auto& place) { return place.peer == &peer; });
    if (places == 0) return;
    std::erase_if(remote.gets, [&](const auto& got) { return got.second.peer == &peer; });
    EffectBatch& out = effects(key.lane);
    for (ConsumerSlot slot = 0; slot < remote.slots.size(); ++slot) {
        if (remote.slots[slot] != &peer) continue;
        remote.slots[slot] = nullptr;
        out.push_back(ConsumerCancelled{key.session, key.channel, slot});
    }
    // The queue is gone there, so it will be here.
    if (remote.asked != &peer || remote.when_gone) return;
    if (remote.if_lost) return answer_asked(*channel, std::move(remote.if_lost));
    const Queue* const queue = topology_.find_queue(remote.asked_queue);
    AmqpError error =
        queue ? unreachable(*queue) : AmqpError{ReplyCode::not_found, "the queue is gone"};
    error.class_id = remote.asked_class;
    error.method_id = remote.asked_method;
    remote.asked = nullptr;
    if (!channel->session->closing) fail(*channel, std::move(error));
}

}  // namespace lvt::broker
