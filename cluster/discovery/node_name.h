// Names of nodes ("rabbit@host") and addresses of peers ("host:31001"), as the mechanisms read and make them.
#pragma once

#include "cluster/discovery/peer_discovery.h"

#include <optional>
#include <string>
#include <string_view>

namespace lvt::discovery {

/// "rabbit@h" -> "rabbit"; without "@" all of it.
[[nodiscard]] std::string_view name_prefix(std::string_view node_name);
/// "rabbit@h" -> "h"; without "@" nothing.
[[nodiscard]] std::string_view name_host(std::string_view node_name);

/// Whether it is a numeric IPv4 or IPv6 address.
[[nodiscard]] bool is_address(std::string_view host);

/// The node's name as RabbitMQ makes it of a host that a service names: what holds "@" stays; else this node's own prefix, "@", and the host, without its
/// domain unless names are long or it is an address.
[[nodiscard]] std::string node_name_of(const Self& self, std::string_view host);

/// "host", "host:port", "[::1]:port" or a bare IPv6 address; port 0 where there is none. Nothing: it is none of these.
struct HostPort {
    std::string host;
    std::uint16_t port = 0;

    bool operator==(const HostPort&) const = default;
};
[[nodiscard]] std::optional<HostPort> parse_host_port(std::string_view text);
/// The way back: brackets around IPv6; the port is left out where it is 0.
[[nodiscard]] std::string format_host_port(std::string_view host, std::uint16_t port);

/// "rabbit@h", "rabbit@h:port" or "h:port" as in classic_config.nodes.N. Nothing: it is none of these.
[[nodiscard]] std::optional<Candidate> parse_candidate(std::string_view text, const Self& self);

}  // namespace lvt::discovery
