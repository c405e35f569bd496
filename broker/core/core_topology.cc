// queue.*: what they check, in RabbitMQ's order and words, and what they change.
#include "broker/core/argument_check.h"
#include "broker/core/argument_rules.h"
#include "broker/core/core_state.h"
#include "broker/core/reply_to.h"
#include "broker/core/topology_errors.h"

#include <algorithm>

namespace lvt::broker {

using amqp::AmqpError;
using amqp::ReplyCode;

Done CoreState::check_right(
    const SessionState& session, Right right, ByteView kind, ByteView name) const {
    if (session.owner) return {};
    const User* const user = topology_.find_user(session.user);
    if (user) {
        const auto found = user->permissions.find(session.vhost->name());
        if (found != user->permissions.end()) {
            const Permissions& permissions = found->second;
            const PermissionPattern& pattern = right == Right::configure ? permissions.configure
                                               : right == Right::write   ? permissions.write
                                                                         : permissions.read;
            if (pattern.matches(name)) return {};
        }
    }
    return AmqpError{
        ReplyCode::access_refused,
        fmt::format(
            "access to {} '{}' in vhost '{}' refused for user '{}'",
            kind,
            name,
            session.vhost->name(),
            session.user)};
}

amqp::AmqpResult<Bytes> CoreState::resolve_queue_name(ChannelState& channel, ByteView name) const {
    if (!name.empty()) return Bytes(name);
    if (channel.last_queue.empty()) {
        return AmqpError{ReplyCode::not_found, "no previously declared queue"};
    }
    return channel.last_queue;
}

amqp::AmqpResult<Queue*> CoreState::accessible_queue(ChannelState& channel, ByteView name) {
    VirtualHost& vhost = *channel.session->vhost;
    Queue* const queue = vhost.find_queue(name);
    if (!queue) return not_found("queue", name, vhost);
    if (is_locked(*queue, *channel.session)) return locked(*queue);
    if (!is_here(*queue)) return queue;
    // What its consumers are to have is handed out first, so that counts and gets see the rest.
    if (queue->listed_to_run || queue->keeps_house) run_queue(*queue);
    return queue;
}

amqp::AmqpResult<Queue*> CoreState::readable_queue(ChannelState& channel, ByteView name) {
    const auto resolved = resolve_queue_name(channel, name);
    if (resolved.has_error()) return resolved.error();
    const Done right = check_right(*channel.session, Right::read, "queue", *resolved);
    if (right.has_error()) return right.error();
    return accessible_queue(channel, *resolved);
}

void CoreState::change(const MetadataCommand& command, bool durable) {
    if (const auto* const gone = std::get_if<DeleteExchange>(&command)) {
        forget_delay_queue(*topology_.find_vhost(gone->vhost)->find_exchange(gone->name));
    }
    std::vector<Bytes> orphaned;
    const auto applied = topology_.apply(command, &orphaned);
    ASSERT(applied.has_value());
    if ((durable || clustered()) && commits_.enabled()) commits_.add_metadata(command);
    if (const auto* const made = std::get_if<PutExchange>(&command)) {
        make_delay_queue(
            *topology_.find_vhost(made->vhost)->find_exchange(made->name), made->vhost);
    }
    apply_changed_policies();
    if (orphaned.empty()) return;
    const Bytes vhost_name = std::visit(
        [](const auto& c) -> Bytes {
            if constexpr (requires { c.vhost; })
                return c.vhost;
            else
                return {};
        },
        command);
    for (const Bytes& name : orphaned) {
        const VirtualHost* const vhost = topology_.find_vhost(vhost_name);
        const Exchange* const exchange = vhost ? vhost->find_exchange(name) : nullptr;
        if (exchange) change(DeleteExchange{vhost_name, name}, exchange->durable);
    }
}

namespace {

/// A declaration that names no queue type gets its virtual host's, unless that type cannot be such a queue.
amqp::QueueDeclare with_default_type(
    amqp::QueueDeclare declare, const VhostDefinitions& definitions) {
    const Bytes& type = definitions.default_queue_type;
    if (type.empty() || declare.arguments.find("x-queue-type")) return declare;
    const bool replicable = declare.durable && !declare.exclusive && !declare.auto_delete;
    if (type == "classic" || replicable) declare.arguments.add_string("x-queue-type", type);
    return declare;
}

}  // namespace

Done CoreState::topology(ChannelState& channel, const amqp::QueueDeclare& method) {
    SessionState& session = *channel.session;
    VirtualHost& vhost = *session.vhost;
    Bytes name = without_line_ends(method.queue);
    if (name.starts_with(kReplyTo)) {
        if (const auto done = declare_reply_name(channel, method)) return *done;
    }
    if (method.passive) {
        const auto found = accessible_queue(channel, name);
        if (found.has_error()) return found.error();
        if (!is_here(**found)) return declare_elsewhere(channel, **found, method.no_wait);
        touch(**found);
        channel.last_queue = name;
        if (!method.no_wait) reply(channel, declare_ok(**found));
        return {};
    }
    if (name.starts_with("amq.") && !running_again_) return reserved_name("queue", name);
    if (name.empty()) name = "amq.gen-" + random_.name();
    const Done right = check_right(session, Right::configure, "queue", name);
    if (right.has_error()) return right;
    Queue* const queue = vhost.find_queue(name);
    const amqp::QueueDeclare declare =
        with_default_type(method, topology_.definitions(vhost.name()));
    if (!queue) return make_queue(channel, declare, std::move(name));
    if (is_locked(*queue, session)) return locked(*queue);
    if (queue->exclusive != method.exclusive) return locked(*queue);
    const Done same = check_equivalent(*queue, declare, vhost.name());
    if (same.has_error()) return same;
    if (!is_here(*queue)) return declare_elsewhere(channel, *queue, method.no_wait);
    ++stats_.queues_declared;
    touch(*queue);
    channel.last_queue = name;
    if (!method.no_wait) reply(channel, declare_ok(*queue));
    return {};
}

Done CoreState::make_queue(ChannelState& channel, const amqp::QueueDeclare& method, Bytes name) {
    SessionState& session = *channel.session;
    VirtualHost& vhost = *session.vhost;
    const Done limit = check_queue_limit(vhost, name);
    if (limit.has_error()) return limit;
    const auto dead_letters =
        exchange_argument(method.arguments, "x-dead-letter-exchange", "queue", name, vhost.name());
    if (dead_letters.has_error()) return dead_letters.error();
    const Done fed = check_forwarding(session, "queue", name, *dead_letters);
    if (fed.has_error()) return fed;
    const Done valid = check_queue_arguments(method, name, vhost.name());
    if (valid.has_error()) return valid;
    if (clustered()) {
        // The name may have been made up just now.
        std::get<amqp::QueueDeclare>(**performing_).queue = name;
        return wish(
            channel,
            PutQueue{
                vhost.name(),
                std::move(name),
                {},
                method.durable,
                method.auto_delete,
                method.exclusive,
                method.arguments,
                node_.id});
    }
    const storage::QueueUid uid = topology_.next_queue_uid();
    const bool persistent = method.durable && !method.exclusive;
    ++stats_.queues_declared;
    ++stats_.queues_created;
    change(
        PutQueue{
            vhost.name(),
            name,
            uid,
            method.durable,
            method.auto_delete,
            method.exclusive,
            method.arguments,
            {}},
        persistent);
    Queue& queue = *topology_.find_queue(uid);
    apply_settings(queue);
    if (method.exclusive) {
        queue.owner = &session;
        session.exclusive_queues.push_back(uid);
    }
    channel.last_queue = std::move(name);
    if (persistent) channel.last_ticket = commits_.ticket();
    if (method.no_wait) return {};
    if (persistent)
        reply_when_durable(channel, declare_ok(queue));
    else
        reply(channel, declare_ok(queue));
    return {};
}

amqp::QueueDeclareOk CoreState::declare_ok(const Queue& queue) const {
    return {
        queue.name,
        static_cast<std::uint32_t>(queue.machine.ready()),
        static_cast<std::uint32_t>(queue.machine.consumers().size())};
}

Done CoreState::topology(ChannelState& channel, const amqp::QueuePurge& method) {
    const auto found = readable_queue(channel, method.queue);
    if (found.has_error()) return found.error();
    Queue& queue = **found;
    if (!is_here(queue)) return purge_elsewhere(channel, queue, method.no_wait);
    const auto count = static_cast<std::uint32_t>(purge(queue));
    if (queue.persistent) channel.last_ticket = commits_.ticket();
    if (method.no_wait) return {};
    if (queue.persistent)
        reply_when_durable(channel, amqp::QueuePurgeOk{count});
    else
        reply(channel, amqp::QueuePurgeOk{count});
    return {};
}

std::uint64_t CoreState::purge(Queue& queue) {
    if (commits_.enabled() && queue.persistent) {
        queue.machine.for_each_resident(
            [&](const QueuedMessage& entry) { settle_on_disk(queue, entry.seq, *entry.message); });
        queue.machine.for_each_page([&](const QueuePage& page) { settle_page(queue, page); });
        const ColdRange& cold = queue.machine.cold();
        if (cold.active()) {
            const storage::SeqRun run{cold.from, cold.to - cold.from};
            queue.disk.settled.insert_run(run);
            queue.disk.unwritten.push_back(run);
            queue.disk.live_messages -= std::min(queue.disk.live_messages, cold.count);
            queue.disk.live_bytes -= std::min(queue.disk.live_bytes, cold.bytes);
            commits_.add_dirty(queue, now_.monotonic + options_.state_interval);
            reclaim(queue);
        }
    }
    drop_pages(queue);
    queue.loading.reset();
    return queue.machine.purge();
}

Done CoreState::topology(ChannelState& channel, const amqp::QueueDelete& method) {
    const auto name = resolve_queue_name(channel, method.queue);
    if (name.has_error()) return name.error();
    SessionState& session = *channel.session;
    const Bytes stripped = without_line_ends(*name);
    const Done right = check_right(session, Right::configure, "queue", stripped);
    if (right.has_error()) return right;
    Queue* const queue = session.vhost->find_queue(stripped);
    if (!queue) {
        if (!method.no_wait) reply(channel, amqp::QueueDeleteOk{0});
        return {};
    }
    if (is_locked(*queue, session)) return locked(*queue);
    if (!is_here(*queue)) return delete_elsewhere(channel, *queue, method);
    if (queue->settings.type == QueueType::quorum && (method.if_empty || method.if_unused)) {
        return AmqpError{
            ReplyCode::not_implemented,
            fmt::format(
                "cannot delete queue '{}' in vhost '{}'. queue.delete operations with {} flag set "
                "are not supported by quorum queues",
                queue->name,
                session.vhost->name(),
                method.if_unused ? "if-unused" : "if-empty")};
    }
    const auto refuse = [&](const char* why) {
        return AmqpError{
            ReplyCode::precondition_failed,
            fmt::format("queue '{}' in vhost '{}' {}", queue->name, session.vhost->name(), why)};
    };
    if (method.if_unused && !queue->machine.consumers().empty()) return refuse("in use");
    if (method.if_empty && queue->machine.ready() > 0) return refuse("not empty");
    // The answer first: the end of its own consumers reaches the channel after it.
    const auto count = static_cast<std::uint32_t>(queue->machine.ready());
    if (clustered()) {
        std::unique_ptr<amqp::Method> answer;
        if (!method.no_wait) answer = std::make_unique<amqp::Method>(amqp::QueueDeleteOk{count});
        queue->going = true;
        return wish(
            channel, DeleteQueue{session.vhost->name(), stripped, queue->uid}, std::move(answer));
    }
    if (queue->persistent) channel.last_ticket = commits_.ticket();
    if (!method.no_wait && queue->persistent)
        reply_when_durable(channel, amqp::QueueDeleteOk{count});
    else if (!method.no_wait)
        reply(channel, amqp::QueueDeleteOk{count});
    delete_queue(*queue);
    return {};
}

void CoreState::forget(const Queue& queue) {
    drop_pages(queue);
    commits_.forget(queue);
    if (queue.timer_at) queue_timers_.erase({*queue.timer_at, queue.uid});
}

void CoreState::delete_queue(Queue& queue) {
    if (!clustered()) return drop_queue(queue);
    if (std::exchange(queue.going, true)) return;
    ChangeDefinitions request;
    request.commands.push_back(DeleteQueue{queue.vhost->name(), queue.name, queue.uid});
    const std::uint64_t number = propose(std::move(request), Proposal::Nothing{});
    if (queue.owner) queue.owner->last_proposal = number;
}

void CoreState::drop_queue(Queue& queue) {
    const std::vector<Consumer*> consumers = queue.machine.consumers();
    for (Consumer* const consumer : consumers) {
        ChannelState& channel = *consumer->channel;
        remove_consumer(*consumer);
        ConsumerCancelled cancelled{channel.session->id, channel.id, consumer->slot};
        if (queue.persistent && commits_.enabled())
            wait({commits_.ticket(), key_of(channel), Waiter::ConsumerGone{cancelled}});
        else
            effects(channel.session->lane).push_back(cancelled);
    }
    ++stats_.queues_deleted;
    if (queue.owner) std::erase(queue.owner->exclusive_queues, queue.uid);
    forget(queue);
    const auto waiting = std::exchange(queue.waiting_gets, {});
    const Bytes vhost = queue.vhost->name();
    const Bytes name = queue.name;
    change(DeleteQueue{vhost, name, {}}, queue.persistent);
    for (const ChannelKey& key : waiting) {
        if (ChannelState* const channel = find_channel(key)) resume(*channel);
    }
}

}  // namespace lvt::broker
