// Base64 with padding, and its form for URLs without.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lvt::discovery {

[[nodiscard]] std::string to_base64(std::string_view octets);
/// "-" and "_" for "+" and "/", no padding (RFC 4648, as JSON web tokens have it).
[[nodiscard]] std::string to_base64url(std::string_view octets);
/// Nothing: it is not base64.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace lvt::discovery
