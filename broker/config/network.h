// Network: a range of addresses, "10.0.0.0/8", "fd00::/8" or one address.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lvt::broker {

/// In network order; IPv4 as ::ffff:0:0/96.
using AddressOctets = std::array<std::uint8_t, 16>;

/// Of a numeric address.
[[nodiscard]] std::optional<AddressOctets> address_octets(const std::string& address);

struct Network {
    AddressOctets address{};
    unsigned prefix_bits = 128;  // of the 128

    [[nodiscard]] bool contains(const AddressOctets& octets) const;
};

/// What was expected if the text is no range, and nothing if it was taken.
[[nodiscard]] std::string parse_network(std::string_view text, Network& out);

/// False for what is no numeric address.
[[nodiscard]] bool is_in(const std::vector<Network>& networks, const std::string& address);

}  // namespace lvt::broker
