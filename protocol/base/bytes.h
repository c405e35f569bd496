// Bytes and views of bytes. Strings and octets are the same thing on an AMQP wire, so one type serves both.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lvt {

/// Octets that somebody else owns. Whoever returns one says until when it is valid.
using ByteView = std::string_view;

/// Octets that the holder owns.
using Bytes = std::string;

}  // namespace lvt
