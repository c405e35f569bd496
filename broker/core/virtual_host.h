// VirtualHost: a namespace of exchanges and queues, and the routing between them.
#pragma once

#include "broker/core/exchange.h"
#include "broker/core/queue.h"

#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

namespace lvt::broker {

/// Where a message goes.
struct Route {
    std::vector<Queue*> queues;
    /// Of the exchange that the message was published to; null: it is gone.
    ExchangeStats* stats = nullptr;
    /// It depends on exchange and routing key alone, so it may be kept until the topology's epoch changes.
    bool cacheable = true;
};

class VirtualHost {
public:
    explicit VirtualHost(Bytes name) : name_(std::move(name)) {}

    const Bytes& name() const { return name_; }
    Exchange* find_exchange(ByteView name) const;
    Queue* find_queue(ByteView name) const;
    /// By name, ascending.
    const std::map<Bytes, std::unique_ptr<Exchange>, std::less<>>& exchanges() const {
        return exchanges_;
    }
    const std::map<Bytes, std::unique_ptr<Queue>, std::less<>>& queues() const { return queues_; }

    /// Null `exchange`: the default exchange, where the routing key is a queue's name. Each queue at most once. `more_keys`: routing keys
    /// beside the message's own (CC and BCC). An exchange that knows no destination hands the message to its alternate exchange.
    void route(
        Exchange* exchange, const Message& message, Route& out,
        std::span<const Bytes> more_keys = {});

    /// The firehose is on: its amq.rabbitmq.trace hears of every message. Not kept over a restart.
    bool tracing = false;

    VhostStats stats;
    ExchangeStats default_exchange_stats;
    /// Before the queues, which count in it to their end.
    QueueTotals totals;
    /// The same of what exchanges keep back, which no queue has yet.
    QueueTotals delayed_totals;
    /// Connections that are open to it.
    std::set<const SessionState*> sessions;
    Sampled sampled;
    Sampled default_exchange_sampled;

private:
    friend class Topology;

    Bytes name_;
    std::map<Bytes, std::unique_ptr<Exchange>, std::less<>> exchanges_;
    std::map<Bytes, std::unique_ptr<Queue>, std::less<>> queues_;
    std::uint64_t route_mark_ = 0;
    std::vector<Destination> destinations_;  // reused from route to route
};

}  // namespace lvt::broker
