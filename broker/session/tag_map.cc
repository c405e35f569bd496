#include "broker/session/tag_map.h"

#include "protocol/base/assert.h"

namespace lvt::broker {

void TagMap::push(std::uint64_t tag, ConsumerSlot slot, DeliveryIndex index) {
    const std::uint64_t number = tag / kBlockTags;
    const auto offset = static_cast<unsigned>(tag % kBlockTags);
    if (!newest_ || newest_number_ != number) {
        ASSERT(!newest_ || number > newest_number_);
        newest_ = &blocks_.emplace_hint(blocks_.end(), number, Block{})->second;
        newest_number_ = number;
        newest_->slot = slot;
        newest_->first = index - offset;  // may wrap; it wraps back when the offset is added
    }
    Block& block = *newest_;
    if (!block.places && (block.slot != slot || block.first + offset != index)) spread(block);
    if (block.places) (*block.places)[offset] = {slot, index};
    block.live |= bit(tag);
    ++size_;
}

void TagMap::list(std::uint64_t tag, bool multiple, std::vector<Entry>& out) const {
    const auto add = [&](std::uint64_t number, const Block& block, std::uint64_t mask) {
        for (; mask != 0; mask &= mask - 1) {
            const auto offset = static_cast<unsigned>(std::countr_zero(mask));
            const Place place = block.place(offset);
            out.push_back({number * kBlockTags + offset, place.slot, place.index});
        }
    };
    const auto last = blocks_.find(tag / kBlockTags);
    const bool known = last != blocks_.end() && (last->second.live & bit(tag)) != 0;
    if (!multiple) {
        if (known) add(last->first, last->second, bit(tag));
        return;
    }
    if (tag != 0 && !known) return;
    for (const auto& [number, block] : blocks_) {
        if (tag != 0 && number > last->first) break;
        const bool partly = tag != 0 && number == last->first;
        add(number, block, partly ? block.live & (bit(tag) | (bit(tag) - 1)) : block.live);
    }
}

void TagMap::restore(const Entry& entry) {
    const std::uint64_t number = entry.tag / kBlockTags;
    const auto offset = static_cast<unsigned>(entry.tag % kBlockTags);
    const auto [found, added] = blocks_.try_emplace(number);
    Block& block = found->second;
    if (added) {
        block.slot = entry.slot;
        block.first = entry.index - offset;
        if (number == newest_number_) newest_ = &block;
    }
    ASSERT((block.live & bit(entry.tag)) == 0);
    if (!block.places && (block.slot != entry.slot || block.first + offset != entry.index))
        spread(block);
    if (block.places) (*block.places)[offset] = {entry.slot, entry.index};
    block.live |= bit(entry.tag);
    ++size_;
}

void TagMap::clear() {
    blocks_.clear();
    newest_ = nullptr;
    size_ = 0;
}

TagMap::Blocks::iterator TagMap::find(std::uint64_t tag) {
    const std::uint64_t number = tag / kBlockTags;
    auto found = blocks_.begin();
    if (found == blocks_.end()) return found;
    if (found->first != number) found = blocks_.find(number);
    if (found != blocks_.end() && (found->second.live & bit(tag)) == 0) return blocks_.end();
    return found;
}

void TagMap::spread(Block& block) {
    auto places = std::make_unique<std::array<Place, kBlockTags>>();
    for (unsigned i = 0; i < kBlockTags; ++i) (*places)[i] = block.place(i);
    block.places = std::move(places);
}

void TagMap::erase(Blocks::iterator block) {
    if (&block->second == newest_) newest_ = nullptr;
    blocks_.erase(block);
}

}  // namespace lvt::broker
