#include "broker/core/argument_check.h"

#include <fmt/format.h>

#include <array>

namespace lvt::broker {

using amqp::AmqpError;
using amqp::AmqpResult;
using amqp::FieldValue;

namespace {

/// The arguments that RabbitMQ compares; it ignores all others.
constexpr std::array kComparedForQueues = {
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-max-length",
    "x-max-length-bytes",
    "x-overflow",
    "x-max-priority",
    "x-queue-mode",
    "x-single-active-consumer",
    "x-queue-type",
    "x-delivery-limit"};
constexpr std::array kComparedForExchanges = {"alternate-exchange"};

AmqpError inequivalent(
    ByteView argument, ByteView kind, ByteView name, ByteView vhost, Bytes what) {
    return {
        amqp::ReplyCode::precondition_failed,
        fmt::format(
            "inequivalent arg '{}' for {} '{}' in vhost '{}': {}",
            argument,
            kind,
            name,
            vhost,
            what)};
}

Bytes received_but(ByteView received, ByteView current) {
    return fmt::format("received '{}' but current is '{}'", received, current);
}

Bytes describe(const std::optional<FieldValue>& value) {
    if (!value) return "none";
    Bytes text = "?";
    if (const auto integer = value->integer())
        text = std::to_string(*integer);
    else if (const auto string = value->string())
        text = Bytes(*string);
    else if (const auto boolean = value->boolean())
        text = *boolean ? "true" : "false";
    return fmt::format("the value '{}' of type '{}'", text, value->type_name());
}

bool same_value(const std::optional<FieldValue>& a, const std::optional<FieldValue>& b) {
    if (!a || !b) return a.has_value() == b.has_value();
    if (a->integer() && b->integer()) return *a->integer() == *b->integer();
    return a->tag == b->tag && a->raw == b->raw;
}

template <class Names>
AmqpResult<void> compare_arguments(
    const Names& names, const amqp::Table& current, const amqp::Table& received, ByteView kind,
    ByteView name, ByteView vhost) {
    for (const char* const argument : names) {
        const auto now = current.find(argument);
        const auto then = received.find(argument);
        if (same_value(now, then)) continue;
        return inequivalent(
            argument,
            kind,
            name,
            vhost,
            fmt::format("received {} but current is {}", describe(then), describe(now)));
    }
    return {};
}

const char* word(bool value) { return value ? "true" : "false"; }

}  // namespace

AmqpResult<void> check_equivalent(
    const Queue& queue, const amqp::QueueDeclare& declare, ByteView vhost) {
    // An exclusive queue goes with its connection, so RabbitMQ does not care whether it is durable.
    if (!queue.exclusive && queue.durable != declare.durable) {
        return inequivalent(
            "durable",
            "queue",
            queue.name,
            vhost,
            received_but(word(declare.durable), word(queue.durable)));
    }
    if (queue.auto_delete != declare.auto_delete) {
        return inequivalent(
            "auto_delete",
            "queue",
            queue.name,
            vhost,
            received_but(word(declare.auto_delete), word(queue.auto_delete)));
    }
    return compare_arguments(
        kComparedForQueues, queue.arguments, declare.arguments, "queue", queue.name, vhost);
}

AmqpResult<void> check_equivalent(
    const Exchange& exchange, const amqp::ExchangeDeclare& declare, ByteView vhost) {
    const auto differs = [&](const char* argument, ByteView received, ByteView current) {
        return inequivalent(
            argument, "exchange", exchange.name(), vhost, received_but(received, current));
    };
    const char* const type = exchange_type_name(exchange.type());
    if (declare.type != type) return differs("type", declare.type, type);
    if (exchange.durable != declare.durable) {
        return differs("durable", word(declare.durable), word(exchange.durable));
    }
    if (exchange.auto_delete != declare.auto_delete) {
        return differs("auto_delete", word(declare.auto_delete), word(exchange.auto_delete));
    }
    if (exchange.internal != declare.internal) {
        return differs("internal", word(declare.internal), word(exchange.internal));
    }
    return compare_arguments(
        kComparedForExchanges,
        exchange.arguments,
        declare.arguments,
        "exchange",
        exchange.name(),
        vhost);
}

}  // namespace lvt::broker
