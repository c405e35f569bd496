// TlsPair: a TlsStream and a client of OpenSSL over one pair of sockets, in one thread.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "broker/net/tls_stream.h"
#include "protocol/base/owned_fd.h"

namespace lvt::broker {

/// What a client asks for.
struct TlsClientOptions {
    std::string server_name = {};
    int version_min = TLS1_2_VERSION;
    int version_max = TLS1_3_VERSION;
    /// OpenSSL's list for TLS 1.2; empty: its own.
    std::string ciphers = {};
    /// PEM files; empty: it has none.
    std::string certificate = {};
    std::string key = {};
};

class TlsPair {
public:
    TlsPair(TlsContext& context, const TlsClientOptions& options);

    /// Until both are done or one has failed.
    bool shake_hands();

    TlsStream& server() { return *server_; }
    /// The common name of the certificate that the client was shown.
    std::string shown_name() const;
    int client_version() const { return SSL_version(client_.get()); }
    /// False where the socket takes no more.
    bool client_send(ByteView bytes);
    /// What is there.
    Bytes client_receive();
    void client_close() { client_fd_ = OwnedFd(); }

private:
    OwnedFd server_fd_;
    OwnedFd client_fd_;
    SslContextPtr client_context_;
    SslPtr client_;
    std::unique_ptr<TlsStream> server_;
};

}  // namespace lvt::broker
