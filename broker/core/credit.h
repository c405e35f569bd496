// Credit: how much a stage may still take. A consumer may need several: its own window, its channel's (basic.qos global), its
// connection's (octets on their way).
#pragma once

#include <cstdint>
#include <vector>

namespace lvt::broker {

struct Consumer;

struct Credit {
    /// 0 = unlimited.
    std::uint64_t limit = 0;
    std::uint64_t used = 0;
    /// Consumers that wait for this one.
    std::vector<Consumer*> parked;

    /// One more may be taken; a limit in octets may be overshot by one message.
    bool available() const { return limit == 0 || used < limit; }
    void take(std::uint64_t amount) { used += amount; }
    void give_back(std::uint64_t amount) { used -= amount < used ? amount : used; }
};

}  // namespace lvt::broker
