// ChannelTable: the channels of a connection by number.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "broker/session/channel.h"

namespace lvt::broker {

/// Low numbers, which nearly all clients use, are found without hashing.
class ChannelTable {
public:
    Channel* find(std::uint16_t number) const {
        if (number < low_.size()) return low_[number].get();
        return high_.empty() ? nullptr : find_high(number);
    }
    /// Makes it where it is not there. Valid until forget().
    Channel& get(SessionContext& session, std::uint16_t number);
    void forget(std::uint16_t number);
    void clear();

    /// How many count against channel_max.
    std::size_t count_open() const;

    /// In rising order of numbers.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const auto& channel : low_)
            if (channel) visit(*channel);
        for (const std::uint16_t number : high_numbers()) visit(*find_high(number));
    }

private:
    static constexpr std::uint16_t kLowNumbers = 64;

    Channel* find_high(std::uint16_t number) const;
    std::vector<std::uint16_t> high_numbers() const;

    std::vector<std::unique_ptr<Channel>> low_;
    std::unordered_map<std::uint16_t, std::unique_ptr<Channel>> high_;
};

}  // namespace lvt::broker
