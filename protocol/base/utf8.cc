#include "protocol/base/utf8.h"

#include <bit>
#include <cstdint>

namespace lvt {
namespace {

constexpr bool continues(std::uint8_t octet) { return (octet & 0xc0) == 0x80; }

/// The octets of the sequence at the front, 0 where it is malformed. Requires that it is not ASCII.
std::size_t sequence_size(ByteView text) {
    /// The lowest code point that needs so many octets.
    constexpr std::uint32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000};
    const auto first = static_cast<std::uint8_t>(text.front());
    const auto size = static_cast<std::size_t>(std::countl_one(first));
    if (size < 2 || size > 6 || size > text.size()) return 0;
    std::uint32_t code_point = first & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
        const auto octet = static_cast<std::uint8_t>(text[i]);
        if (!continues(octet)) return 0;
        code_point = code_point << 6 | (octet & 0x3fu);
    }
    return code_point >= kLowest[size] ? size : 0;
}

}  // namespace

bool is_utf8(ByteView text) {
    while (!text.empty()) {
        const bool ascii = (static_cast<std::uint8_t>(text.front()) & 0x80) == 0;
        const std::size_t size = ascii ? 1 : sequence_size(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

std::size_t unicode_sequence_size(ByteView bytes) {
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const unsigned char first = octet(0);
    if (first < 0x80) return 1;
    const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || bytes.size() < size) return 0;
    for (std::size_t i = 1; i < size; ++i)
        if ((octet(i) & 0xC0) != 0x80) return 0;
    // Overlong forms, surrogates, and what is beyond U+10FFFF.
    if (first == 0xE0 && octet(1) < 0xA0) return 0;
    if (first == 0xED && octet(1) > 0x9F) return 0;
    if (first == 0xF0 && octet(1) < 0x90) return 0;
    if (first == 0xF4 && octet(1) > 0x8F) return 0;
    return size;
}

}  // namespace lvt
