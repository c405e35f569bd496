// The control socket's place: DATA_DIR/leveret.sock, also where that path is longer than a socket address can be.
//
// sun_path holds 107 octets. The directory is opened first, and the address is /proc/self/fd/N/leveret.sock: always short,
// and no working directory is touched.
#pragma once

#include "protocol/base/owned_fd.h"
#include "protocol/base/result.h"

#include <filesystem>
#include <string>

namespace lvt::broker {

inline constexpr const char* kControlSocketName = "leveret.sock";

/// A connected stream socket. ErrorKind::not_found: no directory, no socket, or nobody listens.
[[nodiscard]] Result<OwnedFd> connect_control_socket(const std::filesystem::path& data_dir);

/// A listening, non-blocking stream socket that only its owner may connect to. Replaces what a dead broker left;
/// ErrorKind::invalid where a live one answers.
[[nodiscard]] Result<OwnedFd> listen_control_socket(const std::filesystem::path& data_dir);

/// Removes the socket's name.
void remove_control_socket(const std::filesystem::path& data_dir);

/// The process at the other end.
struct Peer {
    int pid = 0;  // 0: in another pid namespace
    unsigned uid = 0;
};
[[nodiscard]] Result<Peer> peer_of(int socket);

}  // namespace lvt::broker
