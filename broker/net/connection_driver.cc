#include "broker/net/connection_driver.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "broker/net/lane.h"

namespace lvt::broker {

namespace {

// An idle peer that has vanished is found after kKeepIdle + kKeepCount * kKeepInterval seconds.
constexpr int kKeepIdleSeconds = 30;
constexpr int kKeepIntervalSeconds = 10;
constexpr int kKeepCount = 3;

/// Rounds of encoding and sending in one turn; each is one gathered write (at most 256 KB).
constexpr int kFlushRounds = 4;

/// Retransmissions or probes without an answer before silence counts as death.
constexpr unsigned kUnansweredMin = 3;

void set_option(int fd, int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

ConnectionDriver::ConnectionDriver(
    Lane& lane, SessionId id, int fd, std::unique_ptr<TlsStream> tls)
    : lane_(lane), id_(id), socket_(lane.loop(), fd), tls_(std::move(tls)) {
    set_socket_options();
}

ConnectionDriver::~ConnectionDriver() = default;

void ConnectionDriver::attach(std::unique_ptr<Connection> session) {
    session_ = std::move(session);
}

void ConnectionDriver::set_socket_options() {
    const SocketOptions& options = lane_.socket_options();
    const int fd = socket_.fd();
    if (options.nodelay) set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (options.sndbuf) set_option(fd, SOL_SOCKET, SO_SNDBUF, *options.sndbuf);
    if (options.recbuf) set_option(fd, SOL_SOCKET, SO_RCVBUF, *options.recbuf);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdleSeconds);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepIntervalSeconds);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepCount);
}

void ConnectionDriver::on_readable() {
    waiting_readable_ = false;
    read();
}

void ConnectionDriver::read() {
    if (socket_.fd() < 0) return;
    lane_.touch(*this);
    if (gone_ || !session_->wants_read() || !lane_.reading_allowed()) return;
    const Time now = lane_.now();
    const std::size_t most = lane_.read_bytes_max();
    const ssize_t size = tls_ ? tls_->receive(lane_.read_buffer(), most)
                              : ::recv(socket_.fd(), lane_.read_buffer(), most, 0);
    if (size > 0) {
        lane_.count_read(static_cast<std::size_t>(size));
        session_->on_bytes({lane_.read_buffer(), static_cast<std::size_t>(size)}, now);
    } else if (size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        socket_gone(now);
    }
    lane_.end_of_turn(now);
}

void ConnectionDriver::on_writable() {
    waiting_writable_ = false;
    if (tls_ && tls_->wants_write()) return read();
    if (socket_.fd() < 0) return;
    lane_.touch(*this);
    lane_.end_of_turn(lane_.now());
}

bool ConnectionDriver::flush(Time now) {
    for (int round = 0; round < kFlushRounds; ++round) {
        if (gone_ || waiting_writable_) {
            // Without a socket that takes bytes only what the session owes the core is made.
            session_->end_of_turn(now);
            return false;
        }
        session_->end_of_turn(now);
        const ByteView output = session_->output();
        if (output.empty()) return false;
        const ssize_t sent =
            tls_ ? tls_->send(output)
                 : ::send(
                       socket_.fd(), output.data(), output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                socket_.wait_writable(shared_from_this());
                waiting_writable_ = true;
                return false;
            }
            socket_gone(now);
            return true;
        }
        session_->consume_output(static_cast<std::size_t>(sent), now);
        if (!check_peer_at_ && lane_.socket_options().user_timeout > Milliseconds(0))
            check_peer_at_ = now.monotonic + lane_.socket_options().user_timeout;
    }
    return true;
}

void ConnectionDriver::wait() {
    if (gone_ || waiting_readable_ || !session_->wants_read() || !lane_.reading_allowed()) return;
    waiting_readable_ = true;
    if (tls_ && tls_->holds_input())
        return lane_.loop().post([self = shared_from_this()] { self->on_readable(); });
    socket_.wait_readable(shared_from_this());
    if (!tls_ || !tls_->wants_write() || waiting_writable_) return;
    socket_.wait_writable(shared_from_this());
    waiting_writable_ = true;
}

void ConnectionDriver::drop(Time now) {
    if (!gone_) socket_gone(now);
    lane_.touch(*this);
}

void ConnectionDriver::socket_gone(Time now) {
    gone_ = true;
    check_peer_at_.reset();
    close_socket();
    session_->on_socket_closed(now);
}

void ConnectionDriver::close_socket() {
    if (socket_.fd() < 0) return;
    if (tls_) tls_->say_goodbye();
    // Unread input would make close() answer with a reset, which can overtake the last frames sent.
    ::shutdown(socket_.fd(), SHUT_WR);
    for (int i = 0; i < 8; ++i)
        if (::recv(socket_.fd(), lane_.read_buffer(), Lane::kReadBytes, MSG_DONTWAIT) <= 0) break;
    socket_.close();
}

bool ConnectionDriver::finished() const {
    return session_->done() && (gone_ || session_->output().empty());
}

std::optional<Milliseconds> ConnectionDriver::next_deadline() const {
    const std::optional<Milliseconds> session = session_->next_deadline();
    if (!session || !check_peer_at_) return session ? session : check_peer_at_;
    return std::min(*session, *check_peer_at_);
}

void ConnectionDriver::on_timer(Time now) {
    lane_.touch(*this);
    if (check_peer_at_ && *check_peer_at_ <= now.monotonic) {
        int unsent = 0;
        const bool pending =
            ::ioctl(socket_.fd(), SIOCOUTQ, &unsent) == 0 && (unsent > 0 || waiting_writable_);
        check_peer_at_.reset();
        if (pending && peer_is_silent()) {
            socket_gone(now);
            return;
        }
        // Looked at again while something is on its way; else with the next send.
        if (pending) check_peer_at_ = now.monotonic + lane_.socket_options().user_timeout / 2;
    }
    if (const auto deadline = session_->next_deadline(); deadline && *deadline <= now.monotonic)
        session_->on_timer(now);
}

bool ConnectionDriver::peer_is_silent() const {
    // Not TCP_USER_TIMEOUT: that also ends the connection of a consumer that lives, whose window is full because it takes its time.
    // Such a peer answers probes.
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket_.fd(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return true;
    const Milliseconds silence(info.tcpi_last_ack_recv);
    return silence >= lane_.socket_options().user_timeout &&
           (info.tcpi_retransmits >= kUnansweredMin || info.tcpi_probes >= kUnansweredMin);
}

}  // namespace lvt::broker
