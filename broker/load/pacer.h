// Pacer: when the next message of a fixed rate is due.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace lvt::broker::load {

/// One thread.
class Pacer {
public:
    /// `rate` in messages a second; 0 = all are due at once.
    Pacer(double rate, std::uint64_t begin_ns)
        : interval_ns_(rate > 0 ? 1e9 / rate : 0), begin_ns_(begin_ns) {}

    bool active() const { return interval_ns_ > 0; }
    /// When message `number` (from 0) is due.
    std::uint64_t due_ns(std::uint64_t number) const {
        return begin_ns_ + static_cast<std::uint64_t>(static_cast<double>(number) * interval_ns_);
    }
    /// How many messages are due at `now_ns` when `sent` have gone out.
    std::size_t due(std::uint64_t now_ns, std::uint64_t sent) const {
        if (!active()) return std::numeric_limits<std::size_t>::max();
        const double elapsed = static_cast<double>(now_ns - std::min(now_ns, begin_ns_));
        const auto total = static_cast<std::uint64_t>(elapsed / interval_ns_) + 1;
        return total > sent ? static_cast<std::size_t>(total - sent) : 0;
    }

private:
    double interval_ns_;
    std::uint64_t begin_ns_;
};

}  // namespace lvt::broker::load
