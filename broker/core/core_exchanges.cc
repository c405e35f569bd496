// exchange.* and bindings: what they check, in RabbitMQ's order and words, and what they change.
#include "broker/core/argument_check.h"
#include "broker/core/argument_rules.h"
#include "broker/core/core_state.h"
#include "broker/core/topology_errors.h"

namespace lvt::broker {

using amqp::AmqpError;
using amqp::ReplyCode;

Done CoreState::topology(ChannelState& channel, const amqp::ExchangeDeclare& method) {
    SessionState& session = *channel.session;
    VirtualHost& vhost = *session.vhost;
    const Bytes name = without_line_ends(method.exchange);
    const Exchange* const exchange = vhost.find_exchange(name);
    if (method.passive) {
        if (name.empty()) return default_exchange_refused();
        if (!exchange) return not_found("exchange", name, vhost);
        if (!method.no_wait) reply(channel, amqp::ExchangeDeclareOk{});
        return {};
    }
    if (!parse_exchange_type(method.type) && method.type != kDelayedMessageType) {
        AmqpError error{
            ReplyCode::command_invalid,
            method.type.empty() ? "invalid exchange type ''"
                                : fmt::format("unknown exchange type '{}'", method.type)};
        error.hard = true;
        return error;
    }
    if (name.empty()) return default_exchange_refused();
    const Done right = check_right(session, Right::configure, "exchange", name);
    if (right.has_error()) return right;
    if (!exchange && name.starts_with("amq.")) return reserved_name("exchange", name);
    if (!exchange) return make_exchange(channel, method, name);
    const Done same = check_equivalent(*exchange, method, vhost.name());
    if (same.has_error()) return same;
    if (!method.no_wait) reply(channel, amqp::ExchangeDeclareOk{});
    return {};
}

Done CoreState::make_exchange(
    ChannelState& channel, const amqp::ExchangeDeclare& method, const Bytes& name) {
    SessionState& session = *channel.session;
    VirtualHost& vhost = *session.vhost;
    const auto alternate =
        exchange_argument(method.arguments, "alternate-exchange", "exchange", name, vhost.name());
    if (alternate.has_error()) return alternate.error();
    const Done fed = check_forwarding(session, "exchange", name, *alternate);
    if (fed.has_error()) return fed;
    const Done valid = check_exchange_arguments(method);
    if (valid.has_error()) return valid;
    PutExchange put{
        vhost.name(),
        name,
        method.type,
        method.durable,
        method.auto_delete,
        method.internal,
        method.arguments};
    if (clustered()) return wish(channel, std::move(put));
    change(put, method.durable);
    if (method.durable) channel.last_ticket = commits_.ticket();
    if (method.no_wait) return {};
    if (method.durable)
        reply_when_durable(channel, amqp::ExchangeDeclareOk{});
    else
        reply(channel, amqp::ExchangeDeclareOk{});
    return {};
}

Done CoreState::check_forwarding(
    const SessionState& session, ByteView kind, ByteView name,
    const std::optional<Bytes>& target) const {
    if (!target) return {};
    const Done read = check_right(session, Right::read, kind, name);
    if (read.has_error()) return read;
    return check_right(
        session, Right::write, "exchange", target->empty() ? ByteView("amq.default") : *target);
}

Done CoreState::topology(ChannelState& channel, const amqp::ExchangeDelete& method) {
    SessionState& session = *channel.session;
    VirtualHost& vhost = *session.vhost;
    const Bytes name = without_line_ends(method.exchange);
    if (name.empty()) return default_exchange_refused();
    if (name.starts_with("amq.")) {
        return AmqpError{
            ReplyCode::access_refused,
            fmt::format(
                "deletion of system exchange '{}' in vhost '{}' not allowed", name, vhost.name())};
    }
    const Done right = check_right(session, Right::configure, "exchange", name);
    if (right.has_error()) return right;
    const Exchange* const exchange = vhost.find_exchange(name);
    if (exchange && method.if_unused && !exchange->bindings().empty()) {
        return AmqpError{
            ReplyCode::precondition_failed,
            fmt::format("exchange '{}' in vhost '{}' in use", name, vhost.name())};
    }
    const bool durable = exchange && exchange->durable;
    if (exchange && clustered()) return wish(channel, DeleteExchange{vhost.name(), name});
    if (exchange) change(DeleteExchange{vhost.name(), name}, durable);
    if (durable) channel.last_ticket = commits_.ticket();
    if (method.no_wait) return {};
    if (durable)
        reply_when_durable(channel, amqp::ExchangeDeleteOk{});
    else
        reply(channel, amqp::ExchangeDeleteOk{});
    return {};
}

Done CoreState::bind_or_unbind(ChannelState& channel, const BindingRequest& request) {
    SessionState& session = *channel.session;
    VirtualHost& vhost = *session.vhost;
    const char* const kind = request.to_queue ? "queue" : "exchange";
    const bool to_default = !request.to_queue && request.destination.empty();
    const Done write = check_right(
        session, Right::write, kind, to_default ? ByteView("amq.default") : request.destination);
    if (write.has_error()) return write;
    if (to_default || request.source.empty()) return default_exchange_refused();
    const Done read = check_right(session, Right::read, "exchange", request.source);
    if (read.has_error()) return read;
    Exchange* const source = vhost.find_exchange(request.source);
    if (source) {
        const Done topic = check_topic_right(session, Right::read, *source, request.routing_key);
        if (topic.has_error()) return topic;
    }
    Destination destination;
    if (request.to_queue)
        destination.queue = vhost.find_queue(request.destination);
    else
        destination.exchange = vhost.find_exchange(request.destination);
    const bool found = destination.queue || destination.exchange;
    if (!request.bind && (!source || !found)) return {};
    if (!source) return not_found("exchange", request.source, vhost);
    if (!found) return not_found(kind, request.destination, vhost);
    const BindingKey key{
        request.to_queue,
        request.destination,
        Bytes(request.routing_key),
        Bytes(request.arguments.bytes())};
    const bool bound = source->bindings().contains(key);
    if (!request.bind && !bound) return {};
    const Queue* const queue = destination.queue;
    if (queue && is_locked(*queue, session)) return locked(*queue);
    if (bound == request.bind) return {};
    if (request.bind) {
        const Done valid = source->check_binding(key);
        if (valid.has_error()) return valid;
    }
    const bool durable = binding_is_durable(*source, destination);
    const auto put = [&]<class Command>(Command command) -> Done {
        if (clustered()) return wish(channel, std::move(command));
        if (durable) channel.last_ticket = commits_.ticket();
        change(command, durable);
        return {};
    };
    if (request.bind) {
        return put(PutBinding{
            vhost.name(),
            source->name(),
            request.to_queue,
            request.destination,
            key.routing_key,
            request.arguments});
    }
    return put(DeleteBinding{
        vhost.name(),
        source->name(),
        request.to_queue,
        request.destination,
        key.routing_key,
        request.arguments});
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

template <class Ok>
Done CoreState::bind_and_answer(
    ChannelState& channel, const BindingRequest& request, bool no_wait) {
    const std::uint64_t epoch = topology_.epoch();
    const Done done = bind_or_unbind(channel, request);
    if (done.has_error() || channel.waiting) return done;
    if (!no_wait) reply_to_change(channel, epoch, Ok{});
    return {};
}

Done CoreState::topology(ChannelState& channel, const amqp::ExchangeBind& method) {
    return bind_and_answer<amqp::ExchangeBindOk>(
        channel,
        {true,
         false,
         without_line_ends(method.source),
         without_line_ends(method.destination),
         method.routing_key,
         method.arguments},
        method.no_wait);
}

Done CoreState::topology(ChannelState& channel, const amqp::ExchangeUnbind& method) {
    return bind_and_answer<amqp::ExchangeUnbindOk>(
        channel,
        {false,
         false,
         without_line_ends(method.source),
         without_line_ends(method.destination),
         method.routing_key,
         method.arguments},
        method.no_wait);
}

Done CoreState::topology(ChannelState& channel, const amqp::QueueBind& method) {
    const auto name = resolve_queue_name(channel, method.queue);
    if (name.has_error()) return name.error();
    // With neither queue nor key named, the queue's name is the key.
    const bool by_name = method.queue.empty() && method.routing_key.empty();
    return bind_and_answer<amqp::QueueBindOk>(
        channel,
        {true,
         true,
         without_line_ends(method.exchange),
         without_line_ends(*name),
         by_name ? *name : method.routing_key,
         method.arguments},
        method.no_wait);
}

Done CoreState::topology(ChannelState& channel, const amqp::QueueUnbind& method) {
    const auto name = resolve_queue_name(channel, method.queue);
    if (name.has_error()) return name.error();
    const bool by_name = method.queue.empty() && method.routing_key.empty();
    return bind_and_answer<amqp::QueueUnbindOk>(
        channel,
        {false,
         true,
         without_line_ends(method.exchange),
         without_line_ends(*name),
         by_name ? *name : method.routing_key,
         method.arguments},
        false);
}

}  // namespace lvt::broker
