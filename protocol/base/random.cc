#include "protocol/base/random.h"

#include <sys/random.h>

#include <cstring>

#include "protocol/base/assert.h"

namespace lvt {

Bytes Random::bytes(std::size_t size) {
    Bytes out;
    out.reserve(size + sizeof(std::uint64_t));
    while (out.size() < size) {
        const std::uint64_t word = next();
        out.append(reinterpret_cast<const char*>(&word), sizeof word);
    }
    out.resize(size);
    return out;
}

Bytes Random::name() {
    static constexpr char kAlphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    constexpr std::size_t kNameLength = 22;
    const Bytes raw = bytes(kNameLength);
    Bytes out;
    out.reserve(kNameLength);
    for (const char octet : raw) out.push_back(kAlphabet[static_cast<unsigned char>(octet) & 63]);
    return out;
}

std::uint64_t SystemRandom::next() {
    std::uint64_t word = 0;
    ASSERT(::getrandom(&word, sizeof word, 0) == static_cast<ssize_t>(sizeof word));
    return word;
}

}  // namespace lvt
