#include "tests/broker/net/tls_pair.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <csignal>
#include <stdexcept>

#include "broker/net/tls_names.h"

namespace lvt::broker {

TlsPair::TlsPair(TlsContext& context, const TlsClientOptions& options)
    : client_context_(SSL_CTX_new(TLS_client_method())) {
    // The client's own BIO writes as write(2) does.
    std::signal(SIGPIPE, SIG_IGN);
    int fds[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        throw std::runtime_error("no sockets");
    server_fd_ = OwnedFd(fds[0]);
    client_fd_ = OwnedFd(fds[1]);
    server_ = std::make_unique<TlsStream>(context.new_session(), server_fd_.get());
    SSL_CTX* const client = client_context_.get();
    // It would take what the server must not offer.
    SSL_CTX_set_security_level(client, 0);
    SSL_CTX_set_min_proto_version(client, options.version_min);
    SSL_CTX_set_max_proto_version(client, options.version_max);
    if (!options.ciphers.empty()) SSL_CTX_set_cipher_list(client, options.ciphers.c_str());
    if (!options.certificate.empty()) {
        SSL_CTX_use_certificate_chain_file(client, options.certificate.c_str());
        SSL_CTX_use_PrivateKey_file(client, options.key.c_str(), SSL_FILETYPE_PEM);
    }
    client_.reset(SSL_new(client));
    if (!options.server_name.empty())
        SSL_set_tlsext_host_name(client_.get(), options.server_name.c_str());
    SSL_set_fd(client_.get(), client_fd_.get());
    SSL_set_connect_state(client_.get());
}

bool TlsPair::shake_hands() {
    bool server_done = false;
    bool client_done = false;
    // Each round moves at least one flight.
    for (int round = 0; round < 20 && !(server_done && client_done); ++round) {
        if (!client_done) {
            ERR_clear_error();
            const int result = SSL_do_handshake(client_.get());
            client_done = result == 1;
            const int error = client_done ? 0 : SSL_get_error(client_.get(), result);
            if (error != 0 && error != SSL_ERROR_WANT_READ) {
                // The server learns of it from the alert.
                server_->handshake();
                return false;
            }
        }
        if (!server_done) {
            const TlsStream::Handshake state = server_->handshake();
            if (state == TlsStream::Handshake::failed) return false;
            server_done = state == TlsStream::Handshake::done;
        }
    }
    return server_done && client_done;
}

std::string TlsPair::shown_name() const {
    const X509* const certificate = SSL_get0_peer_certificate(client_.get());
    return certificate ? common_name(certificate) : std::string{};
}

bool TlsPair::client_send(ByteView bytes) {
    return SSL_write(client_.get(), bytes.data(), static_cast<int>(bytes.size())) ==
           static_cast<int>(bytes.size());
}

Bytes TlsPair::client_receive() {
    Bytes all;
    char buffer[16384];
    for (;;) {
        const int got = SSL_read(client_.get(), buffer, sizeof buffer);
        if (got <= 0) return all;
        all.append(buffer, static_cast<std::size_t>(got));
    }
}

}  // namespace lvt::broker
