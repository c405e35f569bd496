#include "broker/core/consumer.h"

namespace lvt::broker {

Unacked UnackedList::take(DeliveryIndex index) {
    Unacked* const found = find(index);
    ASSERT(found);
    Unacked out = std::move(*found);
    *found = Unacked{};
    --count_;
    while (!ring_.empty() && ring_.front().settled) {
        ring_.pop_front();
        ++base_;
    }
    return out;
}

}  // namespace lvt::broker
