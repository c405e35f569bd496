// TlsConfig: what a kind of TLS listener is told, `ssl_options.*` or keys of the same shape.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lvt::broker {

/// A certificate with its private key.
struct TlsIdentity {
    /// What its keys have before "certfile", for the texts of errors: "" or "sni_hosts.2.".
    std::string prefix = {};
    /// For which server name it is shown: "broker.example.com" or "*.example.com" (one word for the star); empty: for all others.
    std::string host;
    /// PEM; the certificate first, then its chain.
    std::filesystem::path certfile;
    /// PEM; empty: it stands in `certfile`.
    std::filesystem::path keyfile;
    /// Of the private key; empty: it is not encrypted.
    std::string password;
};

/// Of which certificates a client shows the revocation lists are asked. They stand in `cacertfile`.
enum class CrlCheck {
    off,
    /// All but the trusted one; where there is no list of the issuer, or it is too old, the certificate is believed...
    best_effort,
    /// ... or not. The client's own certificate:
    peer,
    chain
};

struct TlsConfig {
    /// What its keys begin with, for the texts of errors.
    std::string key = "ssl_options";
    TlsIdentity identity;
    /// In the order of their number.
    std::vector<TlsIdentity> sni_hosts;
    /// PEM: whose certificates are trusted, and what completes our own chain.
    std::filesystem::path cacertfile;
    /// Clients are asked for a certificate, and one that is not trusted ends the handshake.
    bool verify_peer = false;
    /// ... and so does none at all.
    bool fail_if_no_peer_cert = false;
    CrlCheck crl_check = CrlCheck::off;
    /// Certificates between the peer's and the trusted one.
    int depth = 10;
    bool tls_1_2 = true;
    bool tls_1_3 = true;
    /// Names of OpenSSL or of the IANA, in order; empty: those with forward secrecy and authenticated encryption.
    std::vector<std::string> ciphers;
    /// The server's order of ciphers counts, not the client's.
    bool honor_cipher_order = true;
};

/// Which name of a client's certificate is its user (EXTERNAL).
struct CertificateLogin {
    enum class From { distinguished_name, common_name, subject_alternative_name };
    /// Kinds of alternative names.
    enum class Kind { dns, ip, email, uri, other_name };

    From from = From::distinguished_name;
    Kind kind = Kind::dns;
    /// Among those of its kind, from 0.
    unsigned index = 0;
};

/// What is missing or does not go together, as one line that begins with a key; empty: nothing. The files are not looked at.
[[nodiscard]] std::string fault_of(const TlsConfig& config);

}  // namespace lvt::broker
