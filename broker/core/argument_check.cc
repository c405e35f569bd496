#include "broker/core/argument_check.h"

#include "broker/core/argument_rules.h"
#include "broker/core/argument_text.h"

#include <fmt/format.h>

#include <array>

namespace lvt::broker {

using amqp::AmqpError;
using amqp::AmqpResult;
using amqp::FieldValue;

namespace {

/// Where RabbitMQ compares an argument at all, it does so in this order.
constexpr std::array kComparedForQueues = {
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-max-priority",
    "x-overflow",
    "x-queue-mode",
    "x-queue-version",
    "x-single-active-consumer",
    "x-quorum-initial-group-size",
    "x-queue-master-locator",
    "x-queue-leader-locator",
    "x-delivery-limit"};

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

/// Why the argument differs; nothing where it is the same. Numbers of any width, times and strings of any kind are the same by value.
std::optional<Bytes> difference(
    const std::optional<FieldValue>& current, const std::optional<FieldValue>& received) {
    const auto described = [](const FieldValue& value) {
        return fmt::format("the value '{}' of type '{}'", erlang_text(value), value.type_name());
    };
    if (!current && !received) return std::nullopt;
    if (!current) return fmt::format("received {} but current is none", described(*received));
    if (!received) return fmt::format("received none but current is {}", described(*current));
    const auto scalar = [](const FieldValue& value) {
        return value.integer() || value.tag == 'T' ? 'I' : value.string() ? 'S' : value.tag;
    };
    if (scalar(*current) == scalar(*received) && erlang_text(*current) == erlang_text(*received)) {
        return std::nullopt;
    }
    return received_but(erlang_text(*received), erlang_text(*current));
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
    const auto differs = [&](const char* argument) {
        return difference(queue.arguments.find(argument), declare.arguments.find(argument));
    };
    const auto is_classic = [](const amqp::Table& arguments) {
        const auto type = arguments.find("x-queue-type");
        return !type || type->string() == "classic";
    };
    // A queue without a type is a classic one.
    if (!is_classic(queue.arguments) || !is_classic(declare.arguments)) {
        if (const auto why = differs("x-queue-type")) {
            return inequivalent("x-queue-type", "queue", queue.name, vhost, *why);
        }
    }
    for (const char* const argument : kComparedForQueues) {
        if (!compared_on_redeclare(queue.settings.type, argument)) continue;
        if (const auto why = differs(argument)) {
            return inequivalent(argument, "queue", queue.name, vhost, *why);
        }
    }
    return {};
}

AmqpResult<void> check_equivalent(
    const Exchange& exchange, const amqp::ExchangeDeclare& declare, ByteView vhost) {
    const auto differs = [&](const char* argument, ByteView received, ByteView current) {
        return inequivalent(
            argument, "exchange", exchange.name(), vhost, received_but(received, current));
    };
    const char* const type = exchange.type_name();
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
    const auto why = difference(
        exchange.arguments.find("alternate-exchange"),
        declare.arguments.find("alternate-exchange"));
    if (!why) return {};
    return inequivalent("alternate-exchange", "exchange", exchange.name(), vhost, *why);
}

}  // namespace lvt::broker
