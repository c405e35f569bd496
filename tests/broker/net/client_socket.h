// ClientSocket: a blocking TCP client on loopback, for tests.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace lvt::broker {

class ClientSocket {
public:
    /// Connects to 127.0.0.1; throws std::runtime_error if that fails.
    explicit ClientSocket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        // A test that waits for ever is worse than one that fails.
        const timeval patience{20, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("cannot connect");
    }
    ClientSocket(ClientSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    ClientSocket& operator=(ClientSocket&&) = delete;
    ~ClientSocket() { close(); }

    int fd() const { return fd_; }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

    /// False where the peer has gone.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    /// What has come, at most `size`; empty at the end of the stream.
    std::string receive(std::size_t size = 65536) {
        std::string bytes(size, '\0');
        const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
        bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return bytes;
    }

    /// Exactly `size` octets; fewer only at the end of the stream.
    std::string receive_exactly(std::size_t size) {
        std::string bytes;
        while (bytes.size() < size) {
            const std::string more = receive(size - bytes.size());
            if (more.empty()) break;
            bytes += more;
        }
        return bytes;
    }

private:
    int fd_;
};

}  // namespace lvt::broker
