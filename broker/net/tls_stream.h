// TlsStream: one connection's TLS over its non-blocking socket, with the manners of recv(2) and send(2).
//
// It reads ahead: OpenSSL may hold decrypted or undecrypted octets of which the socket says nothing any more. Whoever stops reading
// before receive() has answered EAGAIN must come back without waiting for the socket (holds_input()).
#pragma once

#include "broker/core/tls_peer.h"
#include "broker/net/tls_context.h"
#include "protocol/base/bytes.h"

#include <sys/types.h>

#include <memory>
#include <string>

namespace lvt::broker {

/// One thread at a time.
class TlsStream {
public:
    enum class Handshake { done, wants_read, wants_write, failed };

    /// `session` comes from TlsContext::new_session(). The socket stays its owner's, and must outlive the stream's use.
    TlsStream(SslPtr session, int fd);
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;
    ~TlsStream();

    /// Goes on with the handshake; again when the socket is ready for what it wants.
    Handshake handshake();
    /// Why it failed, for the log.
    const std::string& failure() const { return failure_; }

    /// As recv(2): fills `buffer` as far as there is something; 0 at the end of the stream; -1 with errno EAGAIN where the socket must
    /// become readable (or writable: wants_write()) first.
    ssize_t receive(char* buffer, std::size_t size);
    /// As send(2). After EAGAIN the same octets must be sent again; more may follow them.
    ssize_t send(ByteView bytes);

    /// The last receive() stopped before it had seen everything.
    bool holds_input() const { return holds_input_; }
    /// The last receive() has to write first.
    bool wants_write() const { return wants_write_; }

    /// Tells the peer that nothing follows, if the socket takes it.
    void say_goodbye();

    /// After the handshake, and instead of all else from here on: the session with what it has read ahead, for who carries its octets
    /// by other means.
    SslPtr release() { return std::move(session_); }

    /// After the handshake; `rule` says which name of the client's certificate is its user.
    TlsPeer peer(const CertificateLogin& rule) const;
    bool received_anything() const;

private:
    SslPtr session_;
    std::string failure_;
    /// At first true: the handshake may have read what belongs to the application.
    bool holds_input_ = true;
    bool wants_write_ = false;
    bool broken_ = false;
};

}  // namespace lvt::broker
