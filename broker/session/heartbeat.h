// Heartbeat: when to send one, and when a silent peer counts as dead (spec 4.2.7).
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/base/clock.h"

namespace lvt::broker {

/// Looks every half interval: whether nothing was sent since the last look, and whether nothing at all was received for two
/// intervals. So a peer is dead after 2 to 2.5 intervals of silence.
class Heartbeat {
public:
    struct Verdict {
        bool send = false;
        bool peer_dead = false;
    };

    /// `interval_s` 0: off.
    void start(std::uint16_t interval_s, Milliseconds now) {
        interval_ = std::chrono::seconds(interval_s);
        last_received_ = now;
        if (interval_s != 0) next_look_ = now + interval_ / 2;
    }
    void stop() { next_look_.reset(); }
    Milliseconds interval() const { return interval_; }
    std::optional<Milliseconds> next_look() const { return next_look_; }

    void on_received(Milliseconds now) { last_received_ = now; }
    void on_sent() { sent_ = true; }

    /// `listening`: the peer's octets are being read; else its silence means nothing.
    Verdict look(Milliseconds now, bool listening) {
        Verdict verdict;
        if (!next_look_ || now < *next_look_) return verdict;
        next_look_ = now + interval_ / 2;
        if (!listening) last_received_ = now;
        verdict.send = !sent_;
        verdict.peer_dead = now - last_received_ >= 2 * interval_;
        sent_ = false;
        return verdict;
    }

private:
    Milliseconds interval_{0};
    Milliseconds last_received_{0};
    std::optional<Milliseconds> next_look_;
    bool sent_ = false;
};

}  // namespace lvt::broker
