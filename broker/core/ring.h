// Ring: a growable circular buffer; both ends in O(1), no allocation once it has its size.
#pragma once

#include "protocol/base/assert.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace lvt::broker {

/// T is default-constructible and movable; one that was moved from holds on to nothing.
template <class T>
class Ring {
public:
    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }

    T& operator[](std::size_t index) { return slots_[(begin_ + index) & mask()]; }
    const T& operator[](std::size_t index) const { return slots_[(begin_ + index) & mask()]; }
    T& front() { return (*this)[0]; }
    const T& front() const { return (*this)[0]; }
    T& back() { return (*this)[size_ - 1]; }
    const T& back() const { return (*this)[size_ - 1]; }

    void push_back(T&& value) {
        if (size_ == slots_.size()) grow();
        slots_[(begin_ + size_++) & mask()] = std::move(value);
    }
    void push_back(const T& value) { push_back(T(value)); }
    void push_front(T value) {
        if (size_ == slots_.size()) grow();
        begin_ = (begin_ - 1) & mask();
        ++size_;
        slots_[begin_] = std::move(value);
    }
    T pop_front() {
        T value = std::move(slots_[begin_]);
        begin_ = (begin_ + 1) & mask();
        if (--size_ == 0) shrink();
        return value;
    }
    T pop_back() {
        T value = std::move(back());
        if (--size_ == 0) shrink();
        return value;
    }
    /// Gives memory back that a much longer one needed.
    void fit() {
        if (slots_.size() > kKeptSlots && size_ < slots_.size() / 8) resize(slots_.size() / 4);
    }
    void clear() {
        slots_.clear();
        slots_.shrink_to_fit();
        begin_ = size_ = 0;
    }

private:
    static constexpr std::size_t kFirstSlots = 16;
    /// An empty ring above this gives its memory back.
    static constexpr std::size_t kKeptSlots = 4096;

    std::size_t mask() const { return slots_.size() - 1; }
    void grow() { resize(slots_.empty() ? kFirstSlots : slots_.size() * 2); }
    void resize(std::size_t slots) {
        std::vector<T> other(slots);
        for (std::size_t i = 0; i < size_; ++i) other[i] = std::move((*this)[i]);
        slots_ = std::move(other);
        begin_ = 0;
    }
    void shrink() {
        if (slots_.size() > kKeptSlots) clear();
    }

    std::vector<T> slots_;  // size is 0 or a power of two
    std::size_t begin_ = 0;
    std::size_t size_ = 0;
};

}  // namespace lvt::broker
