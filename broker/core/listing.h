// What the core shows of itself; values, exact at the moment of the call.
#pragma once

#include "protocol/amqp/table.h"
#include "protocol/base/bytes.h"

#include <cstdint>
#include <vector>

namespace lvt::broker {

struct QueueListing {
    Bytes name;
    Bytes vhost;
    bool durable = false;
    bool auto_delete = false;
    bool exclusive = false;
    amqp::Table arguments;
    std::uint64_t messages_ready = 0;
    std::uint64_t messages_unacknowledged = 0;
    std::uint64_t message_bytes_ready = 0;
    /// Of ready messages in memory.
    std::uint64_t message_bytes_resident = 0;
    /// Ready messages that are on disk only.
    std::uint64_t messages_paged_out = 0;
    std::uint64_t consumers = 0;
};

struct UserListing {
    Bytes name;
    std::vector<Bytes> tags;
};

struct CoreStatus {
    std::uint64_t connections = 0;
    std::uint64_t channels = 0;
    std::uint64_t consumers = 0;
    std::uint64_t queues = 0;
    std::uint64_t exchanges = 0;
    std::uint64_t messages_ready = 0;
    std::uint64_t messages_unacknowledged = 0;
    std::uint64_t messages_published = 0;
    std::uint64_t messages_delivered = 0;
    /// Message::charge() of everything in memory.
    std::uint64_t resident_bytes = 0;
    std::uint64_t durable_lsn = 0;
    bool memory_alarm = false;
    bool disk_alarm = false;
};

}  // namespace lvt::broker
