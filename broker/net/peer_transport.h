// PeerTransport: the connections between this node and its peers, on one loop. A message is sent to an address, which is dialled where need be, or
// back on the link where a question came from. Whatever is sent may get lost: with a connection, or because too much waits for a slow peer.
#pragma once

#include "broker/net/event_loop.h"
#include "broker/net/listener.h"
#include "cluster/transport/peer_link.h"
#include "protocol/base/random.h"

#include <map>
#include <set>

namespace lvt::broker {

/// All calls on the loop's thread, but for what Listener allows. The loop must have stopped before it goes.
class PeerTransport {
public:
    /// Output that waits for one peer; more is dropped.
    static constexpr std::size_t kOutputBytesMax = 80u << 20;
    /// Connections that others have opened; more are closed at once.
    static constexpr std::size_t kLinksMax = 1000;

    struct Options {
        std::string cluster_name;
        std::string secret;
        Milliseconds handshake_timeout{5000};
        Milliseconds dial_timeout{5000};
        /// Between two dials of an address that fails.
        Milliseconds redial_min{200};
        Milliseconds redial_max{2000};
    };
    struct Hooks {
        std::function<void(std::uint64_t link, cluster::LinkFrame frame)> on_frame;
        /// Numeric addresses of a name, later, on the loop's thread; empty: it has none. Not asked for numeric ones.
        std::function<void(const std::string& host, std::function<void(std::vector<std::string>)>)>
            resolve;
        /// What open() has asked for is there. May be empty.
        std::function<void(std::uint64_t link)> on_open;
        /// The link is no more, whoever made it; one that open() has asked for may never have been. May be empty.
        std::function<void(std::uint64_t link)> on_closed;
        /// Nobody listens where it was dialled, at none of its addresses: the process that did is gone. May be empty.
        std::function<void(const std::string& host, std::uint16_t port)> on_refused;
    };

    using Address = std::pair<std::string, std::uint16_t>;

    PeerTransport(
        Options options, Hooks hooks, EventLoop& loop, const Clock& clock, Random& random,
        LogSink& log);
    PeerTransport(const PeerTransport&) = delete;
    PeerTransport& operator=(const PeerTransport&) = delete;
    ~PeerTransport();

    /// A connected socket of the listener.
    void adopt(int fd);
    void send(const std::string& host, std::uint16_t port, cluster::FrameType type, Bytes payload);
    void reply(std::uint64_t link, cluster::FrameType type, Bytes payload);
    /// What was dialled for this link; an empty host: nothing.
    Address dialled(std::uint64_t link) const;
    /// Dials a connection that nothing else uses. on_closed() follows where it cannot be made.
    std::uint64_t open(const std::string& host, std::uint16_t port);
    /// As reply(), but nothing is dropped while the link stands.
    void write(std::uint64_t link, cluster::FrameType type, ByteView payload);
    /// Closes the link; on_closed() follows.
    void drop(std::uint64_t link, const std::string& reason);
    void close();

private:
    struct Connection;
    struct Route;

    void dial(const Address& address, Route& route);
    void connect_to(const Address& address, Route& route);
    void open_to(const Address& address, std::uint64_t number, const std::string& host);
    void complain(const Address& address, Route& route, std::string reason);
    void note_failure(const Address& address, int error);
    void on_ready(const std::shared_ptr<Connection>& connection);
    void on_closed(const std::shared_ptr<Connection>& connection, const std::string& reason);
    void look_at_time();

    Options options_;
    Hooks hooks_;
    EventLoop& loop_;
    const Clock& clock_;
    Random& random_;
    LogSink& log_;
    LoopTimer timer_;
    std::uint64_t next_link_ = 1;
    std::map<std::uint64_t, std::shared_ptr<Connection>> links_;
    std::map<Address, Route> routes_;
    /// Complaints about those who dial, told once each.
    std::set<std::string> complaints_;
    bool closed_ = false;
};

}  // namespace lvt::broker
