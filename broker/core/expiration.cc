#include "broker/core/expiration.h"

#include <fmt/format.h>

#include <algorithm>

namespace lvt::broker {

namespace {

/// Ten years: RabbitMQ's limit.
constexpr std::uint64_t kLimitMs = 315'360'000'000;

/// Erlang's way to print a pair: where the line is full, the second part begins a new one below the first.
Bytes pair(ByteView text, ByteView name, ByteView value) {
    constexpr std::size_t kLine = 80;
    const std::size_t column = ByteView("invalid expiration '': ").size() + text.size();
    const bool fits = column + name.size() + value.size() + 3 <= kLine;
    return fmt::format("{{{},{}{}}}", name, fits ? Bytes() : "\n" + Bytes(column + 1, ' '), value);
}

}  // namespace

std::variant<std::uint64_t, Bytes> parse_expiration(ByteView text) {
    const bool sign = !text.empty() && (text[0] == '-' || text[0] == '+');
    const bool negative = sign && text[0] == '-';
    std::size_t at = sign ? 1 : 0;
    const std::size_t first_digit = at;
    std::uint64_t value = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
        value = std::min(value * 10 + static_cast<std::uint64_t>(text[at++] - '0'), kLimitMs + 1);
    }
    if (at == first_digit) return Bytes("no_integer");
    const ByteView digits = text.substr(first_digit, at - first_digit);
    if (at < text.size()) {
        return pair(text, "leftover_string", fmt::format("\"{}\"", text.substr(at)));
    }
    if (negative && value > 0) return pair(text, "value_negative", fmt::format("-{}", digits));
    if (value > kLimitMs) return pair(text, "value_too_large", digits);
    return value;
}

}  // namespace lvt::broker
