// ClientTls: the client's side of TLS on a connected, blocking socket.
#pragma once

#include "broker/load/amqp_url.h"

#include <memory>
#include <optional>

struct ssl_st;
struct ssl_ctx_st;

namespace lvt::broker::load {

/// One thread. OpenSSL writes to its socket with write(2): a process that uses it has to ignore SIGPIPE.
class ClientTls {
public:
    /// Leads the socket through the handshake; the server has to be who the URL says unless that asks for verify_none.
    static Result<ClientTls> handshake(int descriptor, const AmqpUrl& url);

    /// Octets written, at least one; nullopt where the socket takes none now. `octets` may lie elsewhere when they are sent again.
    Result<std::optional<std::size_t>> send(ByteView octets);
    /// Octets read; 0 where none have come within the socket's time, or at once with `wait` false. An error at the end.
    Result<std::size_t> receive(char* space, std::size_t size, bool wait);

private:
    struct Free {
        void operator()(ssl_st* ssl) const;
        void operator()(ssl_ctx_st* context) const;
    };

    explicit ClientTls(int descriptor) : descriptor_(descriptor) {}
    bool has_input() const;

    int descriptor_;
    std::unique_ptr<ssl_st, Free> ssl_;
};

}  // namespace lvt::broker::load
