// Error and Result: what an operation that depends on the environment answers.
//
// Three kinds of errors exist: the peer's (AmqpError, protocol/amqp/amqp_error.h), the environment's (Error, here)
// and ours (ASSERT, protocol/base/assert.h).
#pragma once

#include <string>

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

namespace lvt {

enum class ErrorKind {
    io,             // the operating system refused; the text holds its words
    no_space,       // the disk is full
    corrupt,        // stored bytes are not what was written
    invalid,        // an argument or a configuration value is wrong
    not_found,      // no such file, name or entry
    unsupported,    // a version or feature that this build does not know
};

/// An error of the environment, with a text that an operator can act on.
struct Error {
    ErrorKind kind = ErrorKind::io;
    std::string message;

    bool operator==(const Error&) const = default;
};

template <class T>
using Result = boost::system::result<T, Error>;

/// Called by Result::value() when there is none: reading it unchecked is our own mistake.
[[noreturn]] void throw_exception_from_error(
    const Error& error, const boost::source_location& location);

}  // namespace lvt

/// Leaves the enclosing function with the error of `expression`, if it has one.
#define LVT_TRY(expression)                                          \
    do {                                                             \
        if (auto lvt_result = (expression); lvt_result.has_error())  \
            return std::move(lvt_result).error();                    \
    } while (false)
