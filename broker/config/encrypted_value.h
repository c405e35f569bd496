// Values that stand encrypted in a file, as `rabbitmqctl encode` and `encrypt_conf_value` make them.
//
//     default_pass = encrypted:BASE64
//
//     BASE64 of:  16 octets of salt | 16 octets of initialisation vector | AES-CBC of the text, PKCS#7 padding
//     the key:    PBKDF2-HMAC(passphrase, salt, iterations), as long as the cipher's
//     the text:   one Erlang term in the external format: a binary, a string, a list of characters or an atom
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace lvt::broker {

/// What stands before an encrypted value. Nothing else of the form `word:` is special.
inline constexpr std::string_view kEncryptedPrefix = "encrypted:";

/// config_entry_decoder.*, with RabbitMQ's defaults; the value itself does not tell them.
struct DecoderSettings {
    std::string passphrase;
    /// Its first line is the passphrase.
    std::filesystem::path passphrase_file;
    std::string cipher = "aes_128_cbc";
    std::string hash = "sha256";
    int iterations = 1;
};

[[nodiscard]] bool is_known_cipher(std::string_view name);
[[nodiscard]] bool is_known_hash(std::string_view name);

/// The text of `base64` (without the prefix), octets or UTF-8. ErrorKind::invalid: why not, in words that tell neither text nor passphrase.
[[nodiscard]] Result<std::string> decrypted_value(
    std::string_view base64, const DecoderSettings& settings);

/// The text of a term in Erlang's external format; nothing: it is no text. Characters become UTF-8.
[[nodiscard]] std::optional<std::string> text_of_term(ByteView term);

}  // namespace lvt::broker
