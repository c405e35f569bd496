#include "broker/core/expiration.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace lvt::broker {

std::variant<std::uint32_t, Bytes> parse_expiration(ByteView text) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
    const bool sign = !text.empty() && (text[0] == '-' || text[0] == '+');
    const bool negative = sign && text[0] == '-';
    std::size_t at = sign ? 1 : 0;
    const std::size_t first_digit = at;
    std::uint64_t value = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
        value = std::min(value * 10 + static_cast<std::uint64_t>(text[at++] - '0'), kMax);
    }
    if (at == first_digit) return Bytes("no_integer");
    if (at < text.size()) return fmt::format("{{leftover_string,\"{}\"}}", text.substr(at));
    if (negative && value > 0) {
        return fmt::format("{{value_negative,-{}}}", text.substr(first_digit));
    }
    return static_cast<std::uint32_t>(value);
}

}  // namespace lvt::broker
