#include "broker/auth/password_hash.h"

#include "protocol/base/assert.h"
#include "protocol/base/base64.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace lvt::broker {

namespace {

constexpr std::size_t kSaltBytes = 4;

struct Algorithm {
    ByteView name;
    const EVP_MD* (*digest)();
    std::size_t digest_bytes;

    std::size_t hash_bytes() const { return kSaltBytes + digest_bytes; }
    std::size_t encoded_bytes() const { return (hash_bytes() + 2) / 3 * 4; }
};
constexpr Algorithm kAlgorithms[] = {
    {"rabbit_password_hashing_sha256", EVP_sha256, 32},
    {"rabbit_password_hashing_sha512", EVP_sha512, 64},
    {"rabbit_password_hashing_md5", EVP_md5, 16},
};

/// Null where no algorithm makes hashes of that length.
const Algorithm* find_algorithm(ByteView hash) {
    for (const Algorithm& algorithm : kAlgorithms) {
        if (hash.size() == algorithm.encoded_bytes()) return &algorithm;
    }
    return nullptr;
}

const unsigned char* octets(ByteView bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

Bytes salted_digest(const Algorithm& algorithm, ByteView password, ByteView salt) {
    const Bytes input = Bytes(salt) + Bytes(password);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    // MD5 may be forbidden by the system's policy: nobody gets in with such a hash then.
    if (!EVP_Digest(input.data(), input.size(), digest, &size, algorithm.digest(), nullptr))
        return {};
    return Bytes(salt) + Bytes(reinterpret_cast<const char*>(digest), size);
}

}  // namespace

Bytes hash_password(ByteView password, ByteView salt) {
    ASSERT(salt.size() == kSaltBytes);
    return base64_encoded(salted_digest(kAlgorithms[0], password, salt));
}

bool verify_password(ByteView password, ByteView hash) {
    static const Bytes kNobody(kAlgorithms[0].encoded_bytes(), 'A');
    const Algorithm* algorithm = find_algorithm(hash);
    bool possible = algorithm != nullptr;
    if (!possible) {
        hash = kNobody;
        algorithm = &kAlgorithms[0];
    }
    unsigned char decoded[(kSaltBytes + EVP_MAX_MD_SIZE + 2) / 3 * 3] = {};
    if (EVP_DecodeBlock(decoded, octets(hash), static_cast<int>(hash.size())) < 0) possible = false;
    const ByteView salt(reinterpret_cast<const char*>(decoded), kSaltBytes);
    const Bytes expected = salted_digest(*algorithm, password, salt);
    const bool equal = expected.size() == algorithm->hash_bytes() &&
                       CRYPTO_memcmp(expected.data(), decoded, expected.size()) == 0;
    return possible && equal;
}

ByteView hashing_algorithm(ByteView hash) {
    const Algorithm* const algorithm = find_algorithm(hash);
    return algorithm ? algorithm->name : kAlgorithms[0].name;
}

bool is_password_hash(ByteView hash, ByteView algorithm) {
    const Algorithm* const found = find_algorithm(hash);
    return found && (algorithm.empty() || algorithm == found->name);
}

}  // namespace lvt::broker
