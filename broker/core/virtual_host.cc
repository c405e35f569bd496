#include "broker/core/virtual_host.h"

#include "broker/core/delay.h"

namespace lvt::broker {

Exchange* VirtualHost::find_exchange(ByteView name) const {
    const auto found = exchanges_.find(name);
    return found == exchanges_.end() ? nullptr : found->second.get();
}

Queue* VirtualHost::find_queue(ByteView name) const {
    const auto found = queues_.find(name);
    return found == queues_.end() ? nullptr : found->second.get();
}

void VirtualHost::route(
    Exchange* exchange, const Message& message, Route& out, std::span<const Bytes> more_keys) {
    out.queues.clear();
    out.cacheable = true;
    out.stats = exchange ? &exchange->stats : &default_exchange_stats;
    ++route_mark_;
    const auto add = [&](Queue* queue) {
        if (!queue || queue->route_mark == route_mark_) return;
        queue->route_mark = route_mark_;
        out.queues.push_back(queue);
    };
    if (!exchange) {
        add(find_queue(message.routing_key()));
        for (const Bytes& key : more_keys) add(find_queue(key));
        return;
    }
    destinations_.clear();
    const auto visit = [&](const Exchange& from) {
        if (!from.routes_by_key()) out.cacheable = false;
        if (from.delay_queue && delay_of(message) > 0) return add(from.delay_queue.get());
        const std::size_t before = destinations_.size();
        from.match(message, more_keys, route_mark_, destinations_);
        if (destinations_.size() != before) return;
        const auto alternate = from.alternate();
        Exchange* const next = alternate ? find_exchange(*alternate) : nullptr;
        if (next) destinations_.push_back({nullptr, next});
    };
    exchange->route_mark = route_mark_;
    visit(*exchange);
    // Exchanges that are found append their own destinations behind; the mark ends cycles.
    for (std::size_t i = 0; i < destinations_.size(); ++i) {
        const Destination at = destinations_[i];
        if (at.queue) {
            add(at.queue);
        } else if (at.exchange->route_mark != route_mark_) {
            at.exchange->route_mark = route_mark_;
            visit(*at.exchange);
        }
    }
}

}  // namespace lvt::broker
