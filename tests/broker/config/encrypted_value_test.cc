#include "broker/config/encrypted_value.h"

#include "protocol/base/base64.h"
#include "tests/broker/config/load_config_fixture.h"

namespace lvt::broker {
namespace {

using namespace std::string_literals;

// All under the passphrase "passphrase", made by rabbitmqctl encode.
constexpr const char* kBinary = "kexhyLDnn1wGwoJ9sF1RRYeIub5zZwc4yW4Amt0RaiigsJPXFv4xXMlQkI6WDFKQ";
constexpr const char* kString = "b130vFH0hBekP2QrKayn1HNVfHMknIkUJm1aKH0N3SGeT7CAnBmTAMFBkSvQM26P";
constexpr const char* kOld = "MeTKLNEcuEg6eXenP+gnUl4oKF2LvYXp9k3bbwgH8Qc6D1K5SlJVVl5FACq4HUNR";
constexpr const char* kLong =
    "vJboctO0w1Ca5AqRqYxBzbZIRW4QzaWkolJHnn4QeYHoGC66TVigzCDWFdftoDHJFHck9edk8p6dWjqg7XhE856mXkkH"
    "evANUOJs5YbS8Pk=";
constexpr const char* kWide =
    "FdhfBMwTXkBXMtOV+K0f3Qvhf5nxrJi5WaTiMmf8fBMJXoiLNEgoeGFbJQAyCsunX9wyKPFoSL7Gql1CQ/VVIw==";

std::string decrypted(const char* base64, DecoderSettings settings = {}) {
    if (settings.passphrase.empty()) settings.passphrase = "passphrase";
    const Result<std::string> text = decrypted_value(base64, settings);
    return text.has_value() ? *text : "error: " + text.error().message;
}

TEST(EncryptedValue, VectorsOfRabbitMq) {
    EXPECT_EQ(decrypted(kBinary), "s3cr3t");
    EXPECT_EQ(decrypted(kString), "s3cr3t");
    EXPECT_EQ(decrypted(kWide), "pöt€");
    DecoderSettings old{.cipher = "aes_256_cbc", .hash = "sha512", .iterations = 1000};
    EXPECT_EQ(decrypted(kOld, old), "s3cr3t");
    old.cipher = "aes_cbc256";
    EXPECT_EQ(decrypted(kOld, old), "s3cr3t");
    old.iterations = 10'000;
    EXPECT_EQ(decrypted(kLong, old), "WjalrxuTnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
}

TEST(EncryptedValue, WhatIsNotRightIsSaidWithoutIt) {
    const std::string wrong =
        "error: it cannot be decrypted: config_entry_decoder's passphrase, cipher, hash or "
        "iterations are not those that it was encrypted with";
    EXPECT_EQ(decrypted(kBinary, {.passphrase = "Passphrase"}), wrong);
    EXPECT_EQ(decrypted(kBinary, {.cipher = "aes_256_cbc"}), wrong);
    EXPECT_EQ(decrypted(kBinary, {.hash = "sha512"}), wrong);
    EXPECT_EQ(decrypted(kBinary, {.iterations = 2}), wrong);
    const std::string none = "error: what follows 'encrypted:' is no such value";
    EXPECT_EQ(decrypted("s3cr3t!"), none);
    EXPECT_EQ(decrypted(""), none);
    EXPECT_EQ(decrypted("a2V5"), none);
    EXPECT_EQ(
        decrypted_value(kBinary, {}).error().message,
        "config_entry_decoder.passphrase or .passphrase_file must be set");
    EXPECT_EQ(
        decrypted(kBinary, {.passphrase_file = "/x"}),
        "error: config_entry_decoder has both passphrase and passphrase_file");
}

TEST(EncryptedValue, EveryCutAndEveryChangedOctetIsRefusedOrText) {
    const Bytes whole = *base64_decoded(kBinary);
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_NE(decrypted(base64_encoded(whole.substr(0, size)).c_str()), "s3cr3t");
    for (std::size_t at = 0; at < whole.size(); ++at) {
        Bytes changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        EXPECT_NE(decrypted(base64_encoded(changed).c_str()), "s3cr3t") << at;
    }
}

TEST(EncryptedValue, TermsOfErlang) {
    EXPECT_EQ(text_of_term("\x83m\0\0\0\2ab"s), "ab");
    EXPECT_EQ(text_of_term("\x83k\0\2\xF6z"s), "öz");
    EXPECT_EQ(text_of_term("\x83j"s), "");
    EXPECT_EQ(text_of_term("\x83l\0\0\0\2a\x41\x62\0\x1\xF6\0j"s), "A😀"s);
    EXPECT_EQ(text_of_term("\x83\x64\0\3abc"s), "abc");
    EXPECT_EQ(text_of_term("\x83w\3abc"s), "abc");
    for (const std::string& wrong :
         {""s,
          "\x83"s,
          "m\0\0\0\2ab"s,
          "\x83m\0\0\0\3ab"s,
          "\x83m\0\0\0\1ab"s,
          "\x83m\xFF\xFF\xFF\xFF"s,
          "\x83h\0"s,
          "\x83jj"s,
          "\x83\x61\7"s,
          "\x83l\0\0\0\2a\x41j"s,
          "\x83l\xFF\xFF\xFF\xFFa\x41"s,
          "\x83l\0\0\0\1b\xFF\xFF\xFF\xFFj"s,
          "\x83l\0\0\0\1b\0\0\xD8\0j"s})
        EXPECT_EQ(text_of_term(wrong), std::nullopt);
}

class EncryptedConfig : public LoadConfig {
protected:
    std::string encrypted(const char* base64) { return "encrypted:"s + base64; }
};

TEST_F(EncryptedConfig, IsReadWhereverTheDecoderStands) {
    file(
        "default_pass = " + encrypted(kBinary) + "\ncluster_formation.etcd.password = " +
        encrypted(kString) + "\ndefault_vhost = " + encrypted(kWide) +
        "\nconfig_entry_decoder.passphrase = passphrase\n");
    const Config config = load();
    EXPECT_EQ(config.default_user.password, "s3cr3t");
    EXPECT_EQ(config.default_user.vhost, "pöt€");
    EXPECT_EQ(config.cluster_formation.at("cluster_formation.etcd.password"), "s3cr3t");
    for (const Setting& one : config.settings) {
        EXPECT_EQ(one.value.find("s3cr3t"), std::string::npos) << one.key;
        EXPECT_NE(one.value, "passphrase") << one.key;
    }
    EXPECT_EQ(setting(config, "default_vhost"), "******** from DIR/r.conf:3");
}

TEST_F(EncryptedConfig, ThePassphraseMayBeInAFile) {
    const std::string path = write("passphrase\r\nmore\n", "secret");
    file(
        "default_pass = " + encrypted(kOld) + "\nconfig_entry_decoder.passphrase_file = " + path +
        "\nconfig_entry_decoder.cipher = aes_256_cbc\nconfig_entry_decoder.hash = sha512\n"
        "config_entry_decoder.iterations = 1000\n");
    EXPECT_EQ(load().default_user.password, "s3cr3t");
}

TEST_F(EncryptedConfig, ErrorsNameTheKeyAndShowNothing) {
    const std::string path = file("heartbeat = " + encrypted(kBinary) + "\n");
    EXPECT_EQ(
        error(),
        "DIR/r.conf:1: heartbeat: the encrypted value: config_entry_decoder.passphrase or "
        ".passphrase_file must be set");
    set("config_entry_decoder.passphrase", "another");
    EXPECT_EQ(
        error(),
        "DIR/r.conf:1: heartbeat: the encrypted value: it cannot be decrypted: "
        "config_entry_decoder's passphrase, cipher, hash or iterations are not those that it was "
        "encrypted with");
    set("config_entry_decoder.passphrase", "passphrase");
    EXPECT_EQ(error(), "DIR/r.conf:1: heartbeat: expected an integer from 0 to 65535, got '...'");
    set("config_entry_decoder.cipher", "rot13");
    EXPECT_EQ(
        error(),
        "--set: config_entry_decoder.cipher: expected aes_128_cbc, aes_192_cbc or aes_256_cbc, "
        "got 'rot13'");
}

TEST_F(EncryptedConfig, OnlyThisPrefixIsSpecial) {
    file("default_pass = secret:x\ndefault_user = encrypted\n");
    EXPECT_EQ(load().default_user.password, "secret:x");
    environment("RABBITMQ_DEFAULT_PASS", "encrypted:x");
    EXPECT_EQ(load().default_user.password, "encrypted:x");
}

}  // namespace
}  // namespace lvt::broker
