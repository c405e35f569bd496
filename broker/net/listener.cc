#include "broker/net/listener.h"

#include "broker/net/socket_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lvt::broker {

namespace {

/// Sockets taken in one wake-up; others are served before the next.
constexpr int kAcceptsPerWake = 64;
/// How long to wait where the process has no file descriptor left.
constexpr Milliseconds kDescriptorRetry{100};

struct AddressList {
    addrinfo* first = nullptr;
    ~AddressList() {
        if (first) ::freeaddrinfo(first);
    }
};

/// An open, bound, listening socket or -1 with errno set.
int listen_on(const addrinfo& address, const ListenerOptions& options) {
    const int fd = ::socket(
        address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol);
    if (fd < 0) return -1;
    const int on = 1;
    const int off = 0;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.ai_family == AF_INET6) {
        const bool any = options.host == "::";
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, any ? &off : &on, sizeof on);
    }
    if (::bind(fd, address.ai_addr, address.ai_addrlen) == 0 &&
        (options.late || ::listen(fd, options.backlog) == 0))
        return fd;
    const int saved = errno;
    ::close(fd);
    errno = saved;
    return -1;
}

Result<int> open_listening(const ListenerOptions& options) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    AddressList list;
    const std::string port = std::to_string(options.port);
    const std::string where = host_and_port(options.host, options.port);
    if (const int code = ::getaddrinfo(options.host.c_str(), port.c_str(), &hints, &list.first))
        return Error{
            ErrorKind::invalid,
            fmt::format("cannot listen on {}: {}", where, ::gai_strerror(code))};
    int reason = EADDRNOTAVAIL;
    for (const addrinfo* one = list.first; one; one = one->ai_next) {
        const int fd = listen_on(*one, options);
        if (fd >= 0) return fd;
        reason = errno;
    }
    const bool no_such_family = reason == EAFNOSUPPORT || reason == EADDRNOTAVAIL;
    return Error{
        no_such_family ? ErrorKind::unsupported : ErrorKind::io,
        fmt::format("cannot listen on {}: {}", where, std::strerror(reason))};
}

Result<int> open_for(const ListenerOptions& options) {
    Result<int> fd = open_listening(options);
    if (fd.has_value() || fd.error().kind != ErrorKind::unsupported || options.host != "::")
        return fd;
    ListenerOptions v4_only = options;
    v4_only.host = "0.0.0.0";
    return open_listening(v4_only);
}

}  // namespace

Result<std::shared_ptr<Listener>> Listener::bind(
    const ListenerOptions& options, EventLoop& loop, const Clock& clock, LogSink& log) {
    Result<int> fd = open_for(options);
    if (fd.has_error()) return std::move(fd).error();
    return std::make_shared<Listener>(options, loop, clock, log, *fd);
}

Listener::Listener(
    ListenerOptions options, EventLoop& loop, const Clock& clock, LogSink& log, int fd)
    : clock_(clock),
      log_(log),
      options_(std::move(options)),
      loop_(loop),
      socket_(std::make_unique<WatchedSocket>(loop, fd)),
      retry_(loop, [this] {
          if (socket_->fd() >= 0) on_readable();
      }) {
    describe();
}

void Listener::describe() {
    const SocketEnd end = local_end(socket_->fd());
    port_ = end.port;
    name_ = host_and_port(end.address, end.port);
}

Result<void> Listener::listen() {
    if (::listen(socket_->fd(), options_.backlog) == 0) return {};
    return Error{
        ErrorKind::io, fmt::format("cannot listen on {}: {}", name_, std::strerror(errno))};
}

void Listener::start(Accepted accepted) {
    accepted_ = std::move(accepted);
    socket_->wait_readable(shared_from_this());
}

void Listener::close() { socket_->close(); }

Result<void> Listener::reopen() {
    ListenerOptions same = options_;
    same.late = false;
    same.port = port_;
    Result<int> fd = open_for(same);
    if (fd.has_error()) return std::move(fd).error();
    socket_ = std::make_unique<WatchedSocket>(loop_, *fd);
    return {};
}

void Listener::on_readable() {
    for (int i = 0; i < kAcceptsPerWake && socket_->fd() >= 0; ++i) {
        const int fd = ::accept4(socket_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            short_of_descriptors_ = false;
            accepted_(fd);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (!short_of_descriptors_)
                log_.log(
                    LogLevel::warning,
                    "{}: connections wait, as one more cannot be accepted: {}",
                    name_,
                    std::strerror(errno));
            short_of_descriptors_ = true;
            const Milliseconds now = clock_.now().monotonic;
            retry_.arm_at_latest(now + kDescriptorRetry, now);
            return;
        }
        // The peer has gone before it was accepted (ECONNABORTED and its relatives): nothing to do.
    }
    if (socket_->fd() >= 0) socket_->wait_readable(shared_from_this());
}

}  // namespace lvt::broker
