// The keys by which encrypted values are read (encrypted_value.h). They are taken before all others, wherever they stand.
#include "broker/config/key_rules.h"
#include "broker/config/takers.h"

namespace lvt::broker {
namespace {

const KeyRule kRules[] = {
    {.pattern = "config_entry_decoder.passphrase",
     .take =
         [](Draft& d, const std::string&, const std::string& value) {
             return take_text(value, kPathMax, d.decoder.passphrase);
         },
     .secret = true},
    {"config_entry_decoder.passphrase_file",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         return take_path(value, d.decoder.passphrase_file);
     }},
    {"config_entry_decoder.cipher",
     "aes_128_cbc",
     [](Draft& d, const std::string&, const std::string& value) {
         if (!is_known_cipher(value)) return Expected{"aes_128_cbc, aes_192_cbc or aes_256_cbc"};
         return take_text(value, kNameMax, d.decoder.cipher);
     }},
    {"config_entry_decoder.hash",
     "sha256",
     [](Draft& d, const std::string&, const std::string& value) {
         if (!is_known_hash(value))
             return Expected{"sha, sha224, sha256, sha384, sha512 or sha3_224 to sha3_512"};
         return take_text(value, kNameMax, d.decoder.hash);
     }},
    {"config_entry_decoder.iterations",
     "1",
     [](Draft& d, const std::string&, const std::string& value) {
         return take_integer(value, 1, 10'000'000, d.decoder.iterations);
     }},
};

}  // namespace

std::span<const KeyRule> encryption_key_rules() { return kRules; }

}  // namespace lvt::broker
