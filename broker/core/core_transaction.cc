// tx: what a channel publishes and settles between tx.select and tx.commit.
#include "broker/core/core_state.h"

#include <algorithm>

namespace lvt::broker {

/// An exchange that is missing or refused has failed at once. Bindings are those of now, whatever is bound until the commit.
void CoreState::publish_at_commit(ChannelState& channel, Publish& command, const Route& route) {
    TransactedPublish& added = channel.transaction.publishes.emplace_back();
    added.publish = std::move(command);
    if (added.publish.message->exchange().empty()) return;
    for (const Queue* const queue : route.queues) added.queues.push_back(queue->name);
}

/// All of it in one turn, so in one record: atomic over its queues (design rule 10). Only a full queue that
/// rejects publishes takes no part in it; RabbitMQ tells the client so after the rest is done.
void CoreState::commit_transaction(ChannelState& channel) {
    Transaction transaction = std::exchange(channel.transaction, {});
    VirtualHost& vhost = *channel.session->vhost;
    Route route;
    bool refused = false;
    const RemoteWaitPtr elsewhere = clustered() ? std::make_shared<RemoteWait>() : nullptr;
    tx_wait_ = elsewhere;
    for (TransactedPublish& transacted : transaction.publishes) {
        route.queues.clear();
        Exchange* const exchange = vhost.find_exchange(transacted.publish.message->exchange());
        route.stats = exchange ? &exchange->stats : nullptr;
        for (const Bytes& name : transacted.queues) {
            if (Queue* const queue = vhost.find_queue(name)) route.queues.push_back(queue);
        }
        const Message& message = *transacted.publish.message;
        if (message.exchange().empty()) {
            const auto& more_keys = transacted.publish.more_keys;
            if (more_keys)
                vhost.route(nullptr, message, route, *more_keys);
            else
                vhost.route(nullptr, message, route);
        }
        refused |= !publish_to(route, channel, transacted.publish);
    }
    tx_wait_.reset();
    for (Settle& command : transaction.settles) settle(channel, command);
    if (refused) return fail_partial_commit(channel);
    if (elsewhere && elsewhere->awaited > 0) {
        commits_.request();
        pause(channel);
        elsewhere->then = Waiter{
            channel.last_ticket,
            key_of(channel),
            Waiter::HeldReply{std::make_unique<amqp::Method>(amqp::TxCommitOk{})}};
        return;
    }
    if (commits_.durable(channel.last_ticket)) return reply(channel, amqp::TxCommitOk{});
    reply_when_durable(channel, amqp::TxCommitOk{});
}

void CoreState::fail_partial_commit(ChannelState& channel) {
    fail(
        channel,
        {amqp::ReplyCode::precondition_failed,
         "partial tx completion",
         amqp::TxCommit::kClassId,
         amqp::TxCommit::kMethodId});
}

std::vector<DeliveryRange> CoreState::outside_transaction(
    const ChannelState& channel, ConsumerSlot slot, DeliveryIndex end) const {
    std::vector<DeliveryRange> inside;
    for (const Settle& settle : channel.transaction.settles) {
        if (settle.slot == slot) inside.push_back({settle.first, settle.first + settle.count});
    }
    std::sort(inside.begin(), inside.end(), [](const auto& a, const auto& b) {
        return a.first < b.first;
    });
    std::vector<DeliveryRange> outside;
    DeliveryIndex at = 0;
    for (const DeliveryRange& range : inside) {
        if (at < range.first) outside.push_back({at, range.first});
        at = range.end;
    }
    if (at < end) outside.push_back({at, end});
    return outside;
}

}  // namespace lvt::broker
