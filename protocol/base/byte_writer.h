// Appends big-endian integers and strings to a Bytes.
#pragma once

#include "protocol/base/assert.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/bytes.h"

namespace lvt {

/// Appends to `out`, which must outlive it.
class ByteWriter {
public:
    explicit ByteWriter(Bytes& out) : out_(out) {}

    std::size_t size() const { return out_.size(); }

    void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
    void u16(std::uint16_t value) { integer(value); }
    void u32(std::uint32_t value) { integer(value); }
    void u64(std::uint64_t value) { integer(value); }
    void raw(ByteView bytes) { out_.append(bytes); }
    /// At most 255 octets.
    void short_string(ByteView value) {
        ASSERT(value.size() <= 255);
        u8(static_cast<std::uint8_t>(value.size()));
        raw(value);
    }
    void long_string(ByteView value) {
        ASSERT(value.size() <= 0xffffffffu);
        u32(static_cast<std::uint32_t>(value.size()));
        raw(value);
    }
    /// Overwrites four octets written before, for lengths that are known late.
    void patch_u32(std::size_t position, std::uint32_t value) {
        ASSERT(position + sizeof value <= out_.size());
        store_big_endian(out_.data() + position, value);
    }

private:
    template <class T>
    void integer(T value) {
        char octets[sizeof(T)];
        store_big_endian(octets, value);
        out_.append(octets, sizeof octets);
    }

    Bytes& out_;
};

}  // namespace lvt
