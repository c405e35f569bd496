#include "broker/core/virtual_host.h"

namespace lvt::broker {

Exchange* VirtualHost::find_exchange(ByteView name) const {
    const auto found = exchanges_.find(name);
    return found == exchanges_.end() ? nullptr : found->second.get();
}

Queue* VirtualHost::find_queue(ByteView name) const {
    const auto found = queues_.find(name);
    return found == queues_.end() ? nullptr : found->second.get();
}

void VirtualHost::route(const Exchange* exchange, const Message& message, Route& out) {
    out.queues.clear();
    out.cacheable = true;
    if (!exchange) {
        if (Queue* const queue = find_queue(message.routing_key())) out.queues.push_back(queue);
        return;
    }
    ++route_mark_;
    destinations_.clear();
    out.cacheable = exchange->type() != ExchangeType::headers;
    exchange->match(message, destinations_);
    // Exchanges that are found append their own destinations behind; the mark ends cycles.
    for (std::size_t i = 0; i < destinations_.size(); ++i) {
        const Destination at = destinations_[i];
        std::uint64_t& mark = at.queue ? at.queue->route_mark : at.exchange->route_mark;
        if (mark == route_mark_) continue;
        mark = route_mark_;
        if (at.queue) {
            out.queues.push_back(at.queue);
        } else {
            if (at.exchange->type() == ExchangeType::headers) out.cacheable = false;
            at.exchange->match(message, destinations_);
        }
    }
}

}  // namespace lvt::broker
