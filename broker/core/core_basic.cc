// Consume, cancel, get, qos, recover, and the methods that need no room of their own.
#include "broker/core/argument_rules.h"
#include "broker/core/core_state.h"
#include "broker/core/reply_to.h"

namespace lvt::broker {

using amqp::AmqpError;
using amqp::ReplyCode;

namespace {

/// The flags of a content header without any.
constexpr ByteView kNoProperties("\0\0", 2);

/// Names the method in an error that has none yet.
template <class M>
AmqpError caused_by(AmqpError error) {
    if (error.class_id == 0) {
        error.class_id = M::kClassId;
        error.method_id = M::kMethodId;
    }
    return error;
}

AmqpError precondition_failed(Bytes text) {
    return {ReplyCode::precondition_failed, std::move(text)};
}

}  // namespace

void CoreState::perform(Perform& command) {
    ChannelState* const channel = addressed(command.session, command.channel);
    if (!channel || deferred(*channel, command)) return;
    const auto run = [&]<class M>(const M& method) {
        Done done;
        if constexpr (std::is_same_v<M, amqp::BasicReturn>) {
            // A publish that its lane refuses, as what it would be answered with. What route() looks at comes first.
            const MessageParts parts{method.exchange, method.routing_key, kNoProperties};
            if (!route(*channel, *MessageBuilder::build(pool_, parts, {}))) return;
            done = AmqpError{
                static_cast<ReplyCode>(method.reply_code),
                method.reply_text,
                amqp::BasicPublish::kClassId,
                amqp::BasicPublish::kMethodId};
        } else if constexpr (requires { topology(*channel, method); })
            done = topology(*channel, method);
        else if constexpr (requires { basic(*channel, method); })
            done = basic(*channel, method);
        else
            done = AmqpError{ReplyCode::command_invalid, "unimplemented method"};
        if (done.has_error()) fail(*channel, caused_by<M>(std::move(done).error()));
    };
    // It stays where it is, whoever comes to own it.
    const auto outer = std::exchange(performing_, &command.method);
    std::visit(run, *command.method);
    performing_ = outer;
}

Done CoreState::basic(ChannelState& channel, const amqp::ChannelFlow& method) {
    if (!method.active) return AmqpError{ReplyCode::not_implemented, "active=false"};
    reply(channel, amqp::ChannelFlowOk{true});
    return {};
}

Done CoreState::basic(ChannelState& channel, const amqp::AccessRequest&) {
    reply(channel, amqp::AccessRequestOk{1});
    return {};
}

Done CoreState::basic(ChannelState& channel, const amqp::ConfirmSelect& method) {
    if (channel.mode == ChannelMode::transaction) {
        return precondition_failed("cannot switch from tx to confirm mode");
    }
    channel.mode = ChannelMode::confirm;
    if (!method.nowait) reply(channel, amqp::ConfirmSelectOk{});
    return {};
}

Done CoreState::basic(ChannelState& channel, const amqp::TxSelect&) {
    if (channel.mode == ChannelMode::confirm) {
        return precondition_failed("cannot switch from confirm to tx mode");
    }
    channel.mode = ChannelMode::transaction;
    reply(channel, amqp::TxSelectOk{});
    return {};
}

Done CoreState::basic(ChannelState& channel, const amqp::TxCommit&) {
    if (channel.mode != ChannelMode::transaction) {
        return precondition_failed("channel is not transactional");
    }
    commit_transaction(channel);
    return {};
}

Done CoreState::basic(ChannelState& channel, const amqp::TxRollback&) {
    if (channel.mode != ChannelMode::transaction) {
        return precondition_failed("channel is not transactional");
    }
    channel.transaction = {};
    reply(channel, amqp::TxRollbackOk{});
    return {};
}

Done CoreState::basic(ChannelState& channel, const amqp::BasicQos& method) {
    if (method.prefetch_size != 0) {
        return AmqpError{
            ReplyCode::not_implemented, fmt::format("prefetch_size!=0 ({})", method.prefetch_size)};
    }
    if (method.global) {
        channel.credit.limit = method.prefetch_count;
        release(channel.credit, 0);
    } else {
        channel.prefetch = method.prefetch_count;
    }
    if (channel.remote) qos_elsewhere(channel, method);
    reply(channel, amqp::BasicQosOk{});
    return {};
}

void CoreState::perform(Consume& command) {
    ChannelState* const channel = addressed(command.session, command.channel);
    if (!channel || deferred(*channel, command)) return;
    const Done done = consume(*channel, command);
    if (done.has_error()) fail(*channel, caused_by<amqp::BasicConsume>(done.error()));
}

Done CoreState::consume(ChannelState& channel, Consume& command) {
    const amqp::BasicConsume& method = *command.method;
    if (channel.remote) consumes_here(channel, command.slot);
    if (method.queue == kReplyTo) return consume_replies(channel, command);
    const auto found = readable_queue(channel, method.queue);
    if (found.has_error()) return found.error();
    Queue& queue = **found;
    if (!is_here(queue)) return consume_elsewhere(channel, queue, command);
    if (queue.settings.type == QueueType::quorum && channel.credit.limit) {
        return AmqpError{
            ReplyCode::not_implemented,
            fmt::format(
                "queue '{}' in vhost '{}' does not support global qos",
                queue.name,
                queue.vhost->name())};
    }
    const Done valid =
        check_consume_arguments(method.arguments, queue, channel.session->vhost->name());
    if (valid.has_error()) return valid;
    const bool shared = queue.settings.single_active_consumer || !queue.machine.consumers().empty();
    if (queue.has_exclusive_consumer || (method.exclusive && shared)) {
        return AmqpError{
            ReplyCode::access_refused,
            fmt::format(
                "queue '{}' in vhost '{}' in exclusive use", queue.name, queue.vhost->name())};
    }
    auto consumer = std::make_unique<Consumer>(all_unacked_);
    consumer->channel = &channel;
    consumer->queue = &queue;
    consumer->slot = command.slot;
    consumer->tag = method.consumer_tag;
    consumer->arguments = method.arguments;
    consumer->no_ack = method.no_ack;
    consumer->exclusive = method.exclusive;
    if (const auto priority = method.arguments.find("x-priority")) {
        consumer->priority = priority->integer().value_or(0);
    }
    consumer->prefetch.limit = channel.prefetch;
    const bool unlimited = channel.prefetch == 0 && channel.credit.limit == 0;
    consumer->slow_start = SlowStart(unlimited ? options_.slow_start_window : 0);
    consumer->channel_credit = &channel.credit;
    consumer->session_credit = &channel.session->delivery_credit;
    consumer->id = ++last_consumer_id_;
    if (channel.consumers.size() <= command.slot) channel.consumers.resize(command.slot + 1);
    ASSERT(!channel.consumers[command.slot] || !channel.consumers[command.slot]->queue);
    channel.consumers[command.slot] = std::move(consumer);
    Consumer& added = *channel.consumers[command.slot];
    consumers_[added.id] = &added;
    queue.had_consumer = true;
    queue.has_exclusive_consumer = method.exclusive;
    queue.machine.add(added);
    if (!method.no_wait) reply(channel, amqp::BasicConsumeOk{method.consumer_tag});
    open_for_delivery(queue);
    list_to_run(queue);
    return {};
}

void CoreState::perform(Cancel& command) {
    ChannelState* const channel = addressed(command.session, command.channel);
    if (!channel || deferred(*channel, command)) return;
    if (channel->remote && cancel_elsewhere(*channel, command)) return;
    const std::uint64_t last_proposal = last_proposal_;
    Consumer* const consumer = command.slot ? channel->consumer(command.slot) : nullptr;
    if (consumer) {
        Queue* const queue = consumer->queue;
        // What came before the cancel is its own: messages, and room in its window.
        if (command.keep && queue && queue->listed_to_run) run_queue(*queue);
        remove_consumer(*consumer);
        // What never went out is taken back; what is in the client's hands stays there.
        std::vector<QueuedMessage> taken_back;
        std::uint64_t count = 0;
        const DeliveryIndex end = consumer->unacked.next_index();
        const DeliveryIndex from = command.keep ? end : command.encoded;
        consumer->unacked.take_range(from, end, [&](Unacked&& unacked) {
            unacked.entry.delivered = unacked.was_delivered;
            --unacked.entry.delivery_count;
            ++count;
            if (!queue) return;
            queue->uncount_unacked(*unacked.entry.message);
            count_taken_back(*queue, *channel, unacked.was_delivered);
            taken_back.push_back(std::move(unacked.entry));
        });
        if (queue) give_back(*queue, std::move(taken_back));
        release(channel->credit, count);
        if (queue) queue_lost_consumer(*queue);
    }
    if (command.slot && command.slot == channel->reply_slot) forget_reply_consumer(*channel);
    amqp::BasicCancelOk ok{std::move(*command.consumer_tag)};
    if (last_proposal != last_proposal_) {
        // The cluster is to delete the queue: the client does not meet it again.
        std::unique_ptr<amqp::Method> answer;
        if (!command.no_wait) answer = std::make_unique<amqp::Method>(std::move(ok));
        pause(*channel);
        proposals_.back().action = Proposal::RunAgain{key_of(*channel), nullptr, std::move(answer)};
    } else if (!command.no_wait) {
        reply(*channel, std::move(ok));
    }
}

void CoreState::remove_consumer(Consumer& consumer) {
    Queue* const queue = std::exchange(consumer.queue, nullptr);
    consumers_.erase(consumer.id);
    if (!queue) return;
    if (consumer.exclusive) queue->has_exclusive_consumer = false;
    queue->machine.remove(consumer);
}

void CoreState::queue_lost_consumer(Queue& queue) {
    if (queue.auto_delete && queue.had_consumer && queue.machine.consumers().empty()) {
        delete_queue(queue);
        return;
    }
    touch(queue);
    list_to_run(queue);
}

void CoreState::perform(Recover& command) {
    ChannelState* const channel = addressed(command.session, command.channel);
    if (!channel || deferred(*channel, command)) return;
    const auto encoded = [&](ConsumerSlot slot) -> DeliveryIndex {
        for (const SlotProgress& entry : command.progress) {
            if (entry.slot == slot) return entry.encoded;
        }
        return 0;
    };
    for (auto& consumer : channel->consumers) {
        if (!consumer) continue;
        const std::uint64_t before = consumer->unacked.count();
        for (const DeliveryRange range :
             outside_transaction(*channel, consumer->slot, encoded(consumer->slot))) {
            return_range(consumer->unacked, range);
        }
        const std::uint64_t count = before - consumer->unacked.count();
        release(consumer->prefetch, count);
        release(channel->credit, count);
    }
    for (const DeliveryRange range : outside_transaction(*channel, 0, channel->gets.next_index())) {
        return_range(channel->gets, range);
    }
    if (channel->remote) recover_elsewhere(*channel, command);
    if (!command.no_wait) reply(*channel, amqp::BasicRecoverOk{});
}

Done CoreState::basic(ChannelState& channel, const amqp::BasicGet& method) {
    const auto found = readable_queue(channel, method.queue);
    if (found.has_error()) return found.error();
    Queue& queue = **found;
    if (!is_here(queue)) return get_elsewhere(channel, queue, method);
    if (queue.settings.type == QueueType::quorum && queue.settings.single_active_consumer) {
        return AmqpError{
            ReplyCode::resource_locked,
            fmt::format(
                "cannot obtain access to locked queue '{}' in vhost '{}'. basic.get operations are "
                "not supported by quorum queues with single active consumer",
                queue.name,
                queue.vhost->name())};
    }
    touch(queue);
    if (queue.machine.ready() == 0) {
        count_get_empty(queue, channel);
        reply(channel, amqp::BasicGetEmpty{});
        return {};
    }
    const bool closed = !may_hand_out(queue);
    if (closed || !queue.machine.has_first()) {
        // The same method again when the queue is ready for it.
        pause(channel);
        channel.deferred.push_front(
            Perform{channel.session->id, channel.id, std::make_unique<amqp::Method>(method)});
        if (closed) {
            open_for_delivery(queue);
            wait({commits_.ticket(), key_of(channel), Waiter::HeldReply{nullptr}});
            commits_.request();
        } else {
            queue.waiting_gets.push_back(key_of(channel));
            read_ahead(queue);
        }
        return {};
    }
    hand_to_get(channel, queue, method.no_ack);
    return {};
}

void CoreState::hand_to_get(ChannelState& channel, Queue& queue, bool no_ack) {
    QueuedMessage entry = *queue.machine.take();
    count_got(queue, channel, no_ack, entry.delivered);
    GotMessage got{channel.session->id, channel.id, entry.delivered, no_ack, 0, 0, MessagePtr{}};
    got.message = queue.settings.type == QueueType::quorum ? with_delivery_count(entry)
                                                           : as_seen(entry.message);
    if (queue.keeps_house) drop_expired(queue, wall_ms());
    got.message_count = static_cast<std::uint32_t>(queue.machine.ready());
    if (any_traced_) trace_delivered(channel, queue, *entry.message, entry.delivered);
    const std::uint64_t ordinal = channel.next_ordinal++;
    if (no_ack) {
        settle_on_disk(queue, entry.seq, *entry.message);
        if (queue.persistent) channel.last_ticket = commits_.ticket();
    } else {
        queue.count_unacked(*entry.message);
        const bool was_delivered = std::exchange(entry.delivered, true);
        ++entry.delivery_count;
        got.index = channel.gets.push(
            {std::move(entry), queue.uid, 0, ordinal, now_.monotonic, was_delivered});
    }
    effects(channel.session->lane).push_back(std::move(got));
}

}  // namespace lvt::broker
