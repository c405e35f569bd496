#include "cluster/discovery/base64.h"

#include <algorithm>
#include <cstdint>

namespace lvt::discovery {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view octets) {
    std::string out;
    for (std::size_t at = 0; at < octets.size(); at += 3) {
        const std::size_t size = std::min<std::size_t>(3, octets.size() - at);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i)
            bits = bits << 8 | (i < size ? static_cast<unsigned char>(octets[at + i]) : 0u);
        for (std::size_t i = 0; i < 4; ++i)
            out += i <= size ? kAlphabet[bits >> (18 - 6 * i) & 63] : '=';
    }
    return out;
}

std::string to_base64url(std::string_view octets) {
    std::string out = to_base64(octets);
    while (out.ends_with('=')) out.pop_back();
    std::ranges::replace(out, '+', '-');
    std::ranges::replace(out, '/', '_');
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return {};
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += 4) {
        std::uint32_t bits = 0;
        std::size_t padding = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const char octet = text[at + i];
            const std::size_t place = kAlphabet.find(octet);
            if (octet == '=' && i >= 2 && at + 4 == text.size())
                ++padding;
            else if (place == std::string_view::npos || padding != 0)
                return {};
            bits = bits << 6 | (padding != 0 ? 0u : static_cast<std::uint32_t>(place));
        }
        for (std::size_t i = 0; i + padding < 3; ++i)
            out += static_cast<char>(bits >> (16 - 8 * i) & 255);
    }
    return out;
}

}  // namespace lvt::discovery
