// Publish, confirm, return.
#include "broker/core/core_state.h"
#include "protocol/amqp/properties.h"

namespace lvt::broker {

using amqp::AmqpError;
using amqp::ReplyCode;

namespace {

AmqpError publish_error(ReplyCode code, Bytes text) {
    return {code, std::move(text), amqp::BasicPublish::kClassId, amqp::BasicPublish::kMethodId};
}

}  // namespace

void CoreState::perform(Publish& command) {
    ChannelState* const channel = addressed(command.session, command.channel);
    if (!channel || deferred(*channel, command)) return;
    hold_back_if_needed(*channel->session, command.message->persistent());
    // RabbitMQ stops reading between header and body.
    if (channel->session->blocked && !command.message->body().empty()) [[unlikely]]
        return hold_back(*channel, command);
    const amqp::Properties properties(command.message->properties());
    if (properties.has(amqp::property::kHeaders | amqp::property::kReplyTo) &&
        !rewrite(*channel, command))
        return;
    if (channel->mode == ChannelMode::transaction) {
        const Route* const route = command.more_keys ? route_copies(*channel, command)
                                                     : this->route(*channel, *command.message);
        if (route) publish_at_commit(*channel, command, *route);
        return;
    }
    publish(*channel, command);
}

void CoreState::publish(ChannelState& channel, Publish& command) {
    const Route* const route =
        command.more_keys ? route_copies(channel, command) : this->route(channel, *command.message);
    if (route) publish_to(*route, channel, command);
}

bool CoreState::publish_to(const Route& route, ChannelState& channel, Publish& command) {
    Message& message = *command.message.mutable_get();
    message.set_published_at_ms(wall_ms());
    count_published(route, channel, command);
    if (any_traced_) trace_published(channel, message, route);
    const bool replied =
        (route.queues.empty() || command.more_keys) && deliver_replies(channel, command);
    if (route.queues.empty()) {
        if (!replied) count_unroutable(channel, command.mandatory);
        if (command.mandatory && !replied) {
            effects(channel.session->lane)
                .push_back(ReturnMessage{
                    channel.session->id,
                    channel.id,
                    ReplyCode::no_route,
                    as_seen(command.message)});
        }
        if (command.publish_seqno) confirm(channel, command.publish_seqno, false);
        return true;
    }
    if (!message.persistent() && commits_.enabled()) keep_for_quorum(route, message);
    if (clustered() && goes_elsewhere(route)) [[unlikely]]
        return publish_across(route, channel, command);
    targets_.clear();
    bool refused = false;
    for (std::size_t i = 0; i + 1 < route.queues.size(); ++i) {
        refused |= !offer(*route.queues[i], MessagePtr(command.message));
    }
    Queue& last = *route.queues.back();
    if (!message.persistent() || !commits_.enabled()) {
        refused |= !offer(last, std::move(command.message));
    } else {
        refused |= !offer(last, MessagePtr(command.message));
        if (!targets_.empty()) {
            commits_.add_message(
                command.message, targets_, now_.monotonic + options_.publish_interval);
            ++stats_.disk_writes;
            channel.last_ticket = commits_.ticket();
        }
    }
    if (!command.publish_seqno) return !refused;
    if (refused)
        refuse(channel, command.publish_seqno);
    else
        confirm(channel, command.publish_seqno, !targets_.empty());
    return !refused;
}

/// Quorum queues keep everything, whatever its delivery mode.
void CoreState::keep_for_quorum(const Route& route, Message& message) {
    for (const Queue* const queue : route.queues) {
        if (queue->settings.type != QueueType::quorum) continue;
        message.keep();
        return;
    }
}

/// False where the queue has no room and says so.
bool CoreState::offer(Queue& queue, MessagePtr&& message) {
    if (queue.refuses_when_full && refuses(queue, *message)) [[unlikely]] {
        const bool dead_letters = queue.settings.overflow == Overflow::reject_publish_dlx &&
                                  queue.settings.dead_letter_exchange;
        if (dead_letters) {
            dead_letter(queue, *message, DeathReason::maxlen);
            (void)settles_later(queue, 0, {});
        }
        return false;
    }
    ++queue.stats.publish;
    enqueue(queue, std::move(message));
    return true;
}

const Route* CoreState::route(ChannelState& channel, const Message& message) {
    RouteCache& cache = channel.route_cache;
    if (const Route* const known = cache.find(message, topology_.epoch())) return known;
    VirtualHost& vhost = *channel.session->vhost;
    const ByteView name = message.exchange();
    const auto right = check_right(
        *channel.session, Right::write, "exchange", name.empty() ? "amq.default" : name);
    if (right.has_error()) {
        fail(channel, publish_error(right.error().code, right.error().text));
        return nullptr;
    }
    Exchange* const exchange = name.empty() ? nullptr : vhost.find_exchange(name);
    if (!exchange && !name.empty()) {
        fail(
            channel,
            publish_error(
                ReplyCode::not_found,
                fmt::format("no exchange '{}' in vhost '{}'", name, vhost.name())));
        return nullptr;
    }
    if (exchange && exchange->internal) {
        fail(
            channel,
            publish_error(
                ReplyCode::access_refused,
                fmt::format(
                    "cannot publish to internal exchange '{}' in vhost '{}'", name, vhost.name())));
        return nullptr;
    }
    if (exchange && exchange->type() == ExchangeType::topic) {
        const auto topic =
            check_topic_right(*channel.session, Right::write, *exchange, message.routing_key());
        if (topic.has_error()) {
            fail(channel, publish_error(topic.error().code, topic.error().text));
            return nullptr;
        }
    }
    Route& route = cache.room();
    vhost.route(exchange, message, route);
    if (route.cacheable) cache.keep(message);
    return &route;
}

bool CoreState::enqueue(Queue& queue, MessagePtr&& message) {
    const bool persistent = message->persistent();
    const std::uint64_t bytes = message->charge();
    if (message->expires()) queue.keeps_house = true;
    const storage::Seq seq = queue.machine.enqueue(std::move(message));
    list_to_run(queue);
    if (!queue.persistent || !commits_.enabled()) return false;
    if (!persistent) {
        queue.disk.settled.insert(seq);
        return false;
    }
    ++queue.disk.live_messages;
    queue.disk.live_bytes += bytes;
    targets_.push_back({queue.uid, seq});
    return true;
}

/// Confirms leave in the order in which they become due; runs of them as one.
void CoreState::confirm(ChannelState& channel, std::uint64_t seqno, bool when_durable) {
    SessionState& session = *channel.session;
    if (!when_durable) {
        count_confirmed(channel, 1);
        EffectBatch& batch = effects(session.lane);
        auto* const last = batch.empty() ? nullptr : std::get_if<Confirm>(&batch.back());
        if (last && last->session == session.id && last->channel == channel.id && !last->nack &&
            last->last + 1 == seqno) {
            last->last = seqno;
        } else {
            batch.push_back(Confirm{session.id, channel.id, false, seqno, seqno});
        }
        return;
    }
    const Ticket ticket = commits_.ticket();
    commits_.request();
    if (!waiters_.empty()) {
        Waiter& last = waiters_.back();
        auto* const run = std::get_if<Waiter::ConfirmRun>(&last.action);
        if (run && last.ticket == ticket && last.channel.lane == session.lane &&
            last.channel.session == session.id && last.channel.incarnation == channel.incarnation &&
            run->last + 1 == seqno) {
            run->last = seqno;
            return;
        }
    }
    wait({ticket, key_of(channel), Waiter::ConfirmRun{seqno, seqno}});
}

void CoreState::refuse(ChannelState& channel, std::uint64_t seqno) {
    SessionState& session = *channel.session;
    effects(session.lane).push_back(Confirm{session.id, channel.id, true, seqno, seqno});
}

}  // namespace lvt::broker
