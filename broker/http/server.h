// Server: HTTP/1.1 on sockets that somebody else has accepted, with or without TLS. Connections stay open between requests; each has one
// request in hand at a time. A client that sends its header or body too slowly, or too much of either, is ended; nobody sends a long body
// that the handler has not admitted. Where there are too many connections, the one that has been silent longest goes; first those that
// have never been given what they asked for.
#pragma once

#include "broker/http/message.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}
// OpenSSL's SSL.
struct ssl_st;

namespace lvt::http {

struct ServerOptions {
    std::uint32_t header_bytes_max = 32 * 1024;
    std::uint64_t body_bytes_max = 64 * 1024 * 1024;
    /// Longer ones are read once the handler has admitted their request.
    std::uint64_t unasked_body_bytes_max = 64 * 1024;
    std::size_t connections_max = 512;
    /// From the moment a request is waited for to the end of its header.
    std::chrono::milliseconds header_timeout{30'000};
    /// For the body, and again for the client's taking of the answer.
    std::chrono::milliseconds body_timeout{120'000};
};

/// Who is at the other end of a socket.
struct Peer {
    /// "127.0.0.1:53211".
    std::string name;
    /// From the machine itself.
    bool loopback = false;
    /// It came in by a way that is open to the broker's own user alone.
    bool trusted = false;
};

/// The io_context's thread only.
class Server {
public:
    /// All must outlive it. Connections that are open when it goes may live as long as the io_context.
    Server(boost::asio::io_context& io, ServerOptions options, Handler& handler);
    /// As close().
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Owns the connected stream socket from here on, and the server's side of a TLS session whose handshake is done; null: it speaks plainly.
    void adopt(int fd, Peer peer, ssl_st* tls = nullptr);
    /// Ends all connections; answers that come later go nowhere.
    void close();

private:
    class State;

    std::shared_ptr<State> state_;
};

}  // namespace lvt::http
