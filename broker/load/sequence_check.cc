#include "broker/load/sequence_check.h"

#include <algorithm>
#include <bit>

namespace lvt::broker::load {

void SequenceCheck::grow(Stream& stream, std::uint64_t seq) {
    stream.bits.resize(std::max<std::size_t>(seq / 64 + 1, stream.bits.size() * 2));
}

void SequenceCheck::merge(const SequenceCheck& other) {
    duplicated_ += other.duplicated_;
    reordered_ += other.reordered_;
    if (streams_.size() < other.streams_.size()) streams_.resize(other.streams_.size());
    for (std::size_t s = 0; s < other.streams_.size(); ++s) {
        const Stream& from = other.streams_[s];
        Stream& to = streams_[s];
        if (to.bits.size() < from.bits.size()) to.bits.resize(from.bits.size());
        for (std::size_t i = 0; i < from.bits.size(); ++i) {
            duplicated_ += static_cast<std::uint64_t>(std::popcount(to.bits[i] & from.bits[i]));
            to.bits[i] |= from.bits[i];
        }
        to.next = std::max(to.next, from.next);
    }
}

std::uint64_t SequenceCheck::distinct(std::uint16_t stream) const {
    if (stream >= streams_.size()) return 0;
    std::uint64_t count = 0;
    for (const std::uint64_t word : streams_[stream].bits) {
        count += static_cast<std::uint64_t>(std::popcount(word));
    }
    return count;
}

}  // namespace lvt::broker::load
