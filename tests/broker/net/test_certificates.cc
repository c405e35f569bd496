#include "tests/broker/net/test_certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <cstdio>
#include <stdexcept>

namespace lvt::broker {

namespace {

constexpr long kDay = 86'400;

void require(bool fine) {
    if (!fine) throw std::runtime_error("cannot make a certificate");
}

void add_name(X509_NAME* name, const char* type, const std::string& value) {
    require(
        X509_NAME_add_entry_by_txt(
            name, type, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
            static_cast<int>(value.size()), -1, 0) == 1);
}

void add_extension(X509* certificate, int nid, const std::string& value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    require(extension && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

/// To be signed by `issuer`, or by itself where that is null.
X509* make(EVP_PKEY* key, const std::string& name, X509* issuer) {
    X509* const made = X509_new();
    X509_set_version(made, 2);
    static long serial = 0;
    ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made), -kDay);
    X509_gmtime_adj(X509_getm_notAfter(made), kDay);
    X509_set_pubkey(made, key);
    add_name(X509_get_subject_name(made), "O", "test");
    add_name(X509_get_subject_name(made), "CN", name);
    X509_set_issuer_name(made, X509_get_subject_name(issuer ? issuer : made));
    if (!issuer) add_extension(made, NID_basic_constraints, "critical,CA:TRUE");
    return made;
}

void write_certificate(const std::filesystem::path& file, X509* certificate) {
    std::FILE* const out = std::fopen(file.c_str(), "we");
    require(out && PEM_write_X509(out, certificate) == 1);
    std::fclose(out);
}

}  // namespace

TestCertificates::TestCertificates() {
    char pattern[] = "/tmp/leveret-certificates-XXXXXX";
    require(::mkdtemp(pattern) != nullptr);
    directory_ = pattern;
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = make(key, "authority", nullptr);
    require(X509_sign(certificate, key, EVP_sha256()) > 0);
    authority_key_ = key;
    authority_certificate_ = certificate;
    write_certificate(authority(), certificate);
}

TestCertificates::~TestCertificates() {
    EVP_PKEY_free(static_cast<EVP_PKEY*>(authority_key_));
    X509_free(static_cast<X509*>(authority_certificate_));
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void TestCertificates::issue(
    const std::string& name, const std::string& names, const std::string& password) const {
    auto* const signer = static_cast<EVP_PKEY*>(authority_key_);
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const made = make(key, name, static_cast<X509*>(authority_certificate_));
    add_extension(made, NID_subject_alt_name, names);
    require(X509_sign(made, signer, EVP_sha256()) > 0);
    write_certificate(certificate(name), made);
    std::FILE* const out = std::fopen(this->key(name).c_str(), "we");
    const bool encrypted = !password.empty();
    require(
        out && PEM_write_PKCS8PrivateKey(
                   out, key, encrypted ? EVP_aes_128_cbc() : nullptr,
                   encrypted ? password.c_str() : nullptr, static_cast<int>(password.size()),
                   nullptr, nullptr) == 1);
    std::fclose(out);
    X509_free(made);
    EVP_PKEY_free(key);
}

std::filesystem::path TestCertificates::certificate(const std::string& name) const {
    return directory_ / (name + ".pem");
}

std::filesystem::path TestCertificates::key(const std::string& name) const {
    return directory_ / (name + ".key");
}

}  // namespace lvt::broker
