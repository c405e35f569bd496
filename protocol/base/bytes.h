// Bytes and views of bytes. Strings and octets are the same thing on an AMQP wire, so one type serves both.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace lvt {

/// Octets that somebody else owns. Whoever returns one says until when it is valid.
using ByteView = std::string_view;

/// Octets that the holder owns.
using Bytes = std::string;

/// Copies to memory that has room; answers the address behind. Most of what a message consists of is a few octets long: those are two
/// loads and two stores that may overlap, not a call.
inline char* put_bytes(char* to, ByteView bytes) {
    const char* const from = bytes.data();
    const std::size_t size = bytes.size();
    const auto put_both_ends = [&]<class Word>(Word) {
        Word first;
        Word last;
        std::memcpy(&first, from, sizeof first);
        std::memcpy(&last, from + size - sizeof last, sizeof last);
        std::memcpy(to, &first, sizeof first);
        std::memcpy(to + size - sizeof last, &last, sizeof last);
    };
    if (size > 32)
        std::memcpy(to, from, size);
    else if (size >= 16)
        put_both_ends(std::array<std::uint64_t, 2>{});
    else if (size >= 8)
        put_both_ends(std::uint64_t{});
    else if (size >= 4)
        put_both_ends(std::uint32_t{});
    else if (size >= 2)
        put_both_ends(std::uint16_t{});
    else if (size == 1)
        *to = *from;
    return to + size;
}

}  // namespace lvt
