// Histogram: counts of durations in buckets that grow with the value, so that any percentile is right to 1.6 %.
//
//   value < 128 ns:  a bucket each
//   above:           64 buckets for each doubling
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace lvt::broker::load {

/// Covers all of 64 bits in 30 KB. One thread; merge what several threads counted.
class Histogram {
public:
    void record(std::uint64_t value, std::uint64_t times = 1) {
        counts_[index_of(value)] += times;
        count_ += times;
        if (value > max_) max_ = value;
    }
    void merge(const Histogram& other);

    std::uint64_t count() const { return count_; }
    std::uint64_t max() const { return max_; }
    /// The value below or at which `percent` of all recorded ones are, rounded up to its bucket's end; 0 if there are none.
    std::uint64_t percentile(double percent) const;

private:
    static constexpr unsigned kStepBits = 6;
    static constexpr std::size_t kBuckets = (64 - kStepBits + 1) << kStepBits;

    static std::size_t index_of(std::uint64_t value) {
        const unsigned width = static_cast<unsigned>(std::bit_width(value));
        if (width <= kStepBits + 1) return value;
        const unsigned shift = width - kStepBits - 1;
        return (std::size_t{shift} << kStepBits) + (value >> shift);
    }
    static std::uint64_t end_of(std::size_t index);

    std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(kBuckets);
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace lvt::broker::load
