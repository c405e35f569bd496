#include "protocol/base/utf8.h"

#include <bit>
#include <cstdint>

namespace lvt {
namespace {

constexpr bool continues(std::uint8_t octet) { return (octet & 0xc0) == 0x80; }

struct Sequence {
    /// 0 where it is malformed.
    std::size_t size = 0;
    std::uint32_t code_point = 0;
};

/// The sequence at the front. Requires that it is not ASCII.
Sequence read_sequence(ByteView text) {
    /// The lowest code point that needs so many octets.
    constexpr std::uint32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000};
    const auto first = static_cast<std::uint8_t>(text.front());
    const auto size = static_cast<std::size_t>(std::countl_one(first));
    if (size < 2 || size > 6 || size > text.size()) return {};
    std::uint32_t code_point = first & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
        const auto octet = static_cast<std::uint8_t>(text[i]);
        if (!continues(octet)) return {};
        code_point = code_point << 6 | (octet & 0x3fu);
    }
    if (code_point < kLowest[size]) return {};
    return {size, code_point};
}

constexpr bool is_ascii(char octet) { return (static_cast<std::uint8_t>(octet) & 0x80) == 0; }

}  // namespace

bool is_utf8(ByteView text) {
    while (!text.empty()) {
        const std::size_t size = is_ascii(text.front()) ? 1 : read_sequence(text).size;
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

std::size_t unicode_sequence_size(ByteView bytes) {
    if (is_ascii(bytes.front())) return 1;
    const auto [size, code_point] = read_sequence(bytes);
    const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
    constexpr std::uint32_t kLast = 0x10ffff;
    return surrogate || code_point > kLast ? 0 : size;
}

}  // namespace lvt
