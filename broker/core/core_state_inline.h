// The templates of CoreState. Included by core_state.h only.
#pragma once

#include "broker/core/core_state.h"

namespace lvt::broker {

template <class Accepts>
void CoreState::forward(
    VirtualHost& vhost, Exchange* exchange, MessagePtr message, Accepts&& accepts) {
    message.mutable_get()->set_published_at_ms(wall_ms());
    Route route;
    vhost.route(exchange, *message, route, copy_keys(*message));
    keep_for_quorum(route, *message.mutable_get());
    std::vector<storage::Target> outer = std::exchange(targets_, {});
    for (Queue* const target : route.queues) {
        if (!accepts(*target, *message)) continue;
        if (is_here(*target))
            enqueue(*target, MessagePtr(message));
        else
            move_across(*target, message);
    }
    if (!targets_.empty()) {
        commits_.add_message(message, targets_, now_.monotonic + options_.publish_interval);
    }
    targets_ = std::move(outer);
}

template <class Item>
void CoreState::tell(Peer& peer, const Item& item) {
    if (peer.up) append_peer_item(outgoing(peer), item);
}

template <class M>
void CoreState::reply(ChannelState& channel, M method) {
    effects(channel.session->lane)
        .push_back(Reply{
            channel.session->id, channel.id, std::make_unique<amqp::Method>(std::move(method))});
}

template <class M>
void CoreState::reply_when_durable(ChannelState& channel, M method) {
    if (commits_.durable(commits_.ticket())) return reply(channel, std::move(method));
    commits_.request();
    pause(channel);
    wait(
        {commits_.ticket(),
         key_of(channel),
         Waiter::HeldReply{std::make_unique<amqp::Method>(std::move(method))}});
}

template <class Command>
bool CoreState::deferred(ChannelState& channel, Command& command) {
    if (!channel.waiting) return false;
    channel.deferred.push_back(std::move(command));
    return true;
}

}  // namespace lvt::broker
