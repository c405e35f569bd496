#include "broker/core/consumer.h"

#include <algorithm>

namespace lvt::broker {

DeliveryIndex UnackedList::push(Unacked unacked) {
    // One message that stays in hand for long must not keep the places of all that came and went behind it.
    constexpr std::size_t kSweptFrom = 64;
    if (ring_.size() >= kSweptFrom && count_ * 4 <= ring_.size()) {
        for (std::size_t left = ring_.size(); left > 0; --left) {
            Unacked kept = ring_.pop_front();
            if (!kept.settled) ring_.push_back(std::move(kept));
        }
    }
    unacked.index = next_index_;
    unacked.settled = false;
    if (gauge_) *gauge_ += charge_of(unacked);
    ring_.push_back(std::move(unacked));
    ++count_;
    return next_index_++;
}

std::size_t UnackedList::position(DeliveryIndex index) const {
    if (ring_.empty() || index <= ring_.front().index) return 0;
    // Where nothing was swept out, this is its place; it is never further back.
    const DeliveryIndex guess = index - ring_.front().index;
    if (guess < ring_.size() && ring_[guess].index == index) return guess;
    std::size_t below = 0;
    std::size_t above = std::min<std::size_t>(guess, ring_.size());
    while (below < above) {
        const std::size_t middle = below + (above - below) / 2;
        if (ring_[middle].index < index)
            below = middle + 1;
        else
            above = middle;
    }
    return below;
}

}  // namespace lvt::broker
