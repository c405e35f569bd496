#include "broker/ctl/control_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace lvt::broker {
namespace {

constexpr int kBacklog = 16;

Error socket_error(const std::filesystem::path& data_dir) {
    const bool absent = errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR;
    return {
        absent ? ErrorKind::not_found : ErrorKind::io,
        fmt::format("{}: {}", (data_dir / kControlSocketName).string(), std::strerror(errno))};
}

/// The socket's address; `directory` must stay open while it is used.
struct Address {
    sockaddr_un raw{};
    OwnedFd directory;

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&raw); }
};

Result<Address> address_in(const std::filesystem::path& data_dir) {
    Address address;
    address.raw.sun_family = AF_UNIX;
    std::string path = (data_dir / kControlSocketName).string();
    if (path.size() >= sizeof address.raw.sun_path) {
        address.directory = OwnedFd{::open(data_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
        if (address.directory.get() < 0) return socket_error(data_dir);
        path = fmt::format("/proc/self/fd/{}/{}", address.directory.get(), kControlSocketName);
    }
    std::memcpy(address.raw.sun_path, path.c_str(), path.size() + 1);
    return address;
}

}  // namespace

Result<OwnedFd> connect_control_socket(const std::filesystem::path& data_dir) {
    Result<Address> address = address_in(data_dir);
    if (address.has_error()) return std::move(address).error();
    OwnedFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (socket.get() < 0) return socket_error(data_dir);
    if (::connect(socket.get(), address->get(), sizeof address->raw) != 0)
        return socket_error(data_dir);
    return socket;
}

Result<OwnedFd> listen_control_socket(const std::filesystem::path& data_dir) {
    if (connect_control_socket(data_dir).has_value())
        return Error{
            ErrorKind::invalid,
            fmt::format("{}: another broker runs with this data directory", data_dir.string())};
    remove_control_socket(data_dir);
    Result<Address> address = address_in(data_dir);
    if (address.has_error()) return std::move(address).error();
    OwnedFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (socket.get() < 0) return socket_error(data_dir);
    if (::bind(socket.get(), address->get(), sizeof address->raw) != 0 ||
        ::chmod(address->raw.sun_path, S_IRUSR | S_IWUSR) != 0 ||
        ::listen(socket.get(), kBacklog) != 0)
        return socket_error(data_dir);
    return socket;
}

void remove_control_socket(const std::filesystem::path& data_dir) {
    ::unlink((data_dir / kControlSocketName).c_str());
}

Result<Peer> peer_of(int socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return Error{ErrorKind::io, fmt::format("SO_PEERCRED: {}", std::strerror(errno))};
    return Peer{credentials.pid, credentials.uid};
}

}  // namespace lvt::broker
