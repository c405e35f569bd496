// QueueSettings: what a queue's arguments and its policies together ask of it.
#pragma once

#include "protocol/amqp/table.h"

#include <chrono>
#include <cstdint>
#include <optional>

namespace lvt::broker {

enum class QueueType : std::uint8_t { classic, quorum };

/// What happens to a message that a full queue has no room for.
enum class Overflow : std::uint8_t { drop_head, reject_publish, reject_publish_dlx };

struct QueueSettings {
    QueueType type = QueueType::classic;
    std::optional<std::uint64_t> message_ttl_ms;
    std::optional<std::uint64_t> expires_ms;
    /// Of ready messages.
    std::optional<std::uint64_t> max_length;
    /// Of the bodies of ready messages.
    std::optional<std::uint64_t> max_length_bytes;
    Overflow overflow = Overflow::drop_head;
    std::optional<Bytes> dead_letter_exchange;
    std::optional<Bytes> dead_letter_routing_key;
    /// 0: no priorities.
    std::uint8_t max_priority = 0;
    bool single_active_consumer = false;
    std::optional<std::uint64_t> delivery_limit;
    std::optional<std::uint64_t> consumer_timeout_ms;
    /// Counted returns after which a message goes to the tail (design 7.3); nothing: the broker's default.
    std::optional<std::uint64_t> poison_returns_max;

    bool operator==(const QueueSettings&) const = default;
};

/// `arguments` (x-...) as declared, valid; `policy`: the merged definition of the queue's policy and operator policy (keys without
/// x-). Numbers: the smaller one holds. All others: the argument wins. What is of a wrong type is ignored.
QueueSettings make_queue_settings(const amqp::Table& arguments, const amqp::Table& policy);

}  // namespace lvt::broker
