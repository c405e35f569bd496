// ControlClient: asks a running broker over its control socket, one request at a time.
#pragma once

#include "broker/ctl/control_socket.h"
#include "protocol/base/clock.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace lvt::broker {

/// What went wrong, with the exit code that rabbitmqctl has for it.
struct ControlFailure {
    std::string message;
    int exit_code = 70;
};

class ControlClient {
public:
    [[nodiscard]] static Result<ControlClient> connect(const std::filesystem::path& data_dir);

    /// `timeout` is for the whole answer; nothing = as long as it takes.
    [[nodiscard]] boost::system::result<boost::json::value, ControlFailure> ask(
        const std::string& verb, const boost::json::object& args,
        std::optional<Milliseconds> timeout);

    /// Waits until the broker has closed the connection and its process is gone. False when `timeout` has passed.
    [[nodiscard]] bool wait_until_gone(std::optional<Milliseconds> timeout);

private:
    ControlClient(OwnedFd socket, OwnedFd process);

    OwnedFd socket_;
    OwnedFd process_;  // a pidfd; -1 where the system has none
    std::string input_;
};

/// boost::system::result needs it; reading a value that is not there is our own mistake.
[[noreturn]] void throw_exception_from_error(
    const ControlFailure& failure, const boost::source_location& location);

}  // namespace lvt::broker
