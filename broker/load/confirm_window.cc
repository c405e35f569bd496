#include "broker/load/confirm_window.h"

namespace lvt::broker::load {

std::size_t ConfirmWindow::settle(
    std::uint64_t number, bool multiple, std::uint64_t now_ns, Histogram& latency) {
    std::size_t settled = 0;
    if (multiple && number == 0) number = next_ - 1;
    if (number >= next_) return 0;
    if (!multiple && number >= lowest_) settled += settle_one(number, now_ns, latency) ? 1 : 0;
    while (lowest_ < next_) {
        const bool covered = multiple && lowest_ <= number;
        if (covered) settled += settle_one(lowest_, now_ns, latency) ? 1 : 0;
        if (sent_ns_[lowest_ & mask_] != 0) break;
        ++lowest_;
    }
    return settled;
}

bool ConfirmWindow::settle_one(std::uint64_t number, std::uint64_t now_ns, Histogram& latency) {
    std::uint64_t& sent = sent_ns_[number & mask_];
    if (sent == 0) return false;
    latency.record(now_ns > sent ? now_ns - sent : 0);
    sent = 0;
    return true;
}

}  // namespace lvt::broker::load
