#include "broker/session/channel_table.h"

#include <algorithm>

namespace lvt::broker {

Channel& ChannelTable::get(SessionContext& session, std::uint16_t number) {
    if (number < kLowNumbers && number >= low_.size()) low_.resize(number + std::size_t{1});
    std::unique_ptr<Channel>& place = number < kLowNumbers ? low_[number] : high_[number];
    if (!place) place = std::make_unique<Channel>(session, number);
    return *place;
}

void ChannelTable::forget(std::uint16_t number) {
    if (number < low_.size()) low_[number].reset();
    else high_.erase(number);
}

void ChannelTable::clear() {
    low_.clear();
    high_.clear();
}

std::size_t ChannelTable::count_open() const {
    std::size_t count = 0;
    for (const auto& channel : low_) count += channel && channel->counts() ? 1 : 0;
    for (const auto& [number, channel] : high_) count += channel->counts() ? 1 : 0;
    return count;
}

Channel* ChannelTable::find_high(std::uint16_t number) const {
    const auto found = high_.find(number);
    return found == high_.end() ? nullptr : found->second.get();
}

std::vector<std::uint16_t> ChannelTable::high_numbers() const {
    std::vector<std::uint16_t> numbers;
    for (const auto& [number, channel] : high_) numbers.push_back(number);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

}  // namespace lvt::broker
