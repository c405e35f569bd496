// x-consistent-hash and x-random: exchanges that choose one of their bindings for each message.
#pragma once

#include "broker/core/message.h"
#include "protocol/amqp/amqp_error.h"
#include "protocol/amqp/table.h"

#include <cstdint>
#include <optional>

namespace lvt::broker {

/// Which part of a message may be hashed instead of its routing key: "correlation_id", "message_id", "timestamp".
enum class HashProperty : std::uint8_t { correlation_id, message_id, timestamp };
std::optional<HashProperty> parse_hash_property(ByteView name);

/// How often a destination is chosen, relative to the others: the binding's routing key, a positive number. precondition_failed where
/// it is none.
amqp::AmqpResult<void> check_hash_weight(ByteView routing_key);
double hash_weight(ByteView checked_routing_key);

/// The hash that decides, by the exchange's arguments: of a header (hash-header), a property (hash-property), or the routing key.
/// What a message lacks counts as empty.
std::uint64_t hash_of_message(const amqp::Table& exchange_arguments, const Message& message);

/// Well mixed 64 bits; the same in every process.
std::uint64_t hash_of(ByteView bytes);

/// Rendezvous hashing: of all destinations, the one with the highest score takes the message. One that comes or goes moves no message
/// between the others.
double rendezvous_score(std::uint64_t message_hash, std::uint64_t destination_hash, double weight);

/// A number that looks random, the same for the same input.
std::uint64_t scramble(std::uint64_t value);

}  // namespace lvt::broker
