// SequenceCheck: whether what was published arrived once and in order.
//
// A message's body begins with
//
//   0          8                16
//   +----------+----------------+------------
//   | sent_ns  | run|stream|seq | filler
//   +----------+----------------+------------
//     u64        u8  u16    u40      all in the machine's own order: reader and writer are one process
//
// A stream is what one producer sends to one queue (or to all, by a fan-out); its seq counts from 0.
#pragma once

#include <cstdint>
#include <vector>

namespace lvt::broker::load {

inline constexpr std::size_t kStampBytes = 8;
inline constexpr std::size_t kCheckedBytes = 16;
inline constexpr std::size_t kStreamsMax = 65'535;

/// Where a message stands in its run.
struct Position {
    std::uint8_t run = 0;
    std::uint16_t stream = 0;
    std::uint64_t seq = 0;

    std::uint64_t packed() const {
        return std::uint64_t{run} << 56 | std::uint64_t{stream} << 40 | seq;
    }
    static Position unpack(std::uint64_t word) {
        return {
            static_cast<std::uint8_t>(word >> 56),
            static_cast<std::uint16_t>(word >> 40),
            word & ((std::uint64_t{1} << 40) - 1)};
    }
};

/// What one consumer saw of one queue. One thread.
class SequenceCheck {
public:
    void seen(std::uint16_t stream, std::uint64_t seq) {
        if (stream >= streams_.size()) streams_.resize(stream + std::size_t{1});
        Stream& s = streams_[stream];
        if (seq / 64 >= s.bits.size()) grow(s, seq);
        std::uint64_t& word = s.bits[seq / 64];
        const std::uint64_t bit = std::uint64_t{1} << (seq % 64);
        if (seq >= s.next) {
            s.next = seq + 1;
        } else if (word & bit) {
            ++duplicated_;
            return;
        } else {
            ++reordered_;
        }
        word |= bit;
    }

    /// Takes over what another consumer of the same queue saw: what both saw counts as duplicated.
    void merge(const SequenceCheck& other);

    /// How many different numbers of the stream came.
    std::uint64_t distinct(std::uint16_t stream) const;
    std::uint64_t duplicated() const { return duplicated_; }
    /// Came after a later one of their stream.
    std::uint64_t reordered() const { return reordered_; }

private:
    struct Stream {
        std::uint64_t next = 0;
        std::vector<std::uint64_t> bits;
    };

    static void grow(Stream& stream, std::uint64_t seq);

    std::vector<Stream> streams_;
    std::uint64_t duplicated_ = 0;
    std::uint64_t reordered_ = 0;
};

}  // namespace lvt::broker::load
