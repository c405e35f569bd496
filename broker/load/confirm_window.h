// ConfirmWindow: which publishes of a channel the server has not confirmed yet, and since when.
#pragma once

#include "broker/load/histogram.h"

#include <bit>
#include <cstdint>
#include <vector>

namespace lvt::broker::load {

/// Publish numbers begin at 1, as on the wire. One thread.
class ConfirmWindow {
public:
    /// At most `size` unconfirmed publishes; 0 for a channel without confirms.
    explicit ConfirmWindow(std::size_t size)
        : size_(size), sent_ns_(std::bit_ceil(size + 1)), mask_(sent_ns_.size() - 1) {}

    bool active() const { return size_ > 0; }
    std::size_t room() const { return size_ - outstanding(); }
    /// Also counts a publish confirmed out of turn until all before it are.
    std::size_t outstanding() const { return next_ - lowest_; }

    /// The next `count` publishes are on their way; at most room(). `now_ns` is not 0.
    void sent(std::size_t count, std::uint64_t now_ns) {
        for (std::size_t i = 0; i < count; ++i) sent_ns_[next_++ & mask_] = now_ns;
    }

    /// The server settles `number`, with `multiple` all up to it (0: all). Returns how many that is and records how long each took.
    std::size_t settle(
        std::uint64_t number, bool multiple, std::uint64_t now_ns, Histogram& latency);

private:
    bool settle_one(std::uint64_t number, std::uint64_t now_ns, Histogram& latency);

    std::size_t size_;
    /// 0 where confirmed. As a ring.
    std::vector<std::uint64_t> sent_ns_;
    std::uint64_t mask_;
    std::uint64_t lowest_ = 1;
    std::uint64_t next_ = 1;
};

}  // namespace lvt::broker::load
