#include "broker/load/client_tls.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <chrono>

namespace lvt::broker::load {
namespace {

constexpr auto kHandshakeTimeout = std::chrono::seconds(60);

Error tls_error(ByteView what) {
    const unsigned long code = ERR_get_error();
    const char* const reason = code ? ERR_reason_error_string(code) : nullptr;
    ERR_clear_error();
    return {ErrorKind::io, fmt::format("{}: {}", what, reason ? reason : "the server has gone")};
}

bool is_address(const Bytes& host) {
    in6_addr octets{};
    return inet_pton(AF_INET, host.c_str(), &octets) == 1 ||
           inet_pton(AF_INET6, host.c_str(), &octets) == 1;
}

Result<void> use_trust(SSL_CTX* context, const AmqpUrl& url) {
    if (!url.verify) return {};
    const bool loaded = url.cacertfile.empty()
                            ? SSL_CTX_set_default_verify_paths(context) == 1
                            : SSL_CTX_load_verify_file(context, url.cacertfile.c_str()) == 1;
    if (!loaded) return tls_error(url.cacertfile.empty() ? "trusted certificates" : url.cacertfile);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    return {};
}

void use_name(SSL* ssl, const AmqpUrl& url) {
    const Bytes& name = url.server_name.empty() ? url.host : url.server_name;
    if (is_address(name)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
    } else {
        SSL_set_tlsext_host_name(ssl, name.c_str());
        SSL_set1_host(ssl, name.c_str());
    }
}

bool is_for_later(SSL* ssl, int result) {
    const int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

}  // namespace

void ClientTls::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }
void ClientTls::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<ClientTls> ClientTls::handshake(int descriptor, const AmqpUrl& url) {
    ERR_clear_error();
    const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
    if (!context) return Error{ErrorKind::io, "no memory for TLS"};
    LVT_TRY(use_trust(context.get(), url));
    SSL_CTX_set_mode(
        context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context.get(), 1);
    ClientTls tls(descriptor);
    tls.ssl_.reset(SSL_new(context.get()));
    if (!tls.ssl_ || SSL_set_fd(tls.ssl_.get(), descriptor) != 1)
        return Error{ErrorKind::io, "no memory for TLS"};
    use_name(tls.ssl_.get(), url);
    const auto deadline = std::chrono::steady_clock::now() + kHandshakeTimeout;
    while (std::chrono::steady_clock::now() < deadline) {
        const int result = SSL_connect(tls.ssl_.get());
        if (result == 1) return tls;
        if (!is_for_later(tls.ssl_.get(), result)) return tls_error("TLS");
    }
    return Error{ErrorKind::io, "TLS: the server does not answer"};
}

Result<std::optional<std::size_t>> ClientTls::send(ByteView octets) {
    ERR_clear_error();
    std::size_t sent = 0;
    const int result = SSL_write_ex(ssl_.get(), octets.data(), octets.size(), &sent);
    if (result == 1) return std::optional(sent);
    if (is_for_later(ssl_.get(), result)) return std::optional<std::size_t>();
    return tls_error("sending");
}

bool ClientTls::has_input() const {
    if (SSL_has_pending(ssl_.get()) == 1) return true;
    pollfd readable{.fd = descriptor_, .events = POLLIN, .revents = 0};
    return ::poll(&readable, 1, 0) > 0;
}

Result<std::size_t> ClientTls::receive(char* space, std::size_t size, bool wait) {
    std::size_t filled = 0;
    while (filled < size && ((wait && filled == 0) || has_input())) {
        ERR_clear_error();
        std::size_t got = 0;
        const int result = SSL_read_ex(ssl_.get(), space + filled, size - filled, &got);
        filled += got;
        if (result == 1) continue;
        if (is_for_later(ssl_.get(), result) || filled > 0) break;
        if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN)
            return Error{ErrorKind::io, "the server closed the connection"};
        return tls_error("receiving");
    }
    return filled;
}

}  // namespace lvt::broker::load
