#include "broker/core/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace lvt::broker {
namespace {

/// What a key's value has to be.
enum class Form : std::uint8_t { count, positive, text, word, anything };

struct PolicyKey {
    ByteView name;
    Form form;
    bool for_operators = false;
    /// "VALUE is not a valid ..." of RabbitMQ.
    ByteView what = {};
    std::array<ByteView, 3> words = {};
    /// Kinds of queues that have no use for it: a policy with such a key does not apply to them at all.
    bool not_for_classic = false;
    bool not_for_quorum = false;
};

/// RabbitMQ 3.10's, then newer and Leveret's own ones. Those without effect here are accepted all the same.
constexpr PolicyKey kKeys[] = {
    {"alternate-exchange", Form::text, false, "alternate exchange name"},
    {"consumer-timeout", Form::count, false, "consumer timeout"},
    {"dead-letter-exchange", Form::text, false, "dead letter exchange name"},
    {"dead-letter-routing-key", Form::text, false, "dead letter routing key"},
    {"dead-letter-strategy",
     Form::word,
     false,
     "dead letter strategy",
     {"at-most-once", "at-least-once"},
     true},
    {"delivery-limit", Form::count, true, "delivery limit", {}, true},
    {"expires", Form::positive, true, "queue expiry"},
    {"ha-mode", Form::word, false, "ha-mode value", {"all", "exactly", "nodes"}, false, true},
    {"ha-params", Form::anything, false, "ha-params value", {}, false, true},
    {"ha-promote-on-failure",
     Form::word,
     false,
     "ha-promote-on-failure value",
     {"always", "when-synced"},
     false,
     true},
    {"ha-promote-on-shutdown",
     Form::word,
     false,
     "ha-promote-on-shutdown value",
     {"always", "when-synced"},
     false,
     true},
    {"ha-sync-batch-size", Form::positive, false, "ha-sync-batch-size value"},
    {"ha-sync-mode", Form::word, false, "ha-sync-mode value", {"manual", "automatic"}, false, true},
    {"initial-cluster-size", Form::count, false, "initial cluster size", {}, true, true},
    {"max-age", Form::text, false, "max age", {}, true, true},
    {"max-in-memory-bytes", Form::count, true, "maximum memory in bytes"},
    {"max-in-memory-length", Form::count, true, "maximum memory in bytes"},
    {"max-length", Form::count, true, "maximum length"},
    {"max-length-bytes", Form::count, true, "maximum length in bytes"},
    {"message-ttl", Form::count, true, "message TTL"},
    {"overflow",
     Form::word,
     false,
     "overflow value",
     {"drop-head", "reject-publish", "reject-publish-dlx"}},
    {"poison-returns", Form::count, false, "number of returns"},
    {"queue-leader-locator",
     Form::word,
     false,
     "queue leader locator value",
     {"client-local", "balanced"},
     true},
    {"queue-master-locator", Form::text, false, "queue-master-locator value", {}, false, true},
    {"queue-mode", Form::word, false, "queue-mode value", {"default", "lazy"}, false, true},
    {"queue-version", Form::count, false, "queue-version value"},
    {"stream-max-segment-size-bytes", Form::count, false, "segment size", {}, true, true},
};

const PolicyKey* find_key(ByteView name) {
    const auto found = std::find_if(
        std::begin(kKeys), std::end(kKeys), [&](const PolicyKey& key) { return key.name == name; });
    return found == std::end(kKeys) ? nullptr : found;
}

bool has_form(const PolicyKey& key, const amqp::FieldValue& value) {
    switch (key.form) {
        case Form::count:
            return value.integer().value_or(-1) >= 0;
        case Form::positive:
            return value.integer().value_or(-1) > 0;
        case Form::text:
            return value.string().has_value();
        case Form::word:
            return value.string() && !value.string()->empty() &&
                   std::find(key.words.begin(), key.words.end(), *value.string()) !=
                       key.words.end();
        case Form::anything:
            return true;
    }
    return false;
}

/// As Erlang prints it.
Bytes term(const amqp::FieldValue& value) {
    if (const auto text = value.string()) return fmt::format("<<\"{}\">>", *text);
    if (const auto number = value.integer()) return std::to_string(*number);
    if (const auto boolean = value.boolean()) return *boolean ? "true" : "false";
    return value.type_name();
}

Bytes unknown_entries(const std::vector<amqp::TableView::Entry>& entries) {
    Bytes out = "[";
    for (const auto& [name, value] : entries) {
        if (out.size() > 1) out += ',';
        out += fmt::format("{{<<\"{}\">>,{}}}", name, term(value));
    }
    return out + "]";
}

bool applies_to(const Policy& policy, PolicySubject subject) {
    const ByteView scope = policy.apply_to;
    if (subject == PolicySubject::exchange) return scope == "all" || scope == "exchanges";
    const bool classic = subject == PolicySubject::classic_queue;
    if (scope != "all" && scope != "queues" &&
        scope != (classic ? "classic_queues" : "quorum_queues")) {
        return false;
    }
    for (const auto& [name, value] : policy.definition.view()) {
        const PolicyKey* const key = find_key(name);
        if (key && (classic ? key->not_for_classic : key->not_for_quorum)) return false;
    }
    return true;
}

}  // namespace

const Policies::value_type* find_policy(
    const Policies& policies, PolicySubject subject, ByteView name) {
    const Policies::value_type* best = nullptr;
    for (const auto& entry : policies) {
        const Policy& policy = entry.second;
        if (best && best->second.priority >= policy.priority) continue;
        if (applies_to(policy, subject) && policy.regex.matches(name)) best = &entry;
    }
    return best;
}

amqp::Table merge_definitions(
    const Policies::value_type* policy, const Policies::value_type* operator_policy) {
    std::map<ByteView, amqp::FieldValue> merged;
    if (policy) {
        for (const auto& [name, value] : policy->second.definition.view()) merged[name] = value;
    }
    if (operator_policy) {
        for (const auto& [name, value] : operator_policy->second.definition.view()) {
            const auto mine = merged.find(name);
            if (mine != merged.end() && mine->second.integer() && value.integer() &&
                *mine->second.integer() <= *value.integer()) {
                continue;
            }
            merged[name] = value;
        }
    }
    amqp::Table out;
    for (const auto& [name, value] : merged) out.add_value(name, value);
    return out;
}

Result<Policy> make_policy(const PutPolicy& command) {
    auto regex = PermissionPattern::parse(command.pattern.empty() ? ".*" : command.pattern);
    if (regex.has_error()) return std::move(regex).error();
    // A map in RabbitMQ, listed and exported in the order of its keys.
    amqp::Table definition = amqp::sorted_by_name(command.definition.view());
    return Policy{
        command.pattern, command.apply_to, command.priority, std::move(definition), *regex};
}

bool is_policy_key(ByteView name, bool of_operator) {
    const PolicyKey* const key = find_key(name);
    return key && (key->for_operators || !of_operator);
}

bool is_policy_scope(ByteView apply_to) {
    for (const ByteView word :
         {"all", "queues", "exchanges", "classic_queues", "quorum_queues", "streams"}) {
        if (apply_to == word) return true;
    }
    return false;
}

Bytes fault_in_policy(const PutPolicy& command) {
    if (!is_policy_scope(command.apply_to)) {
        return fmt::format(
            "apply-to '{}' unrecognised; should be 'queues', 'exchanges' or 'all'",
            command.apply_to);
    }
    const auto regex = PermissionPattern::parse(command.pattern);
    if (regex.has_error()) {
        return fmt::format(
            "pattern should be regular expression but is invalid: {}", regex.error().message);
    }
    if (command.definition.empty()) return "no policy provided";
    std::vector<amqp::TableView::Entry> unknown;
    Bytes fault;
    for (const auto& entry : command.definition.view()) {
        if (!is_policy_key(entry.first, command.of_operator)) {
            unknown.push_back(entry);
            continue;
        }
        const PolicyKey& key = *find_key(entry.first);
        if (fault.empty() && !has_form(key, entry.second))
            fault = fmt::format("{} is not a valid {}", term(entry.second), key.what);
    }
    if (!fault.empty() || unknown.empty()) return fault;
    return unknown_entries(unknown) + " are not recognised policy settings";
}

std::optional<std::uint64_t> find_limit(const amqp::Table& limits, ByteView key) {
    if (limits.empty()) return std::nullopt;
    const auto value = limits.find(key);
    if (!value || value->integer().value_or(-1) < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*value->integer());
}

Bytes fault_in_limits(const PutLimits& command) {
    std::vector<amqp::TableView::Entry> unknown;
    for (const auto& entry : command.limits.view()) {
        const ByteView second = command.of_user ? "max-channels" : "max-queues";
        if (entry.first != "max-connections" && entry.first != second)
            unknown.push_back(entry);
        else if (!entry.second.integer())
            return fmt::format(
                "{} should be a number, actually was {}", entry.first, term(entry.second));
    }
    if (unknown.empty()) return {};
    return fmt::format(
        "Unrecognised terms {} in {}",
        unknown_entries(unknown),
        command.of_user ? "user-limits" : "limits");
}

}  // namespace lvt::broker
