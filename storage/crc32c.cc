#include "storage/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lvt::storage {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78u;  // reflected

using Table = std::array<std::uint32_t, 256>;

/// kTables[0] advances by one octet, kTables[k] by one octet with k zero octets behind it.
constexpr std::array<Table, 8> make_tables() {
    std::array<Table, 8> tables{};
    for (std::uint32_t octet = 0; octet < 256; ++octet) {
        std::uint32_t crc = octet;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
        tables[0][octet] = crc;
    }
    for (std::size_t k = 1; k < 8; ++k) {
        for (std::size_t octet = 0; octet < 256; ++octet) {
            const std::uint32_t before = tables[k - 1][octet];
            tables[k][octet] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
    return tables;
}
constexpr std::array<Table, 8> kTables = make_tables();

std::uint32_t advance_by_octets(std::uint32_t state, const char* at, std::size_t size) {
    for (; size > 0; ++at, --size) {
        state = (state >> 8) ^ kTables[0][(state ^ static_cast<unsigned char>(*at)) & 0xff];
    }
    return state;
}

std::uint32_t advance_by_tables(std::uint32_t state, const char* at, std::size_t size) {
    for (; size >= 8; at += 8, size -= 8) {
        std::uint64_t word;
        std::memcpy(&word, at, sizeof word);
        word ^= state;
        state = 0;
        for (std::size_t k = 0; k < 8; ++k) state ^= kTables[7 - k][(word >> (8 * k)) & 0xff];
    }
    return advance_by_octets(state, at, size);
}

#if defined(__x86_64__)

/// Three streams of this size run beside each other: one instruction has a latency of three cycles.
constexpr std::size_t kStreamBytes = 256;

/// What a state becomes when kStreamBytes zero octets follow it; one table for each octet of the state.
std::array<Table, 4> make_skip_tables() {
    std::array<std::uint32_t, 32> basis{};
    for (std::size_t bit = 0; bit < 32; ++bit) {
        std::uint32_t state = std::uint32_t{1} << bit;
        for (std::size_t i = 0; i < kStreamBytes; ++i) {
            state = (state >> 8) ^ kTables[0][state & 0xff];
        }
        basis[bit] = state;
    }
    std::array<Table, 4> tables{};
    for (std::size_t octet = 0; octet < 4; ++octet) {
        for (std::size_t value = 0; value < 256; ++value) {
            for (std::size_t bit = 0; bit < 8; ++bit) {
                if ((value >> bit & 1) != 0) tables[octet][value] ^= basis[8 * octet + bit];
            }
        }
    }
    return tables;
}

std::uint32_t skip(const std::array<Table, 4>& tables, std::uint32_t state) {
    return tables[0][state & 0xff] ^ tables[1][state >> 8 & 0xff] ^ tables[2][state >> 16 & 0xff] ^
           tables[3][state >> 24];
}

std::uint64_t word_at(const char* at) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

__attribute__((target("sse4.2"))) std::uint32_t advance_by_hardware(
    std::uint32_t state, const char* at, std::size_t size) {
    static const std::array<Table, 4> kSkip = make_skip_tables();
    for (; size >= 3 * kStreamBytes; at += 3 * kStreamBytes, size -= 3 * kStreamBytes) {
        std::uint64_t first = state;
        std::uint64_t second = 0;
        std::uint64_t third = 0;
        for (std::size_t i = 0; i < kStreamBytes; i += 8) {
            first = _mm_crc32_u64(first, word_at(at + i));
            second = _mm_crc32_u64(second, word_at(at + kStreamBytes + i));
            third = _mm_crc32_u64(third, word_at(at + 2 * kStreamBytes + i));
        }
        state = skip(kSkip, static_cast<std::uint32_t>(first)) ^ static_cast<std::uint32_t>(second);
        state = skip(kSkip, state) ^ static_cast<std::uint32_t>(third);
    }
    std::uint64_t wide = state;
    for (; size >= 8; at += 8, size -= 8) wide = _mm_crc32_u64(wide, word_at(at));
    state = static_cast<std::uint32_t>(wide);
    for (; size > 0; ++at, --size) state = _mm_crc32_u8(state, static_cast<unsigned char>(*at));
    return state;
}

#endif

using Advance = std::uint32_t (*)(std::uint32_t, const char*, std::size_t);

Advance choose() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return advance_by_hardware;
#endif
    return advance_by_tables;
}

}  // namespace

std::uint32_t crc32c(std::uint32_t crc, ByteView bytes) {
    static const Advance advance = choose();
    return ~advance(~crc, bytes.data(), bytes.size());
}

std::uint32_t crc32c_by_tables(std::uint32_t crc, ByteView bytes) {
    return ~advance_by_tables(~crc, bytes.data(), bytes.size());
}

}  // namespace lvt::storage
