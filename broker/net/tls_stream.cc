#include "broker/net/tls_stream.h"

#include "broker/net/tls_names.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>

namespace lvt::broker {

namespace {

// OpenSSL's own socket BIO uses write(2), which raises SIGPIPE; an embedded broker leaves signals alone.

int fd_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

bool is_for_later(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int socket_write(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
    BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(fd_of(bio), data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && is_for_later(errno)) BIO_set_retry_write(bio);
    *written = sent > 0 ? static_cast<std::size_t>(sent) : 0;
    return sent > 0 ? 1 : 0;
}

int socket_read(BIO* bio, char* data, std::size_t size, std::size_t* read) {
    BIO_clear_retry_flags(bio);
    const ssize_t got = ::recv(fd_of(bio), data, size, MSG_DONTWAIT);
    if (got < 0 && is_for_later(errno)) BIO_set_retry_read(bio);
    if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    *read = got > 0 ? static_cast<std::size_t>(got) : 0;
    return got > 0 ? 1 : 0;
}

long socket_control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return 0;
}

int socket_create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
}

const BIO_METHOD* socket_method() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
        BIO_meth_set_write_ex(made, socket_write);
        BIO_meth_set_read_ex(made, socket_read);
        BIO_meth_set_ctrl(made, socket_control);
        BIO_meth_set_create(made, socket_create);
        return made;
    }();
    return method;
}

std::string failure_text(const SSL* ssl) {
    const unsigned long code = ERR_peek_error();
    const char* const reason = code ? ERR_reason_error_string(code) : nullptr;
    std::string text = reason ? reason : "the peer has gone";
    const long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK) {
        text += ": ";
        text += X509_verify_cert_error_string(verdict);
    }
    return text;
}

}  // namespace

TlsStream::TlsStream(SslPtr session, int fd) : session_(std::move(session)) {
    BIO* const bio = BIO_new(socket_method());
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
    SSL_set_bio(session_.get(), bio, bio);
}

TlsStream::~TlsStream() = default;

TlsStream::Handshake TlsStream::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(session_.get());
    if (result == 1) return Handshake::done;
    switch (SSL_get_error(session_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return Handshake::wants_read;
        case SSL_ERROR_WANT_WRITE:
            return Handshake::wants_write;
        default:
            break;
    }
    failure_ = failure_text(session_.get());
    broken_ = true;
    return Handshake::failed;
}

ssize_t TlsStream::receive(char* buffer, std::size_t size) {
    std::size_t filled = 0;
    holds_input_ = true;
    wants_write_ = false;
    while (filled < size) {
        ERR_clear_error();
        std::size_t got = 0;
        const int result = SSL_read_ex(session_.get(), buffer + filled, size - filled, &got);
        if (result == 1) {
            filled += got;
            continue;
        }
        holds_input_ = false;
        const int error = SSL_get_error(session_.get(), result);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
            wants_write_ = error == SSL_ERROR_WANT_WRITE;
            if (filled > 0) break;
            errno = EAGAIN;
            return -1;
        }
        broken_ = broken_ || error != SSL_ERROR_ZERO_RETURN;
        // What came before the end is delivered first; the end is found again.
        holds_input_ = filled > 0;
        break;
    }
    return static_cast<ssize_t>(filled);
}

ssize_t TlsStream::send(ByteView bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        ERR_clear_error();
        std::size_t written = 0;
        const int result =
            SSL_write_ex(session_.get(), bytes.data() + sent, bytes.size() - sent, &written);
        if (result == 1) {
            sent += written;
            continue;
        }
        if (SSL_get_error(session_.get(), result) == SSL_ERROR_WANT_WRITE) {
            if (sent > 0) break;
            errno = EAGAIN;
            return -1;
        }
        broken_ = true;
        if (sent > 0) break;
        errno = ECONNRESET;
        return -1;
    }
    return static_cast<ssize_t>(sent);
}

TlsPeer TlsStream::peer(const CertificateLogin& rule) const {
    CipherNames names = cipher_names(session_.get());
    TlsPeer peer;
    peer.protocol = std::move(names.protocol);
    peer.key_exchange = std::move(names.key_exchange);
    peer.cipher = std::move(names.cipher);
    peer.hash = std::move(names.hash);
    const X509* const certificate = SSL_get0_peer_certificate(session_.get());
    if (!certificate) {
        peer.login_fault = "the client has shown no certificate";
        return peer;
    }
    peer.subject = distinguished_name(X509_get_subject_name(certificate));
    peer.issuer = distinguished_name(X509_get_issuer_name(certificate));
    peer.validity = validity(certificate);
    // Without verification anybody may show any certificate.
    const bool verified = (SSL_get_verify_mode(session_.get()) & SSL_VERIFY_PEER) != 0 &&
                          SSL_get_verify_result(session_.get()) == X509_V_OK;
    if (verified) peer.login = login_name(certificate, rule);
    peer.login_fault = verified ? "the client's certificate has no such name"
                                : "the client's certificate is not verified";
    return peer;
}

bool TlsStream::received_anything() const {
    return BIO_number_read(SSL_get_rbio(session_.get())) > 0;
}

void TlsStream::say_goodbye() {
    if (broken_ || !SSL_is_init_finished(session_.get())) return;
    ERR_clear_error();
    SSL_shutdown(session_.get());
    ERR_clear_error();
    broken_ = true;
}

}  // namespace lvt::broker
