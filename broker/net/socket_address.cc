#include "broker/net/socket_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace lvt::broker {

namespace {

bool is_loopback(const in_addr& address) { return (ntohl(address.s_addr) >> 24) == 127; }

}  // namespace

SocketEnd socket_end(const sockaddr_storage& storage) {
    SocketEnd end;
    char text[INET6_ADDRSTRLEN] = {};
    if (storage.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
        inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        end = {text, ntohs(v4.sin_port), is_loopback(v4.sin_addr)};
    } else if (storage.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
        const std::uint16_t port = ntohs(v6.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            in_addr v4;
            std::memcpy(&v4, v6.sin6_addr.s6_addr + 12, sizeof v4);
            inet_ntop(AF_INET, &v4, text, sizeof text);
            end = {text, port, is_loopback(v4)};
        } else {
            inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
            end = {text, port, IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0};
        }
    }
    return end;
}

SocketEnd local_end(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
    return socket_end(storage);
}

SocketEnd remote_end(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
    return socket_end(storage);
}

std::string host_and_port(const std::string& address, std::uint16_t port) {
    if (address.find(':') != std::string::npos) return fmt::format("[{}]:{}", address, port);
    return fmt::format("{}:{}", address, port);
}

}  // namespace lvt::broker
