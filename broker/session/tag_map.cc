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
