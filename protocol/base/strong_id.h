// Integers that must not be mixed up: StrongId<struct XTag, uint64_t> is a type of its own.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>

namespace lvt {

template <class Tag, class Integer>
class StrongId {
public:
    using ValueType = Integer;

    constexpr StrongId() = default;
    constexpr explicit StrongId(Integer value) : value_(value) {}

    constexpr Integer value() const { return value_; }
    constexpr auto operator<=>(const StrongId&) const = default;

private:
    Integer value_{};
};

}  // namespace lvt

template <class Tag, class Integer>
struct std::hash<lvt::StrongId<Tag, Integer>> {
    std::size_t operator()(lvt::StrongId<Tag, Integer> id) const noexcept {
        return std::hash<Integer>{}(id.value());
    }
};
