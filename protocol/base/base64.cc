#include "protocol/base/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace lvt {

namespace {

constexpr ByteView kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr ByteView kBlanks = " \t\r\n";
constexpr unsigned kDigitBits = 6;
constexpr std::uint32_t kDigitMask = 63;

/// The value of every character; -1: it is no digit.
constexpr auto kValues = [] {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < kDigits.size(); ++i)
        values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
    return values;
}();

}  // namespace

Bytes base64_encoded(ByteView octets) {
    Bytes out;
    out.reserve((octets.size() + 2) / 3 * 4);
    std::uint32_t bits = 0;
    unsigned held = 0;  // of `bits`, not written yet
    for (const char octet : octets) {
        bits = bits << 8 | static_cast<unsigned char>(octet);
        for (held += 8; held >= kDigitBits; held -= kDigitBits)
            out += kDigits[bits >> (held - kDigitBits) & kDigitMask];
    }
    if (held > 0) out += kDigits[bits << (kDigitBits - held) & kDigitMask];
    while (out.size() % 4 != 0) out += '=';
    return out;
}

Bytes base64url_encoded(ByteView octets) {
    Bytes out = base64_encoded(octets);
    while (out.ends_with('=')) out.pop_back();
    std::ranges::replace(out, '+', '-');
    std::ranges::replace(out, '/', '_');
    return out;
}

std::optional<Bytes> base64_decoded(ByteView text) {
    while (!text.empty() && kBlanks.find(text.back()) != ByteView::npos) text.remove_suffix(1);
    if (text.size() % 4 != 0) return std::nullopt;
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
    Bytes out;
    out.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char c : text) {
        const std::int8_t digit = kValues[static_cast<unsigned char>(c)];
        if (digit < 0) return std::nullopt;
        bits = bits << kDigitBits | static_cast<std::uint32_t>(digit);
        held += kDigitBits;
        if (held < 8) continue;
        held -= 8;
        out += static_cast<char>(bits >> held);
    }
    // A digit alone makes no octet.
    if (held == kDigitBits) return std::nullopt;
    return out;
}

}  // namespace lvt
