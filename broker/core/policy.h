// Policies: patterns of names -> arguments of queues and exchanges, changed while these live (RabbitMQ's rabbit_policy).
//
// Of the policies that match by name and kind the one with the highest priority holds, alone; an operator policy, chosen in the
// same way, is laid over it, and of a number that both have the smaller one holds.
#pragma once

#include "broker/auth/permissions.h"
#include "broker/core/metadata_command.h"

#include <map>

namespace lvt::broker {

struct Policy {
    Bytes pattern;
    Bytes apply_to;
    std::int32_t priority = 0;
    amqp::Table definition;
    /// Of the pattern, unanchored; the empty one matches every name.
    PermissionPattern regex;
};

/// By name.
using Policies = std::map<Bytes, Policy, std::less<>>;

/// What a policy may apply to.
enum class PolicySubject : std::uint8_t { classic_queue, quorum_queue, exchange };

/// Null where none matches; among equals in priority the first by name.
const Policies::value_type* find_policy(
    const Policies& policies, PolicySubject subject, ByteView name);

/// What holds of both; either may be null. Keys in order.
amqp::Table merge_definitions(
    const Policies::value_type* policy, const Policies::value_type* operator_policy);

/// invalid where the pattern is no regular expression.
Result<Policy> make_policy(const PutPolicy& command);

/// What is wrong with it, in the words that rabbitmqctl prints behind "Validation failed"; empty: nothing.
Bytes fault_in_policy(const PutPolicy& command);
/// Is this a key that policies (or operator policies) may have?
bool is_policy_key(ByteView key, bool of_operator);

/// Is it a word for apply-to?
bool is_policy_scope(ByteView apply_to);

/// max-connections, max-queues, max-channels of a PutLimits; nothing where there is no such limit or it is negative.
std::optional<std::uint64_t> find_limit(const amqp::Table& limits, ByteView key);
/// As fault_in_policy.
Bytes fault_in_limits(const PutLimits& command);

}  // namespace lvt::broker
