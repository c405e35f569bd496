// TagMap: the delivery tags of one channel that a client may still settle -> where the core keeps each delivery.
//
// Tags come in rising order. They are kept in blocks of 64; a block whose tags belong to one consumer in a row, the usual case,
// needs no entry per tag. A block is gone with its last tag.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "broker/core/command.h"

namespace lvt::broker {

/// Deliveries [first, first + count) of a slot.
struct DeliveryRun {
    ConsumerSlot slot = 0;
    DeliveryIndex first = 0;
    std::uint64_t count = 0;

    bool operator==(const DeliveryRun&) const = default;
};

class TagMap {
public:
    struct Entry {
        std::uint64_t tag = 0;
        ConsumerSlot slot = 0;
        DeliveryIndex index = 0;
    };

    /// `tag` is above all that came before.
    void push(std::uint64_t tag, ConsumerSlot slot, DeliveryIndex index);

    /// Takes out that tag. False where it is not there.
    template <class Emit>
    bool settle_one(std::uint64_t tag, Emit&& emit);

    /// Takes out all tags up to that one, of all consumers; `emit(DeliveryRun)` hears few runs. Tag 0 stands for all.
    /// False, and nothing is taken out, where `tag` itself is not there.
    template <class Emit>
    bool settle_through(std::uint64_t tag, Emit&& emit);

    /// Appends what settle_one (`multiple`: settle_through) with that tag would take out.
    void list(std::uint64_t tag, bool multiple, std::vector<Entry>& out) const;
    /// Puts back what was taken out.
    void restore(const Entry& entry);

    void clear();
    bool empty() const { return blocks_.empty(); }
    std::uint64_t size() const { return size_; }

private:
    static constexpr std::uint64_t kBlockTags = 64;

    struct Place {
        ConsumerSlot slot = 0;
        DeliveryIndex index = 0;
    };
    struct Block {
        /// One bit a tag.
        std::uint64_t live = 0;
        /// Tag n of the block is index first + n of the slot, unless places are given.
        ConsumerSlot slot = 0;
        DeliveryIndex first = 0;
        std::unique_ptr<std::array<Place, kBlockTags>> places;

        Place place(unsigned offset) const {
            return places ? (*places)[offset] : Place{slot, first + offset};
        }
    };
    using Blocks = std::map<std::uint64_t, Block>;

    /// Merges runs of a slot that follow each other.
    template <class Emit>
    class RunMerger;

    static std::uint64_t bit(std::uint64_t tag) { return std::uint64_t{1} << (tag % kBlockTags); }
    Blocks::iterator find(std::uint64_t tag);
    void spread(Block& block);
    void erase(Blocks::iterator block);
    template <class Merger>
    static void take(const Block& block, std::uint64_t mask, Merger& merger);

    Blocks blocks_;
    /// The block that was pushed to last, or null.
    Block* newest_ = nullptr;
    std::uint64_t newest_number_ = 0;
    std::uint64_t size_ = 0;
};

template <class Emit>
class TagMap::RunMerger {
public:
    explicit RunMerger(Emit& emit) : emit_(emit) {}
    void add(ConsumerSlot slot, DeliveryIndex first, std::uint64_t count) {
        for (unsigned i = 0; i < count_; ++i) {
            DeliveryRun& run = runs_[i];
            if (run.slot != slot) continue;
            if (run.first + run.count == first) {
                run.count += count;
            } else {
                emit_(run);
                run = {slot, first, count};
            }
            return;
        }
        if (count_ == runs_.size()) finish();
        runs_[count_++] = {slot, first, count};
    }
    void finish() {
        for (unsigned i = 0; i < count_; ++i) emit_(runs_[i]);
        count_ = 0;
    }

private:
    Emit& emit_;
    std::array<DeliveryRun, 16> runs_;
    unsigned count_ = 0;
};

template <class Emit>
bool TagMap::settle_one(std::uint64_t tag, Emit&& emit) {
    const auto found = find(tag);
    if (found == blocks_.end()) return false;
    Block& block = found->second;
    const Place place = block.place(static_cast<unsigned>(tag % kBlockTags));
    block.live &= ~bit(tag);
    --size_;
    if (block.live == 0) erase(found);
    emit(DeliveryRun{place.slot, place.index, 1});
    return true;
}

template <class Emit>
bool TagMap::settle_through(std::uint64_t tag, Emit&& emit) {
    if (tag != 0 && find(tag) == blocks_.end()) return false;
    RunMerger<Emit> merger(emit);
    const std::uint64_t last_block = tag == 0 ? ~std::uint64_t{0} : tag / kBlockTags;
    while (!blocks_.empty() && blocks_.begin()->first <= last_block) {
        const auto front = blocks_.begin();
        Block& block = front->second;
        std::uint64_t mask = block.live;
        if (front->first == last_block) mask &= bit(tag) | (bit(tag) - 1);
        take(block, mask, merger);
        block.live &= ~mask;
        size_ -= static_cast<std::uint64_t>(std::popcount(mask));
        if (block.live != 0) break;
        erase(front);
    }
    merger.finish();
    return true;
}

template <class Merger>
void TagMap::take(const Block& block, std::uint64_t mask, Merger& merger) {
    if (block.places) {
        for (; mask != 0; mask &= mask - 1) {
            const Place place = block.place(static_cast<unsigned>(std::countr_zero(mask)));
            merger.add(place.slot, place.index, 1);
        }
        return;
    }
    while (mask != 0) {
        const int start = std::countr_zero(mask);
        const int length = std::countr_one(mask >> start);
        merger.add(
            block.slot,
            block.first + static_cast<unsigned>(start),
            static_cast<std::uint64_t>(length));
        if (start + length == 64) break;
        mask &= ~std::uint64_t{0} << (start + length);
    }
}

}  // namespace lvt::broker
