#include "broker/net/peer_transport.h"

#include "broker/net/socket_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>

namespace lvt::broker {
namespace {

using cluster::FrameType;
using cluster::LinkFault;
using cluster::PeerLink;

/// What waits for a connection that is being made.
constexpr std::size_t kWaitingMax = 64;
/// Read at once.
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr Milliseconds kLookInterval{500};
constexpr std::size_t kComplaintsMax = 200;
/// Unacknowledged for so long: the peer's machine is gone.
constexpr unsigned kUserTimeoutMs = 10'000;

/// An address as the socket calls want it, from numbers alone.
struct Numeric {
    sockaddr_storage storage{};
    socklen_t size = 0;
    bool fine = false;

    Numeric(const std::string& host, std::uint16_t port) {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
        addrinfo* found = nullptr;
        if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return;
        std::memcpy(&storage, found->ai_addr, found->ai_addrlen);
        size = found->ai_addrlen;
        fine = true;
        ::freeaddrinfo(found);
    }
};

/// A peer whose machine is gone shows even where nothing is said.
void watch_over(int fd) {
    const int on = 1;
    const int idle_s = 5;
    const int interval_s = 2;
    const int probes = 3;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof kUserTimeoutMs);
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

}  // namespace

/// To one address: what waits, and when it may be dialled again.
struct PeerTransport::Route {
    std::shared_ptr<Connection> connection;
    /// Being resolved.
    bool resolving = false;
    std::deque<std::string> numeric;
    std::deque<std::pair<FrameType, Bytes>> waiting;
    Milliseconds not_before{0};
    Milliseconds wait{0};
    std::string complaint;
};

struct PeerTransport::Connection final : SocketEvents, std::enable_shared_from_this<Connection> {
    Connection(PeerTransport& owner, std::uint64_t number, int fd, bool dialer, std::string peer)
        : transport(owner),
          number(number),
          socket(owner.loop_, fd),
          link(
              {dialer,
               owner.options_.cluster_name,
               owner.options_.secret,
               owner.random_.bytes(PeerLink::kNonceBytes)}),
          dialer(dialer),
          peer(std::move(peer)) {}

    void start() {
        if (!connecting) return go_on();
        socket.wait_writable(shared_from_this());
        writing = true;
    }
    void go_on() {
        socket.wait_readable(shared_from_this());
        flush();
    }
    void send(FrameType type, ByteView payload) {
        if (!link.ready() || link.output().size() + payload.size() > kOutputBytesMax) return;
        link.send(type, payload);
        flush();
    }
    void write(FrameType type, ByteView payload) {
        if (!link.ready()) return;
        link.send(type, payload);
        flush();
    }
    void flush() {
        while (socket.fd() >= 0 && !writing && !link.output().empty()) {
            const ByteView output = link.output();
            const ssize_t sent = ::send(socket.fd(), output.data(), output.size(), MSG_NOSIGNAL);
            if (sent > 0) {
                link.sent(static_cast<std::size_t>(sent));
            } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
                writing = true;
                socket.wait_writable(shared_from_this());
            } else if (errno != EINTR) {
                return end(std::strerror(errno));
            }
        }
    }
    void on_writable() override {
        writing = false;
        if (socket.fd() < 0) return;
        if (connecting) {
            int error = 0;
            socklen_t size = sizeof error;
            ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
            if (error != 0) {
                const auto self = shared_from_this();
                end(std::strerror(error));
                return transport.note_failure(address, error);
            }
            connecting = false;
            return go_on();
        }
        flush();
    }
    void on_readable() override {
        if (socket.fd() < 0) return;
        std::array<char, kReadBytes> buffer;
        const ssize_t got = ::recv(socket.fd(), buffer.data(), buffer.size(), 0);
        if (got == 0) return end("it has closed the connection");
        if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return end(std::strerror(errno));
        const bool was_ready = link.ready();
        if (got > 0) link.receive({buffer.data(), static_cast<std::size_t>(got)});
        // The other side shall learn why it is refused.
        flush();
        if (link.fault()) return end(link.fault_text());
        const auto self = shared_from_this();
        if (link.ready() && !was_ready) transport.on_ready(self);
        for (cluster::LinkFrame& frame : link.take_frames())
            if (socket.fd() >= 0) transport.hooks_.on_frame(number, std::move(frame));
        if (socket.fd() >= 0) socket.wait_readable(self);
    }
    void end(const std::string& reason) {
        const auto self = shared_from_this();
        socket.close();
        transport.on_closed(self, reason);
    }

    PeerTransport& transport;
    const std::uint64_t number;
    WatchedSocket socket;
    PeerLink link;
    const bool dialer;
    bool connecting = false;
    bool writing = false;
    /// Made by open().
    bool alone = false;
    /// "127.0.0.1:25672"
    const std::string peer;
    Address address;
    Milliseconds due{0};
};

PeerTransport::PeerTransport(
    Options options, Hooks hooks, EventLoop& loop, const Clock& clock, Random& random, LogSink& log)
    : options_(std::move(options)),
      hooks_(std::move(hooks)),
      loop_(loop),
      clock_(clock),
      random_(random),
      log_(log),
      timer_(loop, [this] { look_at_time(); }) {}

PeerTransport::~PeerTransport() = default;

void PeerTransport::close() {
    closed_ = true;
    for (const auto& [number, connection] : links_) connection->socket.close();
    links_.clear();
    routes_.clear();
}

void PeerTransport::adopt(int fd) {
    const SocketEnd remote = remote_end(fd);
    if (closed_ || links_.size() >= kLinksMax) {
        ::close(fd);
        return;
    }
    watch_over(fd);
    auto connection = std::make_shared<Connection>(
        *this, next_link_++, fd, false, host_and_port(remote.address, remote.port));
    const Milliseconds now = clock_.now().monotonic;
    connection->due = now + options_.handshake_timeout;
    links_[connection->number] = connection;
    timer_.arm_at_latest(now + kLookInterval, now);
    connection->start();
}

void PeerTransport::send(
    const std::string& host, std::uint16_t port, FrameType type, Bytes payload) {
    if (closed_) return;
    const Address address{host, port};
    Route& route = routes_[address];
    if (route.connection && route.connection->link.ready())
        return route.connection->send(type, payload);
    if (route.waiting.size() >= kWaitingMax) route.waiting.pop_front();
    route.waiting.emplace_back(type, std::move(payload));
    if (!route.connection && !route.resolving) dial(address, route);
}

void PeerTransport::reply(std::uint64_t link, FrameType type, Bytes payload) {
    const auto found = links_.find(link);
    if (found != links_.end()) found->second->send(type, payload);
}

PeerTransport::Address PeerTransport::dialled(std::uint64_t link) const {
    const auto found = links_.find(link);
    return found == links_.end() ? Address() : found->second->address;
}

void PeerTransport::write(std::uint64_t link, FrameType type, ByteView payload) {
    const auto found = links_.find(link);
    if (found == links_.end()) return;
    const auto connection = found->second;
    connection->write(type, payload);
}

void PeerTransport::drop(std::uint64_t link, const std::string& reason) {
    const auto found = links_.find(link);
    if (found == links_.end()) return;
    const auto connection = found->second;
    connection->end(reason);
}

std::uint64_t PeerTransport::open(const std::string& host, std::uint16_t port) {
    const std::uint64_t number = next_link_++;
    const Address address{host, port};
    // Not before the caller knows the number.
    loop_.post([this, address, number] {
        if (closed_) return;
        if (Numeric(address.first, address.second).fine)
            return open_to(address, number, address.first);
        hooks_.resolve(address.first, [this, address, number](std::vector<std::string> found) {
            if (closed_) return;
            if (!found.empty()) return open_to(address, number, found.front());
            if (hooks_.on_closed) hooks_.on_closed(number);
        });
    });
    return number;
}

void PeerTransport::open_to(const Address& address, std::uint64_t number, const std::string& host) {
    const Numeric target(host, address.second);
    const int fd =
        ::socket(target.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd >= 0) watch_over(fd);
    const int status =
        fd < 0 ? -1
               : ::connect(fd, reinterpret_cast<const sockaddr*>(&target.storage), target.size);
    if (fd < 0 || (status != 0 && errno != EINPROGRESS)) {
        const int reason = errno;
        if (fd >= 0) ::close(fd);
        if (hooks_.on_closed) hooks_.on_closed(number);
        return note_failure(address, reason);
    }
    auto connection = std::make_shared<Connection>(
        *this, number, fd, true, host_and_port(address.first, address.second));
    connection->connecting = connection->alone = true;
    connection->address = address;
    const Milliseconds now = clock_.now().monotonic;
    connection->due = now + options_.dial_timeout;
    links_[number] = connection;
    timer_.arm_at_latest(now + kLookInterval, now);
    connection->start();
}

void PeerTransport::dial(const Address& address, Route& route) {
    const Milliseconds now = clock_.now().monotonic;
    if (now < route.not_before) {
        // Old news by then.
        route.waiting.clear();
        return;
    }
    if (!route.numeric.empty()) return connect_to(address, route);
    if (Numeric(address.first, address.second).fine) {
        route.numeric = {address.first};
        return connect_to(address, route);
    }
    route.resolving = true;
    hooks_.resolve(address.first, [this, address](std::vector<std::string> found) {
        if (closed_) return;
        Route& waiting = routes_[address];
        waiting.resolving = false;
        waiting.numeric.assign(found.begin(), found.end());
        if (found.empty())
            complain(address, waiting, "its name has no address");
        else
            connect_to(address, waiting);
    });
}

void PeerTransport::connect_to(const Address& address, Route& route) {
    const std::string host = route.numeric.front();
    route.numeric.pop_front();
    const Numeric target(host, address.second);
    const int fd =
        ::socket(target.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0) return complain(address, route, std::strerror(errno));
    watch_over(fd);
    const int status =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&target.storage), target.size);
    if (status != 0 && errno != EINPROGRESS) {
        const int reason = errno;
        ::close(fd);
        complain(address, route, std::strerror(reason));
        return note_failure(address, reason);
    }
    auto connection = std::make_shared<Connection>(
        *this, next_link_++, fd, true, host_and_port(address.first, address.second));
    connection->connecting = true;
    connection->address = address;
    const Milliseconds now = clock_.now().monotonic;
    connection->due = now + options_.dial_timeout;
    links_[connection->number] = connection;
    route.connection = connection;
    timer_.arm_at_latest(now + kLookInterval, now);
    connection->start();
}

void PeerTransport::note_failure(const Address& address, int error) {
    // It is there under another of its addresses, or that is being tried.
    const auto route = routes_.find(address);
    if (route != routes_.end() && route->second.connection) return;
    if (error == ECONNREFUSED && hooks_.on_refused && !closed_)
        hooks_.on_refused(address.first, address.second);
}

/// It cannot be reached now; said once for each reason.
void PeerTransport::complain(const Address& address, Route& route, std::string reason) {
    const Milliseconds now = clock_.now().monotonic;
    route.connection = nullptr;
    // Its other addresses, if it has any, without waiting.
    if (!route.numeric.empty()) return connect_to(address, route);
    route.waiting.clear();
    route.wait = std::clamp(route.wait * 2, options_.redial_min, options_.redial_max);
    route.not_before = now + route.wait;
    if (route.complaint == reason) return;
    route.complaint = std::move(reason);
    log_.log(
        LogLevel::info,
        "cluster: {} cannot be reached: {}",
        host_and_port(address.first, address.second),
        route.complaint);
}

void PeerTransport::on_ready(const std::shared_ptr<Connection>& connection) {
    connection->due = Milliseconds{0};
    if (!connection->dialer) return;
    if (connection->alone) {
        if (hooks_.on_open) hooks_.on_open(connection->number);
        return;
    }
    Route& route = routes_[connection->address];
    route.wait = Milliseconds{0};
    route.complaint.clear();
    log_.log(LogLevel::debug, "cluster: connected to {}", connection->peer);
    for (auto& [type, payload] : std::exchange(route.waiting, {})) connection->send(type, payload);
}

void PeerTransport::on_closed(
    const std::shared_ptr<Connection>& connection, const std::string& reason) {
    if (links_.erase(connection->number) == 0) return;
    if (hooks_.on_closed && !closed_) hooks_.on_closed(connection->number);
    const auto fault = connection->link.fault();
    if (fault && !connection->dialer) {
        // The port changes with each try.
        const std::string host = connection->peer.substr(0, connection->peer.rfind(':'));
        if (complaints_.size() >= kComplaintsMax) complaints_.clear();
        if (complaints_.insert(host + reason).second)
            log_.log(
                LogLevel::warning,
                "cluster: refused a connection from {}: {}",
                connection->peer,
                reason);
    }
    if (!connection->dialer || connection->alone) return;
    const auto route = routes_.find(connection->address);
    if (route == routes_.end() || route->second.connection != connection) return;
    if (fault && route->second.complaint != reason)
        log_.log(
            LogLevel::warning, "cluster: {} is no peer of this node: {}", connection->peer, reason);
    if (fault) route->second.complaint = reason;
    complain(connection->address, route->second, reason);
}

/// Handshakes and dials that take too long.
void PeerTransport::look_at_time() {
    const Milliseconds now = clock_.now().monotonic;
    std::vector<std::shared_ptr<Connection>> late;
    bool pending = false;
    for (const auto& [number, connection] : links_) {
        if (connection->due == Milliseconds{0}) continue;
        if (now >= connection->due)
            late.push_back(connection);
        else
            pending = true;
    }
    for (const auto& connection : late) connection->end("it does not answer in time");
    if (pending || !late.empty()) timer_.arm_at_latest(now + kLookInterval, now);
}

}  // namespace lvt::broker
