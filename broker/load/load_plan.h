// LoadPlan: who publishes where and who consumes what.
#pragma once

#include "broker/load/client_connection.h"
#include "broker/load/load_options.h"

#include <cstdint>
#include <vector>

namespace lvt::broker::load {

/// What a producer publishes in turn.
struct Destination {
    Bytes routing_key;
    /// Which of the plan's streams the message belongs to.
    std::uint16_t stream = 0;
};

/// What one producer sends to one queue, or to all of them where the plan broadcasts.
struct Stream {
    std::uint32_t producer = 0;
    std::uint32_t queue = 0;
};

/// Fixed by the options; nothing random.
class LoadPlan {
public:
    explicit LoadPlan(const LoadOptions& options);

    Bytes queue_name(std::uint32_t queue) const;
    /// In the order in which the producer takes turns over them; never empty.
    const std::vector<Destination>& destinations(std::uint32_t producer) const {
        return destinations_[producer];
    }
    /// The queues of a consumer; the position plus 1 is the channel. Never empty.
    std::vector<std::uint32_t> queues_of_consumer(std::uint32_t consumer) const;
    const std::vector<Stream>& streams() const { return streams_; }
    /// How many queues each message arrives in.
    std::uint32_t copies() const { return options_.broadcast() ? options_.queues : 1; }

    /// Makes fresh queues, the exchange and its bindings; what has their names is deleted first.
    Result<void> declare(ClientConnection& connection) const;
    Result<void> remove(ClientConnection& connection) const;

private:
    std::uint16_t stream_to(std::uint32_t producer, std::uint32_t queue);
    void plan_producer(std::uint32_t producer);
    std::vector<amqp::QueueBind> bindings() const;

    LoadOptions options_;
    std::vector<Stream> streams_;
    std::vector<std::vector<Destination>> destinations_;
};

}  // namespace lvt::broker::load
