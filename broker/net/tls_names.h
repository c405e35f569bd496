// What certificates and sessions of OpenSSL are called, in RabbitMQ's words.
#pragma once

#include "broker/config/tls_config.h"

#include <string>

struct ssl_st;
struct x509_st;
struct X509_name_st;

namespace lvt::broker {

/// RFC 4514: the last part first, "CN=client,O=example"; octets beyond ASCII as \C3\A9.
[[nodiscard]] std::string distinguished_name(const X509_name_st* name);

/// The common names, joined with commas; empty where there is none.
[[nodiscard]] std::string common_name(const x509_st* certificate);

/// "2026-11-21T10:00:00Z - 2027-11-21T10:00:00Z".
[[nodiscard]] std::string validity(const x509_st* certificate);

/// Of a finished handshake.
struct CipherNames {
    std::string protocol;      // "tlsv1.3"
    std::string key_exchange;  // "ecdhe_rsa"; "any" with TLS 1.3
    std::string cipher;        // "aes_256_gcm"
    std::string hash;          // "aead"
};
[[nodiscard]] CipherNames cipher_names(const ssl_st* ssl);

/// The `index`-th alternative name of that kind, from 0; empty where there are not so many.
[[nodiscard]] std::string alternative_name(
    const x509_st* certificate, CertificateLogin::Kind kind, std::size_t index);

/// The user that a certificate stands for; empty where it has no such name.
[[nodiscard]] std::string login_name(const x509_st* certificate, const CertificateLogin& rule);

}  // namespace lvt::broker
