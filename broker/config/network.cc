#include "broker/config/network.h"

#include "broker/config/values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace lvt::broker {

namespace {

constexpr unsigned kMappedBits = 96;

}  // namespace

std::optional<AddressOctets> address_octets(const std::string& address) {
    AddressOctets octets{};
    if (inet_pton(AF_INET6, address.c_str(), octets.data()) == 1) return octets;
    octets = {};
    octets[10] = octets[11] = 0xff;
    if (inet_pton(AF_INET, address.c_str(), octets.data() + 12) == 1) return octets;
    return std::nullopt;
}

bool Network::contains(const AddressOctets& octets) const {
    const std::size_t whole = prefix_bits / 8;
    if (!std::equal(octets.begin(), octets.begin() + whole, address.begin())) return false;
    const unsigned rest = prefix_bits % 8;
    return rest == 0 || ((octets[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

std::string parse_network(std::string_view text, Network& out) {
    const Expected expected = "ADDRESS or ADDRESS/BITS, such as 10.0.0.0/8";
    const std::size_t slash = std::min(text.find('/'), text.size());
    const std::string address(text.substr(0, slash));
    const std::optional<AddressOctets> octets = address_octets(address);
    if (!octets) return expected;
    const unsigned before = address.find(':') == std::string::npos ? kMappedBits : 0;
    std::int64_t bits = 128 - before;
    if (slash < text.size() &&
        !parse_integer(text.substr(slash + 1), 0, 128 - before, bits).empty())
        return expected;
    out = {*octets, before + static_cast<unsigned>(bits)};
    return {};
}

bool is_in(const std::vector<Network>& networks, const std::string& address) {
    const std::optional<AddressOctets> octets = address_octets(address);
    return octets && std::any_of(networks.begin(), networks.end(), [&](const Network& one) {
               return one.contains(*octets);
           });
}

}  // namespace lvt::broker
