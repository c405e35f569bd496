// What a socket says of its two ends.
#pragma once

#include <cstdint>
#include <string>

struct sockaddr_storage;

namespace lvt::broker {

struct SocketEnd {
    /// "127.0.0.1", "fe80::1"; IPv4 addresses in IPv6 clothes are shown as IPv4. Empty where unknown.
    std::string address;
    std::uint16_t port = 0;
    bool loopback = false;
};

[[nodiscard]] SocketEnd socket_end(const sockaddr_storage& address);
[[nodiscard]] SocketEnd local_end(int fd);
[[nodiscard]] SocketEnd remote_end(int fd);

/// "127.0.0.1:5672", "[::1]:5672".
[[nodiscard]] std::string host_and_port(const std::string& address, std::uint16_t port);

}  // namespace lvt::broker
