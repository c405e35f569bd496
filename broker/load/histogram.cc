#include "broker/load/histogram.h"

#include <algorithm>
#include <cmath>

namespace lvt::broker::load {

void Histogram::merge(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::percentile(double percent) const {
    if (count_ == 0) return 0;
    const double wanted = std::ceil(static_cast<double>(count_) * percent / 100.0);
    const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen >= rank) return std::min(end_of(i), max_);
    }
    return max_;
}

std::uint64_t Histogram::end_of(std::size_t index) {
    if (index < (std::size_t{2} << kStepBits)) return index;
    const std::size_t shift = (index >> kStepBits) - 1;
    const std::uint64_t step = index - (shift << kStepBits);
    return ((step + 1) << shift) - 1;
}

}  // namespace lvt::broker::load
