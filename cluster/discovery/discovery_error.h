// Why a mechanism of peer discovery could not do what it was asked, and what its caller should do about it.
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <string>

namespace lvt::discovery {

enum class Failure {
    /// The service may answer later (refused, timed out, 5xx, 429, nonsense): the caller asks again, with back-off.
    transient,
    /// Asking again changes nothing (401, 403, an unknown name, a bad certificate or setting): the caller asks three times in all, since
    /// services under construction say such things too, then the process ends with exit code 78 and the message.
    permanent,
    /// cancel() was called.
    cancelled,
};

/// `message` is one line without secrets, for an operator: what was asked of whom, and what came back.
struct DiscoveryError {
    Failure failure = Failure::transient;
    std::string message;

    bool operator==(const DiscoveryError&) const = default;
};

template <class T>
using DiscoveryResult = boost::system::result<T, DiscoveryError>;

/// Called by DiscoveryResult::value() when there is none: reading it unchecked is our own mistake.
[[noreturn]] void throw_exception_from_error(
    const DiscoveryError& error, const boost::source_location& location);

[[nodiscard]] inline DiscoveryError transient(std::string message) {
    return {Failure::transient, std::move(message)};
}
[[nodiscard]] inline DiscoveryError permanent(std::string message) {
    return {Failure::permanent, std::move(message)};
}

}  // namespace lvt::discovery
