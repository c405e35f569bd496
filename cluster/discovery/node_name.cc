#include "cluster/discovery/node_name.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

namespace lvt::discovery {

std::string_view name_prefix(std::string_view node_name) {
    return node_name.substr(0, node_name.find('@'));
}

std::string_view name_host(std::string_view node_name) {
    const std::size_t at = node_name.find('@');
    return at == std::string_view::npos ? std::string_view{} : node_name.substr(at + 1);
}

bool is_address(std::string_view host) {
    in6_addr octets{};
    const std::string text{host};
    return ::inet_pton(AF_INET, text.c_str(), &octets) == 1 ||
           ::inet_pton(AF_INET6, text.c_str(), &octets) == 1;
}

std::string node_name_of(const Self& self, std::string_view host) {
    if (host.find('@') != std::string_view::npos) return std::string{host};
    if (!self.long_names && !is_address(host)) host = host.substr(0, host.find('.'));
    return fmt::format("{}@{}", name_prefix(self.name), host);
}

std::optional<HostPort> parse_host_port(std::string_view text) {
    HostPort out;
    std::string_view port;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos || !is_address(text.substr(1, end - 1))) return {};
        out.host = text.substr(1, end - 1);
        text.remove_prefix(end + 1);
        if (text.empty()) return out;
        if (text.front() != ':') return {};
        port = text.substr(1);
    } else if (is_address(text)) {
        out.host = text;
        return out;
    } else {
        const std::size_t colon = text.find(':');
        out.host = text.substr(0, colon);
        if (out.host.empty() || out.host.find_first_of(" /@?#") != std::string::npos) return {};
        if (colon == std::string_view::npos) return out;
        port = text.substr(colon + 1);
    }
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (error != std::errc{} || end != port.data() + port.size() || out.port == 0) return {};
    return out;
}

std::string format_host_port(std::string_view host, std::uint16_t port) {
    const bool is_v6 = host.find(':') != std::string_view::npos;
    std::string out = is_v6 && port != 0 ? fmt::format("[{}]", host) : std::string{host};
    if (port != 0) out += fmt::format(":{}", port);
    return out;
}

std::optional<Candidate> parse_candidate(std::string_view text, const Self& self) {
    const std::size_t at = text.find('@');
    const bool named = at != std::string_view::npos;
    if (named && at == 0) return {};
    const std::optional<HostPort> address = parse_host_port(named ? text.substr(at + 1) : text);
    if (!address || (!named && address->port == 0)) return {};
    Candidate out;
    out.host = address->host;
    out.port = address->port;
    out.name = named ? std::string{text} : fmt::format("{}@{}", name_prefix(self.name), text);
    return out;
}

}  // namespace lvt::discovery
