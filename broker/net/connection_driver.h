// ConnectionDriver: owns one socket and its session, and moves bytes between them.
#pragma once

#include <memory>
#include <optional>

#include "broker/net/event_loop.h"
#include "broker/net/tls_stream.h"
#include "broker/session/connection.h"

namespace lvt::broker {

class Lane;

/// Lane's thread only.
class ConnectionDriver final : public SocketEvents,
                               public std::enable_shared_from_this<ConnectionDriver> {
public:
    /// Owns `fd` from here on; `tls` is null where nothing is encrypted.
    ConnectionDriver(Lane& lane, SessionId id, int fd, std::unique_ptr<TlsStream> tls);
    ~ConnectionDriver() override;

    SessionId id() const { return id_; }
    /// Set once, right after construction.
    void attach(std::unique_ptr<Connection> session);
    Connection& session() { return *session_; }

    void on_readable() override;
    void on_writable() override;

    /// Encodes and sends what can be sent. True where more is ready than one turn's share: flush again soon.
    bool flush(Time now);
    /// After flush(): waits for the socket as the session and the lane's credit want it.
    void wait();
    /// Treats the socket as gone, as if the peer had closed it.
    void drop(Time now);
    /// Both the session and the socket are at their end.
    bool finished() const;
    /// Closes the socket in an orderly way: what was sent arrives.
    void close_socket();

    /// The earliest thing to look after; monotonic.
    std::optional<Milliseconds> next_deadline() const;
    void on_timer(Time now);

    // Kept for the lane.
    bool touched = false;
    std::optional<Milliseconds> scheduled;

private:
    void set_socket_options();
    void read();
    void socket_gone(Time now);
    bool peer_is_silent() const;

    Lane& lane_;
    SessionId id_;
    WatchedSocket socket_;
    std::unique_ptr<TlsStream> tls_;
    std::unique_ptr<Connection> session_;
    bool waiting_readable_ = false;
    bool waiting_writable_ = false;
    bool gone_ = false;
    /// When to ask the kernel whether sent data is being acknowledged; empty while nothing was sent.
    std::optional<Milliseconds> check_peer_at_;
};

}  // namespace lvt::broker
