// What is counted, where it happens: plain integers of the core's thread, exact at any moment. Names and meaning are those of
// message_stats in RabbitMQ's HTTP API. What is counted since the process began starts at zero with it.
#pragma once

#include "broker/core/queue_settings.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace lvt::broker {

/// What queues gave to clients and what these said to it.
struct DeliveryStats {
    /// Handed to consumers that ack. A hand-out that is taken back before it was sent is not counted.
    std::uint64_t deliver = 0;
    std::uint64_t deliver_no_ack = 0;
    std::uint64_t get = 0;
    std::uint64_t get_no_ack = 0;
    /// basic.get of an empty queue.
    std::uint64_t get_empty = 0;
    /// By basic.ack; neither rejected ones nor those that need no ack.
    std::uint64_t ack = 0;
    /// Of those handed out, the ones with the redelivered flag.
    std::uint64_t redeliver = 0;

    std::uint64_t deliver_get() const { return deliver + deliver_no_ack + get + get_no_ack; }
    DeliveryStats& operator+=(const DeliveryStats& other);
};

/// What publishers sent and were told.
struct PublishStats {
    std::uint64_t publish = 0;
    /// Publishes that were confirmed; refused ones are not.
    std::uint64_t confirm = 0;
    /// Unroutable and mandatory: sent back.
    std::uint64_t return_unroutable = 0;
    /// Unroutable and not mandatory: gone.
    std::uint64_t drop_unroutable = 0;

    PublishStats& operator+=(const PublishStats& other);
};

struct QueueStats {
    /// Messages that publishers brought into it; what is dead-lettered into it does not count.
    std::uint64_t publish = 0;
    DeliveryStats deliveries;
};

struct ExchangeStats {
    std::uint64_t publish_in = 0;
    /// Queues that its messages went to.
    std::uint64_t publish_out = 0;
};

struct ChannelStats {
    PublishStats publishes;
    DeliveryStats deliveries;
};

/// A connection's octets, counted by its lane's thread and read by any other.
struct ConnectionStats {
    /// Octets, and reads that brought them.
    std::atomic<std::uint64_t> recv_oct{0};
    std::atomic<std::uint64_t> recv_cnt{0};
    /// Octets, and writes that took them.
    std::atomic<std::uint64_t> send_oct{0};
    std::atomic<std::uint64_t> send_cnt{0};
    /// Octets that wait for the socket.
    std::atomic<std::uint64_t> send_pend{0};

    /// Only one thread writes, so this needs no locked instruction.
    static void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
        counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
};

/// A virtual host's, what is gone included.
struct VhostStats {
    PublishStats publishes;
    /// Of the publishes, those of channels in confirm mode.
    std::uint64_t received_confirm = 0;
    /// Queues that messages went to.
    std::uint64_t routed = 0;
    /// By QueueType.
    std::array<DeliveryStats, 2> deliveries;
    /// Of connections that are closed.
    std::uint64_t closed_recv_oct = 0;
    std::uint64_t closed_send_oct = 0;

    DeliveryStats& of(QueueType type) { return deliveries[static_cast<std::size_t>(type)]; }
    DeliveryStats all_deliveries() const;
    VhostStats& operator+=(const VhostStats& other);
};

/// What all queues of a virtual host hold at the moment; kept by the queues themselves.
struct QueueTotals {
    std::uint64_t messages_ready = 0;
    std::uint64_t messages_unacknowledged = 0;
};

/// A count that is also part of a total. The total must outlive it.
class PartialCount {
public:
    explicit PartialCount(std::uint64_t& total) : total_(total) {}
    ~PartialCount() { total_ -= count_; }
    PartialCount(const PartialCount&) = delete;
    PartialCount& operator=(const PartialCount&) = delete;

    operator std::uint64_t() const { return count_; }
    PartialCount& operator++() {
        ++count_;
        ++total_;
        return *this;
    }
    PartialCount& operator--() {
        --count_;
        --total_;
        return *this;
    }

private:
    std::uint64_t& total_;
    std::uint64_t count_ = 0;
};

/// How many of a kind there have been and are gone.
struct Turnover {
    std::uint64_t opened = 0;
    std::uint64_t closed = 0;

    std::uint64_t open() const { return opened - closed; }
};

/// Counts its owner, from its construction to its end. The turnover must outlive it.
class Counted {
public:
    explicit Counted(Turnover& turnover) : turnover_(turnover) { ++turnover_.opened; }
    ~Counted() { ++turnover_.closed; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

private:
    Turnover& turnover_;
};

/// How large published messages are (their bodies).
struct MessageSizes {
    /// Upper ends of the buckets, octets; the last bucket has none. RabbitMQ 4's.
    static constexpr std::array<std::uint64_t, 8> kBounds = {
        100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 50'000'000, 100'000'000};

    std::array<std::uint64_t, kBounds.size() + 1> counts{};
    std::uint64_t sum = 0;

    void count(std::uint64_t bytes) {
        std::size_t bucket = 0;
        while (bucket < kBounds.size() && bytes > kBounds[bucket]) ++bucket;
        ++counts[bucket];
        sum += bytes;
    }
};

/// Why a queue gives a message up; RabbitMQ's words in x-death.
enum class DeathReason : std::uint8_t { rejected, expired, maxlen, delivery_limit };

/// The whole broker's.
struct BrokerStats {
    MessageSizes sizes;
    Turnover connections;
    Turnover channels;
    /// Channels that have published.
    Turnover publishers;
    std::uint64_t queues_declared = 0;
    std::uint64_t queues_created = 0;
    std::uint64_t queues_deleted = 0;
    std::uint64_t auth_attempts_succeeded = 0;
    std::uint64_t auth_attempts_failed = 0;
    /// Messages put into the journal, and read back from the store.
    std::uint64_t disk_writes = 0;
    std::uint64_t disk_reads = 0;
    /// By DeathReason, QueueType, and whether the queue has a dead-letter exchange.
    std::uint64_t dead_lettered[4][2][2] = {};
    /// Of virtual hosts that are deleted.
    VhostStats deleted_vhosts;
};

}  // namespace lvt::broker
