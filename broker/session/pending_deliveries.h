// PendingDeliveries: what the core has handed out to a connection and what has not got a delivery tag yet.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "broker/core/effect.h"
#include "broker/core/ring.h"

namespace lvt::broker {

/// First in, first out, over all channels. Bounded by the core: kDeliveryWindowBytes (plus one message).
class PendingDeliveries {
public:
    bool empty() const { return ring_.empty(); }
    std::size_t size() const { return ring_.size(); }
    void push(Deliver&& delivery) { ring_.push_back(std::move(delivery)); }
    Deliver pop() { return ring_.pop_front(); }
    const Deliver& front() const { return ring_.front(); }

    /// Takes out those of one slot, in order.
    std::vector<Deliver> take_slot(ChannelId channel, ConsumerSlot slot) {
        return take_if([&](const Deliver& d) { return d.channel == channel && d.slot == slot; });
    }
    void drop_slot(ChannelId channel, ConsumerSlot slot) { count_taken(take_slot(channel, slot)); }
    void drop_channel(ChannelId channel) {
        count_taken(take_if([&](const Deliver& d) { return d.channel == channel; }));
    }
    void drop_all() {
        count_taken(take_if([](const Deliver&) { return true; }));
    }

    /// It is not pending any more, or never was: its octets may be given back to the core.
    void count_taken(const Deliver& delivery) { taken_bytes_ += delivery.message->charge(); }
    std::uint64_t taken_bytes() const { return taken_bytes_; }
    void reset_taken_bytes() { taken_bytes_ = 0; }

private:
    template <class Predicate>
    std::vector<Deliver> take_if(Predicate&& predicate) {
        std::vector<Deliver> out;
        for (std::size_t left = ring_.size(); left > 0; --left) {
            Deliver delivery = ring_.pop_front();
            if (predicate(std::as_const(delivery))) out.push_back(std::move(delivery));
            else ring_.push_back(std::move(delivery));
        }
        return out;
    }
    void count_taken(const std::vector<Deliver>& deliveries) {
        for (const Deliver& delivery : deliveries) count_taken(delivery);
    }

    Ring<Deliver> ring_;
    std::uint64_t taken_bytes_ = 0;
};

}  // namespace lvt::broker
