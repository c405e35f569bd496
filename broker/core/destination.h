// Destination: where a binding leads, a queue or an exchange.
#pragma once

#include <cstdint>
#include <vector>

namespace lvt::broker {

class Exchange;
struct Queue;

struct Destination {
    Queue* queue = nullptr;
    Exchange* exchange = nullptr;

    bool operator==(const Destination&) const = default;
};

/// Destinations with how many bindings lead to each: the same two may be bound more than once (with other arguments).
class DestinationSet {
public:
    void insert(Destination destination);
    /// Requires that it was inserted.
    void erase(Destination destination);
    bool empty() const { return entries_.empty(); }
    void append_to(std::vector<Destination>& out) const {
        for (const Entry& entry : entries_) out.push_back(entry.destination);
    }

private:
    struct Entry {
        Destination destination;
        std::uint32_t count = 0;
    };
    std::vector<Entry> entries_;
};

}  // namespace lvt::broker
