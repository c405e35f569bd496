// From TlsConfig to OpenSSL's SSL_CTX.
#include "broker/net/tls_context.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>

namespace lvt::broker {

namespace {

/// Forward secrecy and authenticated encryption, nothing else.
constexpr const char* kDefaultCiphers =
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
constexpr const char* kDefaultSuites =
    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
/// 112 bits: RSA from 2048 bits up, no SHA-1.
constexpr int kSecurityLevel = 2;
/// What a session's id is made with; sessions are not resumed, but OpenSSL wants one where peers are verified.
constexpr unsigned char kSessionContext[] = "leveret";

using HostContexts = std::map<std::string, SslContextPtr, std::less<>>;

Error fault(const TlsConfig& config, const std::string& key, const std::string& text) {
    return {ErrorKind::invalid, fmt::format("{}.{}: {}", config.key, key, text)};
}

/// OpenSSL's first reason, and none left behind.
std::string reason() {
    const unsigned long code = ERR_get_error();
    const char* const text = code ? ERR_reason_error_string(code) : nullptr;
    ERR_clear_error();
    return text ? text : "not understood";
}

/// In the system's words, or empty.
std::string cannot_open(const std::filesystem::path& file) {
    std::FILE* const opened = std::fopen(file.c_str(), "re");
    if (!opened) return std::strerror(errno);
    char first = 0;
    const bool readable = std::fread(&first, 1, 1, opened) == 1;
    const int error = errno;
    const bool failed = std::ferror(opened) != 0;
    std::fclose(opened);
    if (failed) return std::strerror(error);
    return readable ? "" : "is empty";
}

/// OpenSSL's own would ask on the terminal.
int give_password(char* buffer, int size, int, void* password) {
    const auto& text = *static_cast<const std::string*>(password);
    if (text.size() > static_cast<std::size_t>(size)) return -1;
    std::memcpy(buffer, text.data(), text.size());
    return static_cast<int>(text.size());
}

Result<void> use_identity(SSL_CTX* context, const TlsConfig& config, const TlsIdentity& identity) {
    const std::filesystem::path& keyfile =
        identity.keyfile.empty() ? identity.certfile : identity.keyfile;
    const std::string cert_key = identity.prefix + "certfile";
    const std::string key_key =
        identity.prefix + (identity.keyfile.empty() ? "certfile" : "keyfile");
    const auto named = [](const std::filesystem::path& file, const std::string& text) {
        return fmt::format("{}: {}", file.string(), text);
    };
    if (const std::string error = cannot_open(identity.certfile); !error.empty())
        return fault(config, cert_key, named(identity.certfile, error));
    if (SSL_CTX_use_certificate_chain_file(context, identity.certfile.c_str()) != 1)
        return fault(config, cert_key, named(identity.certfile, reason()));
    if (const std::string error = cannot_open(keyfile); !error.empty())
        return fault(config, key_key, named(keyfile, error));
    SSL_CTX_set_default_passwd_cb(context, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, const_cast<std::string*>(&identity.password));
    const bool usable =
        SSL_CTX_use_PrivateKey_file(context, keyfile.c_str(), SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
    SSL_CTX_set_default_passwd_cb(context, nullptr);
    if (!usable) return fault(config, key_key, named(keyfile, reason()));
    if (SSL_CTX_check_private_key(context) != 1)
        return fault(config, key_key, named(keyfile, "is not the key of the certificate"));
    return {};
}

/// Where the lists do not tell, the certificate is believed. One that they name stays refused.
int believe_without_list(int verified, X509_STORE_CTX* store) {
    if (verified) return 1;
    switch (X509_STORE_CTX_get_error(store)) {
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_CRL_NOT_YET_VALID:
        case X509_V_ERR_CRL_HAS_EXPIRED:
            X509_STORE_CTX_set_error(store, X509_V_OK);
            return 1;
        default:
            return 0;
    }
}

bool has_revocation_list(SSL_CTX* context) {
    const STACK_OF(X509_OBJECT)* const all =
        X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
    for (int i = 0; i < sk_X509_OBJECT_num(all); ++i)
        if (X509_OBJECT_get_type(sk_X509_OBJECT_value(all, i)) == X509_LU_CRL) return true;
    return false;
}

/// The lists are in the store: `cacertfile` may hold them beside the certificates.
Result<void> use_revocation_lists(SSL_CTX* context, const TlsConfig& config) {
    if (config.crl_check == CrlCheck::off) return {};
    if (config.crl_check != CrlCheck::best_effort && !has_revocation_list(context))
        return fault(
            config,
            "crl_check",
            fmt::format("{} holds no revocation list", config.cacertfile.string()));
    unsigned long flags = X509_V_FLAG_CRL_CHECK;
    if (config.crl_check != CrlCheck::peer) flags |= X509_V_FLAG_CRL_CHECK_ALL;
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), flags);
    return {};
}

Result<void> use_trust(SSL_CTX* context, const TlsConfig& config) {
    if (!config.cacertfile.empty()) {
        const std::string file = config.cacertfile.string();
        if (const std::string error = cannot_open(config.cacertfile); !error.empty())
            return fault(config, "cacertfile", fmt::format("{}: {}", file, error));
        if (SSL_CTX_load_verify_file(context, file.c_str()) != 1)
            return fault(config, "cacertfile", fmt::format("{}: {}", file, reason()));
        if (config.verify_peer)
            SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(file.c_str()));
    }
    int mode = config.verify_peer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
    if (config.verify_peer && config.fail_if_no_peer_cert) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(
        context, mode, config.crl_check == CrlCheck::best_effort ? believe_without_list : nullptr);
    SSL_CTX_set_verify_depth(context, config.depth);
    return use_revocation_lists(context, config);
}

/// OpenSSL's name of a cipher that it offers at our security level, by its own or the standard's name; null if there is none.
const SSL_CIPHER* find_cipher(SSL_CTX* context, const std::string& name) {
    const STACK_OF(SSL_CIPHER)* const all = SSL_CTX_get_ciphers(context);
    for (int i = 0; i < sk_SSL_CIPHER_num(all); ++i) {
        const SSL_CIPHER* const cipher = sk_SSL_CIPHER_value(all, i);
        const char* const standard = SSL_CIPHER_standard_name(cipher);
        if (name == SSL_CIPHER_get_name(cipher) || (standard && name == standard)) return cipher;
    }
    return nullptr;
}

Result<void> use_ciphers(SSL_CTX* context, const TlsConfig& config) {
    if (config.ciphers.empty()) {
        if (SSL_CTX_set_cipher_list(context, kDefaultCiphers) == 1 &&
            SSL_CTX_set_ciphersuites(context, kDefaultSuites) == 1)
            return {};
        return fault(config, "ciphers", reason());
    }
    // What the names are looked up in: neither anonymous ciphers nor those with secrets that nobody has been given, which would be
    // taken here and refused to every client.
    SSL_CTX_set_cipher_list(context, "ALL:!aNULL:!PSK:!SRP");
    std::string list;
    std::string suites;
    for (const std::string& name : config.ciphers) {
        const SSL_CIPHER* const cipher = find_cipher(context, name);
        if (!cipher)
            return fault(
                config, "ciphers", fmt::format("'{}' is unknown or too weak to be served", name));
        const bool new_kind = SSL_CIPHER_get_kx_nid(cipher) == NID_kx_any;
        std::string& to = new_kind ? suites : list;
        to += (to.empty() ? "" : ":") + std::string(SSL_CIPHER_get_name(cipher));
    }
    // A version without a cipher is not spoken.
    if (suites.empty()) SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    if (list.empty()) SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    if (SSL_CTX_get_min_proto_version(context) > SSL_CTX_get_max_proto_version(context) ||
        (suites.empty() && !config.tls_1_2) || (list.empty() && !config.tls_1_3))
        return fault(config, "ciphers", "none of them belongs to a version that is served");
    if ((list.empty() || SSL_CTX_set_cipher_list(context, list.c_str()) == 1) &&
        SSL_CTX_set_ciphersuites(context, suites.c_str()) == 1)
        return {};
    return fault(config, "ciphers", reason());
}

void use_rules(SSL_CTX* context, const TlsConfig& config) {
    SSL_CTX_set_security_level(context, kSecurityLevel);
    SSL_CTX_set_min_proto_version(context, config.tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(context, config.tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    std::uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET;
    if (config.honor_cipher_order) options |= SSL_OP_CIPHER_SERVER_PREFERENCE;
    SSL_CTX_set_options(context, options);
    // Connections live long: resuming sessions is not worth keys that outlive a handshake.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext);
    // An idle connection has no buffers; a short send is repeated from wherever the bytes then lie.
    SSL_CTX_set_mode(
        context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

/// By name, else by "*" in the place of the first word.
SSL_CTX* find_host(const HostContexts& hosts, std::string_view name) {
    const std::string wanted = lower(name);
    auto found = hosts.find(wanted);
    const std::size_t dot = wanted.find('.');
    if (found == hosts.end() && dot != std::string::npos)
        found = hosts.find("*" + wanted.substr(dot));
    return found == hosts.end() ? nullptr : found->second.get();
}

int choose_identity(SSL* ssl, int*, void* hosts) {
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name) return SSL_TLSEXT_ERR_NOACK;
    SSL_CTX* const context = find_host(*static_cast<const HostContexts*>(hosts), name);
    if (!context) return SSL_TLSEXT_ERR_NOACK;
    return SSL_set_SSL_CTX(ssl, context) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void free_hosts(void*, void* hosts, CRYPTO_EX_DATA*, int, long, void*) {
    delete static_cast<HostContexts*>(hosts);
}

/// Where a context keeps the ones of its hosts, so that they live exactly as long.
int hosts_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_hosts);
    return index;
}

Result<SslContextPtr> make_one(const TlsConfig& config, const TlsIdentity& identity) {
    ERR_clear_error();
    SslContextPtr context(SSL_CTX_new(TLS_server_method()));
    if (!context) return Error{ErrorKind::io, "no memory for TLS"};
    use_rules(context.get(), config);
    LVT_TRY(use_ciphers(context.get(), config));
    LVT_TRY(use_trust(context.get(), config));
    LVT_TRY(use_identity(context.get(), config, identity));
    return context;
}

}  // namespace

Result<SslContextPtr> make_ssl_context(const TlsConfig& config) {
    Result<SslContextPtr> context = make_one(config, config.identity);
    if (context.has_error() || config.sni_hosts.empty()) return context;
    auto hosts = std::make_unique<HostContexts>();
    for (const TlsIdentity& identity : config.sni_hosts) {
        Result<SslContextPtr> one = make_one(config, identity);
        if (one.has_error()) return one;
        (*hosts)[lower(identity.host)] = std::move(*one);
    }
    SSL_CTX_set_tlsext_servername_callback(context->get(), choose_identity);
    SSL_CTX_set_tlsext_servername_arg(context->get(), hosts.get());
    if (SSL_CTX_set_ex_data(context->get(), hosts_index(), hosts.get()) != 1)
        return Error{ErrorKind::io, "no memory for TLS"};
    static_cast<void>(hosts.release());
    return context;
}

SSL_CTX* context_of_host(SSL_CTX* context, const std::string& host) {
    const auto* const hosts =
        static_cast<const HostContexts*>(SSL_CTX_get_ex_data(context, hosts_index()));
    if (!hosts) return nullptr;
    const auto found = hosts->find(lower(host));
    return found == hosts->end() ? nullptr : found->second.get();
}

}  // namespace lvt::broker
