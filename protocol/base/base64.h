// Base64 (RFC 4648, section 4), with padding, and its form for URLs (section 5).
#pragma once

#include "protocol/base/bytes.h"

#include <optional>

namespace lvt {

[[nodiscard]] Bytes base64_encoded(ByteView octets);
/// "-" and "_" for "+" and "/", no padding, as JSON web tokens have it.
[[nodiscard]] Bytes base64url_encoded(ByteView octets);
/// Nothing where it is none. Blanks at its end do not matter.
[[nodiscard]] std::optional<Bytes> base64_decoded(ByteView text);

}  // namespace lvt
