#include "broker/auth/password_hash.h"

#include "protocol/base/assert.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

namespace lvt::broker {

namespace {

constexpr std::size_t kSaltBytes = 4;
constexpr std::size_t kHashBytes = kSaltBytes + SHA256_DIGEST_LENGTH;

const unsigned char* octets(ByteView bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

Bytes salted_digest(ByteView password, ByteView salt) {
    const Bytes input = Bytes(salt) + Bytes(password);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(octets(input), input.size(), digest);
    return Bytes(salt) + Bytes(reinterpret_cast<const char*>(digest), sizeof digest);
}

Bytes base64(ByteView bytes) {
    Bytes out((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int size = EVP_EncodeBlock(
        reinterpret_cast<unsigned char*>(out.data()),
        octets(bytes),
        static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

}  // namespace

Bytes hash_password(ByteView password, ByteView salt) {
    ASSERT(salt.size() == kSaltBytes);
    return base64(salted_digest(password, salt));
}

bool verify_password(ByteView password, ByteView hash) {
    constexpr std::size_t kEncodedBytes = kHashBytes / 3 * 4;
    static_assert(kHashBytes % 3 == 0);
    if (hash.size() != kEncodedBytes) return false;
    unsigned char decoded[kHashBytes];
    if (EVP_DecodeBlock(decoded, octets(hash), static_cast<int>(hash.size())) < 0) return false;
    const ByteView salt(reinterpret_cast<const char*>(decoded), kSaltBytes);
    const Bytes expected = salted_digest(password, salt);
    return CRYPTO_memcmp(expected.data(), decoded, kHashBytes) == 0;
}

}  // namespace lvt::broker
