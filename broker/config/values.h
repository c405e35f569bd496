// Values of configuration keys: text to numbers, sizes, addresses, levels.
//
// Each answers the text of what was expected if the value is wrong, and nothing if it was taken.
#pragma once

#include "broker/config/config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lvt::broker {

/// What a value should have been ("an integer from 0 to 65535"); empty: it is right.
using Expected = std::string;

[[nodiscard]] Expected parse_integer(
    std::string_view text, std::int64_t min, std::int64_t max, std::int64_t& out);
[[nodiscard]] Expected parse_boolean(std::string_view text, bool& out);
/// One of `choices`; `out` is its place among them.
[[nodiscard]] Expected parse_choice(
    std::string_view text, const std::vector<std::string_view>& choices, std::size_t& out);
/// A number of octets, as frame_max takes it: kb, mb, gb are powers of 1024.
[[nodiscard]] Expected parse_byte_size(
    std::string_view text, std::uint64_t min, std::uint64_t max, std::uint64_t& out);
/// A number of octets, as the watermarks take it: kB, MB, GB, TB are powers of 1000; k, kiB, M, MiB, ... powers of 1024.
[[nodiscard]] Expected parse_information_size(std::string_view text, std::uint64_t& out);
/// A fraction, not negative: 0.4, 1, 1.5.
[[nodiscard]] Expected parse_fraction(std::string_view text, double& out);
/// Milliseconds, or `infinity` which is 0.
[[nodiscard]] Expected parse_timeout(std::string_view text, Milliseconds& out);
/// PORT, ADDRESS:PORT or [ADDRESS]:PORT; the address is numeric.
[[nodiscard]] Expected parse_listen_address(std::string_view text, ListenAddress& out);
/// debug, info, notice, warning, error, critical, alert, emergency, none (empty).
[[nodiscard]] Expected parse_log_level(std::string_view text, std::optional<LogLevel>& out);

}  // namespace lvt::broker
