// Reads big-endian integers and strings from a view; every read is checked.
#pragma once

#include <bit>
#include <concepts>
#include <cstring>

#include "protocol/base/bytes.h"

namespace lvt {

template <std::unsigned_integral T>
inline T load_big_endian(const char* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    if constexpr (sizeof(T) == 1) return value;
    else if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
    else if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
    else return __builtin_bswap64(value);
}

template <std::unsigned_integral T>
inline void store_big_endian(char* to, T value) {
    if constexpr (sizeof(T) == 2) value = __builtin_bswap16(value);
    else if constexpr (sizeof(T) == 4) value = __builtin_bswap32(value);
    else if constexpr (sizeof(T) == 8) value = __builtin_bswap64(value);
    std::memcpy(to, &value, sizeof value);
}

/// A cursor over a view. A read past the end makes it failed: it then answers zeros and empty views, and ok() is false.
/// So a decoder reads everything and asks once.
class ByteReader {
public:
    explicit ByteReader(ByteView bytes) : rest_(bytes) {}

    bool ok() const { return ok_; }
    bool done() const { return rest_.empty(); }
    ByteView rest() const { return rest_; }

    std::uint8_t u8() { return integer<std::uint8_t>(); }
    std::uint16_t u16() { return integer<std::uint16_t>(); }
    std::uint32_t u32() { return integer<std::uint32_t>(); }
    std::uint64_t u64() { return integer<std::uint64_t>(); }

    ByteView view(std::size_t size) {
        if (rest_.size() < size) return fail();
        const ByteView out = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return out;
    }
    /// Octet length, then octets (AMQP short string).
    ByteView short_string() { return view(u8()); }
    /// 32-bit length, then octets (AMQP long string, and the outside of a table).
    ByteView long_string() { return view(u32()); }

private:
    template <class T>
    T integer() {
        if (rest_.size() < sizeof(T)) {
            fail();
            return 0;
        }
        const T value = load_big_endian<T>(rest_.data());
        rest_.remove_prefix(sizeof(T));
        return value;
    }
    ByteView fail() {
        ok_ = false;
        rest_ = {};
        return {};
    }

    ByteView rest_;
    bool ok_ = true;
};

}  // namespace lvt
