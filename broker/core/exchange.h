// Exchange and Binding: who gets what was published (spec 3.1).
#pragma once

#include "broker/core/destination.h"
#include "broker/core/message.h"
#include "broker/core/stats_history.h"
#include "broker/core/string_hash.h"
#include "broker/core/topic_trie.h"
#include "protocol/amqp/table.h"

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>

namespace lvt::broker {

struct Queue;

enum class ExchangeType { direct, fanout, topic, headers, consistent_hash, random };

/// "direct", "fanout", "topic", "headers", "x-consistent-hash", "x-random".
std::optional<ExchangeType> parse_exchange_type(ByteView name);
const char* exchange_type_name(ExchangeType type);
/// Of an exchange that keeps messages with an x-delay header back for so many milliseconds, and then routes them as its argument
/// x-delayed-type says (the community plugin rabbitmq_delayed_message_exchange).
inline constexpr const char* kDelayedMessageType = "x-delayed-message";
/// How an exchange of this type with these arguments routes; nothing where that makes no sense.
std::optional<ExchangeType> routing_type(ByteView type, const amqp::Table& arguments);

/// A binding's identity: RabbitMQ tells bindings apart by all four.
struct BindingKey {
    bool to_queue = true;
    Bytes destination;
    Bytes routing_key;
    Bytes arguments;  // wire form

    auto operator<=>(const BindingKey&) const = default;
};

class Exchange {
public:
    Exchange(Bytes name, ExchangeType type);
    ~Exchange();

    const Bytes& name() const { return name_; }
    /// How it routes.
    ExchangeType type() const { return type_; }
    /// As it was declared.
    const char* type_name() const {
        return delays ? kDelayedMessageType : exchange_type_name(type_);
    }
    /// It is an x-delayed-message exchange.
    bool delays = false;
    /// Where such an exchange's messages wait; no client can name it.
    std::unique_ptr<Queue> delay_queue;
    bool durable = false;
    bool auto_delete = false;
    bool internal = false;
    /// Made by the broker itself, cannot be deleted.
    bool predeclared = false;
    amqp::Table arguments;
    /// The merged definition of its policy and operator policy; empty: none.
    amqp::Table policy;
    /// Which ones they are; empty: none.
    Bytes policy_name;
    Bytes operator_policy_name;

    /// False where it existed already.
    bool bind(BindingKey key, Destination destination);
    /// False where there was none.
    bool unbind(const BindingKey& key);
    /// precondition_failed where this exchange's type can make nothing of the binding.
    amqp::AmqpResult<void> check_binding(const BindingKey& key) const;
    /// In the order of their keys.
    const std::map<BindingKey, Destination>& bindings() const { return bindings_; }

    /// Appends where the message goes by this exchange's own bindings; one destination may appear more than once. `more_keys`: routing
    /// keys beside the message's own (CC and BCC). `lot` decides where the exchange chooses at random.
    void match(
        const Message& message, std::span<const Bytes> more_keys, std::uint64_t lot,
        std::vector<Destination>& out) const;
    /// The same routing key goes the same way, until the topology changes.
    bool routes_by_key() const;
    /// Who takes what finds no way here (alternate-exchange): the argument, else the policy.
    std::optional<ByteView> alternate() const;

    /// Exchanges with a binding to this one, one entry a binding.
    std::vector<Exchange*> bound_from;
    /// Which routing saw it last: exchange-to-exchange bindings may form cycles.
    std::uint64_t route_mark = 0;

    ExchangeStats stats;
    Sampled sampled;

private:
    void match_key(ByteView routing_key, std::vector<Destination>& out) const;
    void choose(const Message& message, std::uint64_t lot, std::vector<Destination>& out) const;

    Bytes name_;
    ExchangeType type_;
    std::map<BindingKey, Destination> bindings_;
    std::unordered_map<Bytes, DestinationSet, StringHash, std::equal_to<>> direct_;
    TopicTrie topic_;
};

/// x-match of a headers binding; precondition_failed where its value is none that RabbitMQ knows.
amqp::AmqpResult<void> check_headers_binding(const amqp::Table& arguments);
/// Does a message with these headers (the inside of a table) match a binding with these arguments?
bool headers_match(amqp::TableView arguments, amqp::TableView headers);

}  // namespace lvt::broker
