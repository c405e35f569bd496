// exchange.* and queue.*: what they check, in RabbitMQ's order and words, and what they change.
#include "broker/core/argument_check.h"
#include "broker/core/core_state.h"

#include <algorithm>

namespace lvt::broker {

using amqp::AmqpError;
using amqp::ReplyCode;

namespace {

AmqpError not_found(ByteView kind, ByteView name, const VirtualHost& vhost) {
    return {
        ReplyCode::not_found, fmt::format("no {} '{}' in vhost '{}'", kind, name, vhost.name())};
}

AmqpError reserved(ByteView kind, ByteView name) {
    return {
        ReplyCode::access_refused,
        fmt::format("{} name '{}' contains reserved prefix 'amq.*'", kind, name)};
}

AmqpError default_exchange() {
    return {ReplyCode::access_refused, "operation not permitted on the default exchange"};
}

AmqpError locked(const Queue& queue) {
    return {
        ReplyCode::resource_locked,
        fmt::format(
            "cannot obtain exclusive access to locked queue '{}' in vhost '{}'. It could be "
            "originally declared on another connection or the exclusive property value does not "
            "match that of the original declaration.",
            queue.name,
            queue.vhost->name())};
}

/// RabbitMQ drops line ends from names.
Bytes without_line_ends(ByteView name) {
    Bytes out(name);
    std::erase_if(out, [](char c) { return c == '\r' || c == '\n'; });
    return out;
}

}  // namespace

Done CoreState::check_right(
    const SessionState& session, Right right, ByteView kind, ByteView name) const {
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
    if (!name.empty()) return without_line_ends(name);
    if (channel.last_queue.empty()) {
        return AmqpError{ReplyCode::not_found, "no previously declared queue"};
    }
    return channel.last_queue;
}

amqp::AmqpResult<Queue*> CoreState::accessible_queue(ChannelState& channel, ByteView name) {
    VirtualHost& vhost = *channel.session->vhost;
    Queue* const queue = vhost.find_queue(name);
    if (!queue) return not_found("queue", name, vhost);
    if (queue->owner && queue->owner != channel.session) return locked(*queue);
    // What its consumers are to have is handed out first, so that counts and gets see the rest.
    if (queue->listed_to_run || queue->keeps_house) run_queue(*queue);
    return queue;
}

amqp::AmqpResult<Queue*> CoreState::readable_queue(ChannelState& channel, ByteView name) {
    const auto resolved = resolve_queue_name(channel, name);
    if (resolved.has_error()) return resolved.error();
    const auto found = accessible_queue(channel, *resolved);
    if (found.has_error()) return found.error();
    const Done right = check_right(*channel.session, Right::read, "queue", (*found)->name);
    if (right.has_error()) return right.error();
    return *found;
}

void CoreState::change(const MetadataCommand& command, bool durable) {
    std::vector<Bytes> orphaned;
    const auto applied = topology_.apply(command, &orphaned);
    ASSERT(applied.has_value());
    if (durable && commits_.enabled()) commits_.add_metadata(command);
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

// ---- exchanges

Done CoreState::topology(ChannelState& channel, const amqp::ExchangeDeclare& method) {
    SessionState& session = *channel.session;
    VirtualHost& vhost = *session.vhost;
    const Bytes name = without_line_ends(method.exchange);
    const Exchange* const exchange = vhost.find_exchange(name);
    if (method.passive) {
        if (name.empty()) return default_exchange();
        if (!exchange) return not_found("exchange", name, vhost);
        if (!method.no_wait) reply(channel, amqp::ExchangeDeclareOk{});
        return {};
    }
    const auto type = parse_exchange_type(method.type);
    if (!type) {
        AmqpError error{
            ReplyCode::command_invalid,
            method.type.empty() ? "invalid exchange type ''"
                                : fmt::format("unknown exchange type '{}'", method.type)};
        error.hard = true;
        return error;
    }
    if (name.empty()) return default_exchange();
    const Done right = check_right(session, Right::configure, "exchange", name);
    if (right.has_error()) return right;
    if (exchange) {
        const Done same = check_equivalent(*exchange, method, vhost.name());
        if (same.has_error()) return same;
        if (!method.no_wait) reply(channel, amqp::ExchangeDeclareOk{});
        return {};
    }
    if (name.starts_with("amq.")) return reserved("exchange", name);
    change(
        PutExchange{
            vhost.name(),
            name,
            method.type,
            method.durable,
            method.auto_delete,
            method.internal,
            method.arguments},
        method.durable);
    if (method.durable) channel.last_ticket = commits_.ticket();
    if (method.no_wait) return {};
    if (method.durable)
        reply_when_durable(channel, amqp::ExchangeDeclareOk{});
    else
        reply(channel, amqp::ExchangeDeclareOk{});
    return {};
}

Done CoreState::topology(ChannelState& channel, const amqp::ExchangeDelete& method) {
    SessionState& session = *channel.session;
    VirtualHost& vhost = *session.vhost;
    const Bytes name = without_line_ends(method.exchange);
    if (name.empty()) return default_exchange();
    const Done right = check_right(session, Right::configure, "exchange", name);
    if (right.has_error()) return right;
    const Exchange* const exchange = vhost.find_exchange(name);
    if (exchange && exchange->predeclared) {
        return AmqpError{
            ReplyCode::access_refused,
            fmt::format(
                "deletion of system exchange '{}' in vhost '{}' not allowed", name, vhost.name())};
    }
    if (exchange && method.if_unused && !exchange->bindings().empty()) {
        return AmqpError{
            ReplyCode::precondition_failed,
            fmt::format("exchange '{}' in vhost '{}' in use", name, vhost.name())};
    }
    const bool durable = exchange && exchange->durable;
    if (exchange) change(DeleteExchange{vhost.name(), name}, durable);
    if (durable) channel.last_ticket = commits_.ticket();
    if (method.no_wait) return {};
    if (durable)
        reply_when_durable(channel, amqp::ExchangeDeleteOk{});
    else
        reply(channel, amqp::ExchangeDeleteOk{});
    return {};
}

Done CoreState::bind_or_unbind(
    ChannelState& channel, bool bind, ByteView source_name, Destination destination,
    ByteView routing_key, const amqp::Table& arguments) {
    SessionState& session = *channel.session;
    VirtualHost& vhost = *session.vhost;
    const bool to_queue = destination.queue != nullptr;
    const Bytes name = to_queue ? destination.queue->name : destination.exchange->name();
    const Done write = check_right(session, Right::write, to_queue ? "queue" : "exchange", name);
    if (write.has_error()) return write;
    const Done read = check_right(session, Right::read, "exchange", source_name);
    if (read.has_error()) return read;
    Exchange* const source = vhost.find_exchange(source_name);
    if (!source) {
        if (!bind) return {};
        return not_found("exchange", source_name, vhost);
    }
    const Done topic = check_topic_right(session, Right::read, *source, routing_key);
    if (topic.has_error()) return topic;
    if (bind && source->type() == ExchangeType::headers) {
        const Done valid = check_headers_binding(arguments);
        if (valid.has_error()) return valid;
    }
    const BindingKey key{to_queue, name, Bytes(routing_key), Bytes(arguments.bytes())};
    if (source->bindings().contains(key) == bind) return {};
    const bool durable = binding_is_durable(*source, destination);
    if (durable) channel.last_ticket = commits_.ticket();
    if (bind) {
        change(
            PutBinding{vhost.name(), source->name(), to_queue, name, key.routing_key, arguments},
            durable);
    } else {
        change(
            DeleteBinding{vhost.name(), source->name(), to_queue, name, key.routing_key, arguments},
            durable);
    }
    return {};
}

/// Answers at once, or when the change that was made is durable.
template <class M>
void CoreState::reply_to_change(ChannelState& channel, std::uint64_t epoch_before, M method) {
    if (topology_.epoch() == epoch_before)
        reply(channel, std::move(method));
    else if (channel.last_ticket == commits_.ticket())
        reply_when_durable(channel, std::move(method));
    else
        reply(channel, std::move(method));
}

Done CoreState::topology(ChannelState& channel, const amqp::ExchangeBind& method) {
    VirtualHost& vhost = *channel.session->vhost;
    if (method.source.empty() || method.destination.empty()) return default_exchange();
    Exchange* const destination = vhost.find_exchange(method.destination);
    if (!destination) return not_found("exchange", method.destination, vhost);
    const std::uint64_t epoch = topology_.epoch();
    const Done done = bind_or_unbind(
        channel, true, method.source, {nullptr, destination}, method.routing_key, method.arguments);
    if (done.has_error()) return done;
    if (!method.no_wait) reply_to_change(channel, epoch, amqp::ExchangeBindOk{});
    return {};
}

Done CoreState::topology(ChannelState& channel, const amqp::ExchangeUnbind& method) {
    VirtualHost& vhost = *channel.session->vhost;
    if (method.source.empty() || method.destination.empty()) return default_exchange();
    const std::uint64_t epoch = topology_.epoch();
    if (Exchange* const destination = vhost.find_exchange(method.destination)) {
        const Done done = bind_or_unbind(
            channel,
            false,
            method.source,
            {nullptr, destination},
            method.routing_key,
            method.arguments);
        if (done.has_error()) return done;
    }
    if (!method.no_wait) reply_to_change(channel, epoch, amqp::ExchangeUnbindOk{});
    return {};
}

// ---- queues

Done CoreState::topology(ChannelState& channel, const amqp::QueueDeclare& method) {
    SessionState& session = *channel.session;
    VirtualHost& vhost = *session.vhost;
    Bytes name = without_line_ends(method.queue);
    if (method.passive) {
        if (name.empty()) name = channel.last_queue;
        const auto found = accessible_queue(channel, name);
        if (found.has_error()) return found.error();
        touch(**found);
        channel.last_queue = name;
        if (!method.no_wait) reply(channel, declare_ok(**found));
        return {};
    }
    if (name.empty()) name = "amq.gen-" + random_.name();
    const Done right = check_right(session, Right::configure, "queue", name);
    if (right.has_error()) return right;
    Queue* const queue = vhost.find_queue(name);
    if (!queue) return make_queue(channel, method, std::move(name));
    if (queue->owner && queue->owner != &session) return locked(*queue);
    const Done same = check_equivalent(*queue, method, vhost.name());
    if (same.has_error()) return same;
    if (queue->exclusive != method.exclusive) return locked(*queue);
    touch(*queue);
    channel.last_queue = name;
    if (!method.no_wait) reply(channel, declare_ok(*queue));
    return {};
}

Done CoreState::make_queue(ChannelState& channel, const amqp::QueueDeclare& method, Bytes name) {
    SessionState& session = *channel.session;
    VirtualHost& vhost = *session.vhost;
    if (!method.queue.empty() && name.starts_with("amq.")) return reserved("queue", name);
    const Done limit = check_queue_limit(vhost, name);
    if (limit.has_error()) return limit;
    const storage::QueueUid uid = topology_.next_queue_uid();
    const bool persistent = method.durable && !method.exclusive;
    change(
        PutQueue{
            vhost.name(),
            name,
            uid,
            method.durable,
            method.auto_delete,
            method.exclusive,
            method.arguments},
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

Done CoreState::topology(ChannelState& channel, const amqp::QueueBind& method) {
    const auto name = resolve_queue_name(channel, method.queue);
    if (name.has_error()) return name.error();
    const auto queue = accessible_queue(channel, *name);
    if (queue.has_error()) return queue.error();
    if (method.exchange.empty()) return default_exchange();
    // With neither queue nor key named, the queue's name is the key.
    const Bytes& key =
        method.queue.empty() && method.routing_key.empty() ? *name : method.routing_key;
    const std::uint64_t epoch = topology_.epoch();
    const Done done =
        bind_or_unbind(channel, true, method.exchange, {*queue, nullptr}, key, method.arguments);
    if (done.has_error()) return done;
    if (!method.no_wait) reply_to_change(channel, epoch, amqp::QueueBindOk{});
    return {};
}

Done CoreState::topology(ChannelState& channel, const amqp::QueueUnbind& method) {
    const auto name = resolve_queue_name(channel, method.queue);
    if (name.has_error()) return name.error();
    if (method.exchange.empty()) return default_exchange();
    const std::uint64_t epoch = topology_.epoch();
    Queue* const queue = channel.session->vhost->find_queue(*name);
    if (queue && queue->owner && queue->owner != channel.session) return locked(*queue);
    if (queue) {
        const Bytes& key =
            method.queue.empty() && method.routing_key.empty() ? *name : method.routing_key;
        const Done done = bind_or_unbind(
            channel, false, method.exchange, {queue, nullptr}, key, method.arguments);
        if (done.has_error()) return done;
    }
    reply_to_change(channel, epoch, amqp::QueueUnbindOk{});
    return {};
}

Done CoreState::topology(ChannelState& channel, const amqp::QueuePurge& method) {
    const auto found = readable_queue(channel, method.queue);
    if (found.has_error()) return found.error();
    Queue& queue = **found;
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
    return queue.machine.purge();
}

Done CoreState::topology(ChannelState& channel, const amqp::QueueDelete& method) {
    const auto name = resolve_queue_name(channel, method.queue);
    if (name.has_error()) return name.error();
    SessionState& session = *channel.session;
    Queue* const queue = session.vhost->find_queue(*name);
    if (!queue) {
        if (!method.no_wait) reply(channel, amqp::QueueDeleteOk{0});
        return {};
    }
    if (queue->owner && queue->owner != &session) return locked(*queue);
    const Done right = check_right(session, Right::configure, "queue", queue->name);
    if (right.has_error()) return right;
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
    if (queue->persistent) channel.last_ticket = commits_.ticket();
    if (!method.no_wait && queue->persistent)
        reply_when_durable(channel, amqp::QueueDeleteOk{count});
    else if (!method.no_wait)
        reply(channel, amqp::QueueDeleteOk{count});
    delete_queue(*queue);
    return {};
}

void CoreState::delete_queue(Queue& queue) {
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
    if (queue.owner) std::erase(queue.owner->exclusive_queues, queue.uid);
    commits_.forget(queue);
    if (queue.timer_at) queue_timers_.erase({*queue.timer_at, queue.uid});
    const auto waiting = std::exchange(queue.waiting_gets, {});
    const Bytes vhost = queue.vhost->name();
    const Bytes name = queue.name;
    change(DeleteQueue{vhost, name}, queue.persistent);
    for (const ChannelKey& key : waiting) {
        if (ChannelState* const channel = find_channel(key)) resume(*channel);
    }
}

}  // namespace lvt::broker
