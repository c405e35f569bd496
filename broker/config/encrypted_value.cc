#include "broker/config/encrypted_value.h"

#include "broker/config/text_file.h"
#include "protocol/base/base64.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <array>
#include <memory>
#include <utility>

namespace lvt::broker {
namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kVectorBytes = 16;
constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kPassphraseBytesMax = 64 * 1024;

struct Cipher {
    std::string_view name;
    const EVP_CIPHER* (*method)();
};

// With the names that older versions of Erlang had.
constexpr Cipher kCiphers[] = {
    {"aes_128_cbc", EVP_aes_128_cbc},
    {"aes_192_cbc", EVP_aes_192_cbc},
    {"aes_256_cbc", EVP_aes_256_cbc},
    {"aes_cbc128", EVP_aes_128_cbc},
    {"aes_cbc256", EVP_aes_256_cbc},
};

struct Hash {
    std::string_view name;
    const EVP_MD* (*method)();
};

constexpr Hash kHashes[] = {
    {"sha", EVP_sha1},
    {"sha224", EVP_sha224},
    {"sha256", EVP_sha256},
    {"sha384", EVP_sha384},
    {"sha512", EVP_sha512},
    {"sha3_224", EVP_sha3_224},
    {"sha3_256", EVP_sha3_256},
    {"sha3_384", EVP_sha3_384},
    {"sha3_512", EVP_sha3_512},
};

template <class T, std::size_t size>
const T* find(const T (&table)[size], std::string_view name) {
    for (const T& one : table)
        if (one.name == name) return &one;
    return nullptr;
}

Error invalid(std::string why) { return {ErrorKind::invalid, std::move(why)}; }

Result<std::string> passphrase_of(const DecoderSettings& settings) {
    if (!settings.passphrase.empty() && !settings.passphrase_file.empty())
        return invalid("config_entry_decoder has both passphrase and passphrase_file");
    if (!settings.passphrase.empty()) return settings.passphrase;
    if (settings.passphrase_file.empty())
        return invalid("config_entry_decoder.passphrase or .passphrase_file must be set");
    Result<std::string> text = read_text_file(settings.passphrase_file, kPassphraseBytesMax);
    if (text.has_error())
        return invalid("config_entry_decoder.passphrase_file: " + text.error().message);
    std::string line = text->substr(0, text->find('\n'));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty())
        return invalid("config_entry_decoder.passphrase_file: its first line is empty");
    return line;
}

const unsigned char* octets(const char* text) {
    return reinterpret_cast<const unsigned char*>(text);
}

/// Nothing where the padding is not right, which it almost never is under a wrong key.
std::optional<Bytes> decrypt(
    const Bytes& sealed, const std::string& passphrase, const Cipher& cipher, const Hash& hash,
    int iterations) {
    std::array<unsigned char, EVP_MAX_KEY_LENGTH> key{};
    const EVP_CIPHER* const method = cipher.method();
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context{
        EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
    const std::size_t head = kSaltBytes + kVectorBytes;
    Bytes out(sealed.size() - head, '\0');
    int size = 0;
    int rest = 0;
    auto* const to = reinterpret_cast<unsigned char*>(out.data());
    const bool done =
        context &&
        PKCS5_PBKDF2_HMAC(
            passphrase.data(),
            static_cast<int>(passphrase.size()),
            octets(sealed.data()),
            kSaltBytes,
            iterations,
            hash.method(),
            EVP_CIPHER_key_length(method),
            key.data()) == 1 &&
        EVP_DecryptInit_ex(
            context.get(), method, nullptr, key.data(), octets(sealed.data() + kSaltBytes)) == 1 &&
        EVP_DecryptUpdate(
            context.get(),
            to,
            &size,
            octets(sealed.data() + head),
            static_cast<int>(sealed.size() - head)) == 1 &&
        EVP_DecryptFinal_ex(context.get(), to + size, &rest) == 1;
    ERR_clear_error();
    if (!done) return {};
    out.resize(static_cast<std::size_t>(size + rest));
    return out;
}

/// Takes the parts of a term off its front; false where it ends too early.
class TermReader {
public:
    explicit TermReader(ByteView term) : rest_(term) {}

    bool number(std::size_t octets, std::uint32_t& out) {
        if (rest_.size() < octets) return false;
        out = 0;
        for (std::size_t i = 0; i < octets; ++i)
            out = out << 8 | static_cast<unsigned char>(rest_[i]);
        rest_.remove_prefix(octets);
        return true;
    }

    /// So many octets, and nothing behind them.
    bool last(std::size_t size, ByteView& out) const {
        out = rest_;
        return rest_.size() == size;
    }

    bool at_end() const { return rest_.empty(); }

private:
    ByteView rest_;
};

bool append_character(std::uint32_t point, std::string& out) {
    const auto put = [&out](std::uint32_t octet) { out += static_cast<char>(octet); };
    if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return false;
    if (point < 0x80) {
        put(point);
    } else if (point < 0x800) {
        put(0xC0 | point >> 6);
        put(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        put(0xE0 | point >> 12);
        put(0x80 | (point >> 6 & 0x3F));
        put(0x80 | (point & 0x3F));
    } else {
        put(0xF0 | point >> 18);
        put(0x80 | (point >> 12 & 0x3F));
        put(0x80 | (point >> 6 & 0x3F));
        put(0x80 | (point & 0x3F));
    }
    return true;
}

std::optional<std::string> characters(ByteView latin1) {
    std::string out;
    for (const char octet : latin1)
        if (!append_character(static_cast<unsigned char>(octet), out)) return {};
    return out;
}

enum Tag : std::uint32_t {
    kSmallInteger = 0x61,
    kInteger = 0x62,
    kAtom = 0x64,
    kNil = 0x6A,
    kString = 0x6B,
    kList = 0x6C,
    kBinary = 0x6D,
    kSmallAtom = 0x73,
    kUtf8Atom = 0x76,
    kSmallUtf8Atom = 0x77,
    kVersion = 0x83,
};

std::optional<std::string> text_of_list(TermReader reader) {
    std::uint32_t count = 0;
    if (!reader.number(4, count)) return {};
    std::string out;
    for (std::uint32_t i = 0; i < count; ++i) {
        std::uint32_t tag = 0;
        std::uint32_t point = 0;
        if (!reader.number(1, tag) || (tag != kSmallInteger && tag != kInteger) ||
            !reader.number(tag == kSmallInteger ? 1 : 4, point) || !append_character(point, out))
            return {};
    }
    std::uint32_t nil = 0;
    if (!reader.number(1, nil) || nil != kNil || !reader.at_end()) return {};
    return out;
}

}  // namespace

bool is_known_cipher(std::string_view name) { return find(kCiphers, name) != nullptr; }
bool is_known_hash(std::string_view name) { return find(kHashes, name) != nullptr; }

std::optional<std::string> text_of_term(ByteView term) {
    TermReader reader{term};
    std::uint32_t version = 0;
    std::uint32_t tag = 0;
    if (!reader.number(1, version) || version != kVersion || !reader.number(1, tag)) return {};
    if (tag == kList) return text_of_list(reader);
    if (tag == kNil) return reader.at_end() ? std::optional<std::string>{""} : std::nullopt;
    std::size_t length_octets = 2;
    if (tag == kBinary) length_octets = 4;
    if (tag == kSmallAtom || tag == kSmallUtf8Atom) length_octets = 1;
    std::uint32_t size = 0;
    ByteView text;
    if (!reader.number(length_octets, size) || !reader.last(size, text)) return {};
    switch (tag) {
        case kBinary:
        case kUtf8Atom:
        case kSmallUtf8Atom:
            return std::string{text};
        case kString:
        case kAtom:
        case kSmallAtom:
            return characters(text);
        default:
            return {};
    }
}

Result<std::string> decrypted_value(std::string_view base64, const DecoderSettings& settings) {
    const Cipher* const cipher = find(kCiphers, settings.cipher);
    const Hash* const hash = find(kHashes, settings.hash);
    if (!cipher || !hash) return invalid("config_entry_decoder: unknown cipher or hash");
    Result<std::string> passphrase = passphrase_of(settings);
    if (passphrase.has_error()) return std::move(passphrase).error();
    const std::optional<Bytes> sealed = base64_decoded(base64);
    if (!sealed || sealed->size() < kSaltBytes + kVectorBytes + kBlockBytes ||
        sealed->size() % kBlockBytes != 0)
        return invalid("what follows 'encrypted:' is no such value");
    const std::optional<Bytes> term =
        decrypt(*sealed, *passphrase, *cipher, *hash, settings.iterations);
    std::optional<std::string> text = term ? text_of_term(*term) : std::nullopt;
    if (!text)
        return invalid(
            "it cannot be decrypted: config_entry_decoder's passphrase, cipher, hash or "
            "iterations are not those that it was encrypted with");
    return std::move(*text);
}

}  // namespace lvt::broker
