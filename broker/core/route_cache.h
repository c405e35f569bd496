// RouteCache: where a channel's last messages went. Most publishers send to one place, many to a few in turn.
#pragma once

#include "broker/core/message.h"
#include "broker/core/virtual_host.h"

#include <cstdint>
#include <limits>
#include <vector>

namespace lvt::broker {

/// Of one channel. Knows up to kRoutesMax routes by exchange and routing key, all of one epoch of the topology; the oldest makes way.
class RouteCache {
public:
    static constexpr std::size_t kRoutesMax = 32;

    RouteCache() = default;
    RouteCache(const RouteCache&) = delete;
    RouteCache& operator=(const RouteCache&) = delete;

    /// Null where it knows none for such a message in this epoch (never 0). Valid until room() is called or the topology changes.
    const Route* find(const Message& message, std::uint64_t epoch) {
        if (epoch == epoch_ && last_ && last_->is_of(message)) return &last_->result;
        return find_other(message, epoch);
    }
    /// After find() has answered null: for that message's route.
    Route& room();
    /// The route in room() is that of all messages like this one, the last that find() was asked for.
    void keep(const Message& message);

private:
    struct Entry {
        static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
        Bytes route;
        std::size_t exchange_size = kNone;
        Route result;

        bool is_of(const Message& message) const {
            return exchange_size == message.exchange().size() && route == message.route();
        }
    };

    const Route* find_other(const Message& message, std::uint64_t epoch);

    std::uint64_t epoch_ = 0;
    Entry* last_ = nullptr;
    std::vector<Entry> entries_;
    std::vector<std::size_t> hashes_;  // of the entries' routes
    std::size_t next_ = 0;             // the entry that room() hands out
    std::size_t asked_hash_ = 0;
};

}  // namespace lvt::broker
