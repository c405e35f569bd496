#include "broker/net/handshake_thread.h"

#include "broker/net/proxy_header.h"
#include "protocol/base/byte_reader.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace lvt::broker {

namespace {

/// At one look at a PROXY header.
constexpr std::size_t kPeekBytes = 256;
/// The head of a TLS record: type, version, length u16. Longer hellos begin their handshake with what there is.
constexpr std::size_t kRecordHeadBytes = 5;
constexpr std::size_t kHelloBytesMax = 4096;
constexpr char kHandshakeRecord = 22;
/// A third of the share of a thread without it.
constexpr int kNice = 5;
/// Of those that waited, before others get their turn.
constexpr int kServedAtOnce = 64;
/// Thrown away at once, at a close.
constexpr std::size_t kUnreadBytes = 4096;

}  // namespace

/// One connection before AMQP.
class HandshakeThread::Guest final : public SocketEvents,
                                     public std::enable_shared_from_this<Guest> {
public:
    Guest(
        HandshakeThread& owner, Arrival arrival, bool proxied, std::shared_ptr<TlsContext> context)
        : owner_(owner),
          socket_(owner.loop_, arrival.socket.release()),
          arrival_(std::move(arrival)),
          context_(std::move(context)) {
        if (proxied) proxy_header_.emplace();
    }

    const SocketEnd& remote() const { return arrival_.remote; }
    /// One that has said nothing at all is a probe.
    bool has_spoken() const {
        return has_spoken_ || (arrival_.tls && arrival_.tls->received_anything());
    }

    /// The client speaks first; one that does not costs little.
    void wait_readable() { socket_.wait_readable(shared_from_this()); }
    void on_readable() override { go_on(); }
    void on_writable() override { go_on(); }

    void go_on() {
        if (socket_.fd() < 0 || (proxy_header_ && !read_proxy_header())) return;
        if (!context_) return owner_.arrived(*this);
        if (!arrival_.tls) {
            if (!hello_is_here() || !owner_.may_begin(*this)) return;
            SslPtr session = context_->new_session();
            if (!session) return owner_.refused(*this, "no memory is left");
            arrival_.tls = std::make_unique<TlsStream>(std::move(session), socket_.fd());
        }
        switch (arrival_.tls->handshake()) {
            case TlsStream::Handshake::wants_read:
                return wait_readable();
            case TlsStream::Handshake::wants_write:
                return socket_.wait_writable(shared_from_this());
            case TlsStream::Handshake::done:
                return owner_.arrived(*this);
            case TlsStream::Handshake::failed:
                return owner_.refused(*this, "TLS: " + arrival_.tls->failure());
        }
    }

    /// Its place in the owner's list, while the handshake goes on.
    std::optional<std::list<Begun>::iterator> begun;

    Arrival leave(const CertificateLogin& rule) {
        arrival_.socket = OwnedFd(socket_.release());
        if (arrival_.tls) arrival_.tls_peer = std::make_shared<TlsPeer>(arrival_.tls->peer(rule));
        return std::move(arrival_);
    }
    /// Unread input would make close() answer with a reset, which can overtake the alert that says what was wrong.
    void close() {
        if (socket_.fd() < 0) return;
        set_low_water(1);
        ::shutdown(socket_.fd(), SHUT_WR);
        char unread[kUnreadBytes];
        for (int i = 0; i < 8; ++i)
            if (::recv(socket_.fd(), unread, sizeof unread, MSG_DONTWAIT) <= 0) break;
        socket_.close();
    }

private:
    /// The client's first record is complete: until then nothing but its octets in the kernel is kept. Whatever is no such record
    /// is left to OpenSSL to refuse.
    bool hello_is_here() {
        char head[kRecordHeadBytes + kHelloBytesMax];
        const ssize_t size = ::recv(socket_.fd(), head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
            return refuse("the client has gone");
        const std::size_t there = size < 0 ? 0 : static_cast<std::size_t>(size);
        has_spoken_ = has_spoken_ || there > 0;
        std::size_t wanted = kRecordHeadBytes;
        if (there >= wanted) {
            if (head[0] != kHandshakeRecord) return true;
            wanted += load_big_endian<std::uint16_t>(head + 3);
        }
        if (there >= std::min(wanted, sizeof head)) {
            set_low_water(1);
            return true;
        }
        // The socket wakes us with less only at its end; once it may have been an older event.
        if (there > 0 && there == seen_ && ++early_wakes_ > 1) return refuse("the client has gone");
        seen_ = there;
        set_low_water(static_cast<int>(std::min(wanted, sizeof head)));
        wait_readable();
        return false;
    }

    void set_low_water(int octets) {
        ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVLOWAT, &octets, sizeof octets);
    }

    /// True when it is done with. What follows the header stays in the socket.
    bool read_proxy_header() {
        for (;;) {
            char bytes[kPeekBytes];
            const ssize_t size = ::recv(socket_.fd(), bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
            if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
                wait_readable();
                return false;
            }
            if (size <= 0) return refuse("the proxy has gone");
            has_spoken_ = true;
            ByteView input(bytes, static_cast<std::size_t>(size));
            const ProxyHeaderParser::Answer answer = proxy_header_->take(input);
            // Nothing is left to be peeked at twice: that would wake us again at once.
            const std::size_t taken = static_cast<std::size_t>(size) - input.size();
            if (::recv(socket_.fd(), bytes, taken, 0) != static_cast<ssize_t>(taken))
                return refuse("the proxy has gone");
            if (answer == ProxyHeaderParser::Answer::refused) return refuse("no PROXY header");
            if (answer == ProxyHeaderParser::Answer::done) return take_proxied_ends();
        }
    }

    bool take_proxied_ends() {
        if (const auto& ends = proxy_header_->ends()) {
            // Somebody else's loopback is not ours.
            const bool loopback = arrival_.remote.loopback && ends->source.loopback;
            arrival_.remote = ends->source;
            arrival_.remote.loopback = loopback;
            arrival_.local = ends->destination;
        }
        proxy_header_.reset();
        auto admission = owner_.admission_.admit(arrival_.remote.address);
        if (!admission) return refuse({});
        arrival_.admission = std::move(*admission);
        return true;
    }

    bool refuse(const std::string& why) {
        owner_.refused(*this, why);
        return false;
    }

    HandshakeThread& owner_;
    WatchedSocket socket_;
    Arrival arrival_;
    /// Until it has been read.
    std::optional<ProxyHeaderParser> proxy_header_;
    std::shared_ptr<TlsContext> context_;
    bool has_spoken_ = false;
    /// At the last look for its hello, and how often it was no more than before.
    std::size_t seen_ = 0;
    unsigned early_wakes_ = 0;
};

HandshakeThread::HandshakeThread(
    HandshakeOptions options, AdmissionControl& admission, const Clock& clock, LogSink& log,
    FatalHandler on_fatal)
    : options_(options),
      admission_(admission),
      clock_(clock),
      on_fatal_(std::move(on_fatal)),
      timer_(loop_, [this] { on_timer(); }),
      log_limit_(log) {}

HandshakeThread::~HandshakeThread() { stop_and_join(); }

void HandshakeThread::start(Arrived arrived) {
    arrived_ = std::move(arrived);
    thread_ = std::thread([this] {
        // Where processors are short, those who are there come first. On Linux it is this thread's alone.
        static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice));
        run_guarded(loop_, on_fatal_);
        close_all();
    });
}

void HandshakeThread::stop_and_join() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
}

void HandshakeThread::take(Arrival arrival, bool proxied, std::shared_ptr<TlsContext> context) {
    // What is posted must be copyable; it is closed with the loop if the call never runs.
    auto shared = std::make_shared<Arrival>(std::move(arrival));
    loop_.post([this, shared, proxied, context = std::move(context)] {
        begin(std::make_shared<Guest>(*this, std::move(*shared), proxied, context));
    });
}

void HandshakeThread::drop_all() {
    loop_.post([this] { close_all(); });
}

void HandshakeThread::close_all() {
    for (const auto& guest : guests_) guest->close();
    begun_.clear();
    guests_.clear();
}

void HandshakeThread::begin(std::shared_ptr<Guest> guest) {
    guests_.insert(guest);
    if (options_.timeout > Milliseconds(0)) {
        const Milliseconds now = clock_.now().monotonic;
        deadlines_.push_back({now + options_.timeout, guest});
        arm(now);
    }
    guest->wait_readable();
}

void HandshakeThread::arrived(Guest& guest) {
    const std::shared_ptr<Guest> kept = guest.shared_from_this();
    leave(guest);
    arrived_(guest.leave(options_.login));
}

void HandshakeThread::refused(Guest& guest, const std::string& why) {
    const std::shared_ptr<Guest> kept = guest.shared_from_this();
    leave(guest);
    if (!why.empty() && guest.has_spoken()) {
        const std::string who = host_and_port(guest.remote().address, guest.remote().port);
        log_limit_.write(
            LogLevel::warning,
            fmt::format("connection {}: handshake failed: {}", who, why),
            clock_.now().monotonic);
    }
    guest.close();
}

void HandshakeThread::leave(Guest& guest) {
    guests_.erase(guest.shared_from_this());
    if (!guest.begun) return;
    begun_.erase(*guest.begun);
    guest.begun.reset();
    if (!waiting_.empty()) post_serving();
}

bool HandshakeThread::may_begin(Guest& guest) {
    const Milliseconds now = clock_.now().monotonic;
    if (waiting_.empty() || serving_) {
        make_room(now);
        if (begun_.size() < options_.begun_max) {
            guest.begun = begun_.insert(begun_.end(), {now, &guest});
            return true;
        }
    }
    waiting_.push_back(guest.shared_from_this());
    timer_.arm_at_latest(now + options_.makes_room_after, now);
    return false;
}

void HandshakeThread::make_room(Milliseconds now) {
    if (begun_.size() < options_.begun_max || begun_.front().at + options_.makes_room_after > now)
        return;
    const std::shared_ptr<Guest> oldest = begun_.front().guest->shared_from_this();
    // Its answer may be there, and only we have not come to it.
    oldest->go_on();
    if (oldest->begun) refused(*oldest, "others wait for its place");
}

void HandshakeThread::post_serving() {
    if (std::exchange(serving_posted_, true)) return;
    loop_.post([this] {
        serving_posted_ = false;
        serve_waiting();
    });
}

void HandshakeThread::serve_waiting() {
    serving_ = true;
    for (int i = 0; i < kServedAtOnce && !waiting_.empty(); ++i) {
        const Milliseconds now = clock_.now().monotonic;
        make_room(now);
        if (begun_.size() >= options_.begun_max) {
            timer_.arm_at_latest(now + options_.makes_room_after, now);
            break;
        }
        const std::shared_ptr<Guest> guest = waiting_.front().lock();
        waiting_.pop_front();
        if (guest && guests_.contains(guest)) guest->go_on();
    }
    serving_ = false;
    if (!waiting_.empty() && begun_.size() < options_.begun_max) post_serving();
}

void HandshakeThread::on_timer() {
    const Milliseconds now = clock_.now().monotonic;
    while (!deadlines_.empty() && deadlines_.front().at <= now) {
        const std::shared_ptr<Guest> guest = deadlines_.front().guest.lock();
        deadlines_.pop_front();
        if (guest && guests_.contains(guest)) refused(*guest, "it took too long");
    }
    serve_waiting();
    arm(now);
}

void HandshakeThread::arm(Milliseconds now) {
    while (!deadlines_.empty() && deadlines_.front().guest.expired()) deadlines_.pop_front();
    if (!deadlines_.empty()) timer_.arm_at_latest(deadlines_.front().at, now);
}

}  // namespace lvt::broker
