#include "broker/core/argument_rules.h"

#include "broker/core/argument_text.h"
#include "broker/core/consistent_hash.h"
#include "broker/core/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace lvt::broker {

using amqp::AmqpError;
using amqp::AmqpResult;
using amqp::FieldValue;
using amqp::Table;

namespace {

/// Ten years, the longest time that RabbitMQ takes.
constexpr std::int64_t kTimeMaxMs = 315'360'000'000;

/// What is wrong with a value; nothing where it is fine.
using Complaint = std::optional<Bytes>;

Complaint quoted(Bytes text) { return '"' + text + '"'; }

/// A time, a length, a count: not negative, not above `max`.
Complaint number(
    const FieldValue& value, std::optional<std::int64_t> max = {},
    const char* above = "value_too_large") {
    const auto integer = value.integer();
    if (!integer) return quoted(fmt::format("expected integer, got {}", value.type_name()));
    if (*integer < 0) return fmt::format("{{value_negative,{}}}", *integer);
    if (max && *integer > *max) return fmt::format("{{{},{}}}", above, *integer);
    return std::nullopt;
}

Complaint wrong_type(const FieldValue& value) {
    return fmt::format("{{unacceptable_type,{}}}", value.type_name());
}

Complaint any_number(const FieldValue& value, const Table&) { return number(value); }

Complaint ttl(const FieldValue& value, const Table&) { return number(value, kTimeMaxMs); }

Complaint not_zero(const FieldValue& value, std::optional<std::int64_t> max = {}) {
    if (value.integer() == 0) return "{value_zero,0}";
    return number(value, max);
}

Complaint expires(const FieldValue& value, const Table&) { return not_zero(value, kTimeMaxMs); }

Complaint group_size(const FieldValue& value, const Table&) { return not_zero(value); }

Complaint max_priority(const FieldValue& value, const Table&) {
    return number(value, 255, "max_value_exceeded");
}

Complaint routing_key(const FieldValue& value, const Table& arguments) {
    if (value.tag != 'S') return wrong_type(value);
    if (!arguments.find("x-dead-letter-exchange")) return "routing_key_but_no_dlx_defined";
    return std::nullopt;
}

/// One of a few words.
template <std::size_t N>
Complaint word(const FieldValue& value, const std::array<const char*, N>& words, Bytes otherwise) {
    if (value.tag != 'S') return wrong_type(value);
    const ByteView text = *value.string();
    const bool known =
        std::any_of(words.begin(), words.end(), [&](const char* one) { return text == one; });
    return known ? Complaint() : Complaint(std::move(otherwise));
}

Complaint strategy(const FieldValue& value, const Table&) {
    return word(value, std::array{"at-most-once", "at-least-once"}, "invalid_dlx_strategy");
}

Complaint overflow(const FieldValue& value, const Table&) {
    return word(
        value, std::array{"drop-head", "reject-publish", "reject-publish-dlx"}, "invalid_overflow");
}

Complaint mode(const FieldValue& value, const Table&) {
    return word(
        value,
        std::array{"default", "lazy"},
        fmt::format("\"unsupported queue mode '{}'\"", erlang_text(value)));
}

Complaint version(const FieldValue& value, const Table&) {
    if (const Complaint complaint = number(value)) return complaint;
    if (*value.integer() == 1 || *value.integer() == 2) return std::nullopt;
    return quoted(fmt::format("unsupported queue version '{}'", *value.integer()));
}

Complaint boolean(const FieldValue& value, const Table&) {
    return value.boolean() ? Complaint() : wrong_type(value);
}

Complaint locator(const FieldValue& value, const Table&) {
    return word(
        value,
        std::array{"client-local", "balanced", "random", "least-leaders"},
        "invalid_queue_locator_arg");
}

Complaint queue_type(const FieldValue& value) {
    return word(
        value,
        std::array{"classic", "quorum"},
        fmt::format("\"unsupported queue type '{}'\"", erlang_text(value)));
}

Complaint anything(const FieldValue&, const Table&) { return std::nullopt; }

struct Rule {
    const char* argument;
    Complaint (*check)(const FieldValue& value, const Table& arguments);
    /// Which queue types have it.
    bool classic;
    bool quorum;
};

/// In the order in which RabbitMQ looks at them. x-dead-letter-exchange was looked at before.
constexpr std::array<Rule, 21> kRules = {{
    {"x-expires", expires, true, true},
    {"x-message-ttl", ttl, true, true},
    {"x-dead-letter-exchange", anything, true, true},
    {"x-dead-letter-routing-key", routing_key, true, true},
    {"x-dead-letter-strategy", strategy, false, true},
    {"x-max-length", any_number, true, true},
    {"x-max-length-bytes", any_number, true, true},
    {"x-max-in-memory-length", any_number, false, true},
    {"x-max-in-memory-bytes", any_number, false, true},
    {"x-max-priority", max_priority, true, false},
    {"x-overflow", overflow, true, true},
    {"x-queue-mode", mode, true, false},
    {"x-queue-version", version, true, false},
    {"x-single-active-consumer", boolean, true, true},
    {"x-quorum-initial-group-size", group_size, false, true},
    {"x-max-age", anything, false, false},
    {"x-stream-max-segment-size-bytes", anything, false, false},
    {"x-initial-cluster-size", anything, false, false},
    {"x-queue-master-locator", anything, true, false},
    {"x-queue-leader-locator", locator, false, true},
    {"x-delivery-limit", anything, false, true},
}};

bool applies(const Rule& rule, QueueType type) {
    return type == QueueType::quorum ? rule.quorum : rule.classic;
}

AmqpError precondition_failed(Bytes text) {
    return {amqp::ReplyCode::precondition_failed, std::move(text)};
}

AmqpError invalid(ByteView argument, ByteView queue, ByteView vhost, ByteView complaint) {
    return precondition_failed(fmt::format(
        "invalid arg '{}' for queue '{}' in vhost '{}': {}", argument, queue, vhost, complaint));
}

AmqpError not_for_type(ByteView argument, ByteView queue, ByteView vhost, QueueType type) {
    return precondition_failed(fmt::format(
        "invalid arg '{}' for queue '{}' in vhost '{}' of queue type rabbit_{}_queue",
        argument,
        queue,
        vhost,
        type == QueueType::quorum ? "quorum" : "classic"));
}

/// Quorum queues live on their own, for ever.
AmqpResult<void> check_quorum_properties(
    const amqp::QueueDeclare& declare, ByteView name, ByteView vhost) {
    const char* const property = declare.auto_delete ? "auto-delete"
                                 : declare.exclusive ? "exclusive-owner"
                                 : !declare.durable  ? "non-durable"
                                                     : nullptr;
    if (!property) return {};
    return precondition_failed(
        fmt::format("invalid property '{}' for queue '{}' in vhost '{}'", property, name, vhost));
}

}  // namespace

AmqpResult<void> check_queue_arguments(
    const amqp::QueueDeclare& declare, ByteView name, ByteView vhost) {
    const Table& arguments = declare.arguments;
    if (arguments.empty()) return {};
    QueueType type = QueueType::classic;
    if (const auto value = arguments.find("x-queue-type")) {
        if (const Complaint complaint = queue_type(*value)) {
            return invalid("x-queue-type", name, vhost, *complaint);
        }
        if (value->string() == "quorum") type = QueueType::quorum;
    }
    for (const Rule& rule : kRules) {
        if (!applies(rule, type)) continue;
        const auto value = arguments.find(rule.argument);
        const Complaint complaint = value ? rule.check(*value, arguments) : std::nullopt;
        if (complaint) return invalid(rule.argument, name, vhost, *complaint);
    }
    for (const Rule& rule : kRules) {
        if (!applies(rule, type) && arguments.find(rule.argument)) {
            return not_for_type(rule.argument, name, vhost, type);
        }
    }
    return type == QueueType::quorum ? check_quorum_properties(declare, name, vhost)
                                     : AmqpResult<void>();
}

AmqpResult<void> check_exchange_arguments(const amqp::ExchangeDeclare& declare) {
    if (!routing_type(declare.type, declare.arguments)) {
        return precondition_failed(
            "Invalid argument, 'x-delayed-type' must be an existing exchange type");
    }
    if (declare.type != exchange_type_name(ExchangeType::consistent_hash)) return {};
    const auto header = declare.arguments.find("hash-header");
    const auto property = declare.arguments.find("hash-property");
    if (header && property) {
        return precondition_failed("hash-header and hash-property are mutually exclusive");
    }
    if (property && !parse_hash_property(property->string().value_or(""))) {
        return precondition_failed(fmt::format("Unsupported property: {}", erlang_text(*property)));
    }
    return {};
}

AmqpResult<void> check_consume_arguments(
    const Table& arguments, const Queue& queue, ByteView vhost) {
    if (arguments.empty()) return {};
    const QueueType type = queue.settings.type;
    const auto priority = arguments.find("x-priority");
    if (priority && !priority->integer()) {
        return invalid("x-priority", queue.name, vhost, *number(*priority));
    }
    if (const auto cancel = arguments.find("x-cancel-on-ha-failover")) {
        if (type == QueueType::quorum) {
            return not_for_type("x-cancel-on-ha-failover", queue.name, vhost, type);
        }
        if (!cancel->boolean()) {
            return invalid("x-cancel-on-ha-failover", queue.name, vhost, *wrong_type(*cancel));
        }
    }
    if (arguments.find("x-stream-offset")) {
        return not_for_type("x-stream-offset", queue.name, vhost, type);
    }
    return {};
}

AmqpResult<std::optional<Bytes>> exchange_argument(
    const Table& arguments, ByteView argument, ByteView of, ByteView name, ByteView vhost) {
    const auto value = arguments.find(argument);
    if (!value) return std::optional<Bytes>();
    if (value->tag == 'S') return std::optional<Bytes>(Bytes(*value->string()));
    return precondition_failed(fmt::format(
        "invalid type '{}' for arg '{}' in {} '{}' in vhost '{}'",
        value->type_name(),
        argument,
        of,
        name,
        vhost));
}

bool compared_on_redeclare(QueueType type, ByteView argument) {
    const auto same = [&](const Rule& rule) { return rule.argument == argument; };
    const auto rule = std::find_if(kRules.begin(), kRules.end(), same);
    return rule != kRules.end() && applies(*rule, type);
}

}  // namespace lvt::broker
