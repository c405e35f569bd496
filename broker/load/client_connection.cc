#include "broker/load/client_connection.h"

#include "protocol/amqp/frame_decoder.h"
#include "protocol/amqp/method_frame.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace lvt::broker::load {
namespace {

constexpr std::uint32_t kFrameMax = 128 * 1024;
constexpr auto kAnswerTimeout = std::chrono::seconds(60);
constexpr timeval kReceiveTimeout{.tv_sec = 0, .tv_usec = 50'000};
constexpr timeval kSendTimeout{.tv_sec = 0, .tv_usec = 200'000};

Error system_error(ByteView what) {
    return Error{ErrorKind::io, fmt::format("{}: {}", what, std::strerror(errno))};
}

Bytes text_of(const amqp::Table& table, ByteView name) {
    const auto value = table.find(name);
    return value && value->string() ? Bytes(*value->string()) : Bytes();
}

void set_options(int descriptor) {
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &kReceiveTimeout, sizeof kReceiveTimeout);
    ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &kSendTimeout, sizeof kSendTimeout);
}

}  // namespace

ClientConnection::ClientConnection(int descriptor, std::uint32_t frame_max)
    : descriptor_(descriptor), frame_max_(frame_max), input_(frame_max) {}

ClientConnection::ClientConnection(ClientConnection&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      tls_(std::move(other.tls_)),
      frame_max_(other.frame_max_),
      input_(std::move(other.input_)),
      server_(std::move(other.server_)) {}

ClientConnection::~ClientConnection() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Result<ClientConnection> ClientConnection::open(const AmqpUrl& url, ByteView connection_name) {
    Result<int> descriptor = connect(url);
    if (descriptor.has_error()) return std::move(descriptor).error();
    ClientConnection connection(*descriptor, kFrameMax);
    if (url.tls) {
        Result<ClientTls> tls = ClientTls::handshake(*descriptor, url);
        if (tls.has_error()) return std::move(tls).error();
        connection.tls_ = std::move(*tls);
    }
    LVT_TRY(connection.log_in(url, connection_name));
    return connection;
}

Result<int> ClientConnection::connect(const AmqpUrl& url) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* addresses = nullptr;
    const Bytes port = std::to_string(url.port);
    if (const int code = ::getaddrinfo(url.host.c_str(), port.c_str(), &hints, &addresses)) {
        return Error{ErrorKind::io, fmt::format("{}: {}", url.host, ::gai_strerror(code))};
    }
    Error error{ErrorKind::io, fmt::format("{}: no address", url.host)};
    for (const addrinfo* address = addresses; address; address = address->ai_next) {
        const int descriptor =
            ::socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
        if (descriptor < 0) continue;
        if (::connect(descriptor, address->ai_addr, address->ai_addrlen) == 0) {
            ::freeaddrinfo(addresses);
            set_options(descriptor);
            return descriptor;
        }
        error = system_error(fmt::format("cannot connect to {}:{}", url.host, url.port));
        ::close(descriptor);
    }
    ::freeaddrinfo(addresses);
    return error;
}

Result<void> ClientConnection::log_in(const AmqpUrl& url, ByteView connection_name) {
    LVT_TRY(send(amqp::kProtocolHeader));
    LVT_TRY(start(url, connection_name));
    Result<amqp::Method> method = next_method(0);
    if (method.has_error()) return std::move(method).error();
    const auto* tune = std::get_if<amqp::ConnectionTune>(&*method);
    if (!tune) return Error{ErrorKind::io, "the server does not tune the connection"};
    amqp::ConnectionTuneOk tune_ok;
    tune_ok.channel_max = tune->channel_max;
    tune_ok.frame_max = tune->frame_max == 0 ? kFrameMax : std::min(tune->frame_max, kFrameMax);
    frame_max_ = tune_ok.frame_max;
    LVT_TRY(send(0, tune_ok));
    amqp::ConnectionOpen open;
    open.virtual_host = url.virtual_host;
    Result<amqp::Method> answer = call(0, open);
    if (answer.has_error()) return std::move(answer).error();
    return {};
}

Result<void> ClientConnection::start(const AmqpUrl& url, ByteView connection_name) {
    Result<amqp::Method> method = next_method(0);
    if (method.has_error()) return std::move(method).error();
    const auto* start = std::get_if<amqp::ConnectionStart>(&*method);
    if (!start) return Error{ErrorKind::io, "the server does not begin with connection.start"};
    server_ = fmt::format(
        "{} {}",
        text_of(start->server_properties, "product"),
        text_of(start->server_properties, "version"));
    amqp::Table capabilities;
    capabilities.add_bool("authentication_failure_close", true).add_bool("basic.nack", true);
    amqp::ConnectionStartOk answer;
    answer.client_properties.add_string("product", "leveret bench")
        .add_string("connection_name", connection_name)
        .add_table("capabilities", capabilities);
    answer.mechanism = "PLAIN";
    answer.response = fmt::format("{}{}{}{}", '\0', url.user, '\0', url.password);
    answer.locale = "en_US";
    return send(0, answer);
}

Result<void> ClientConnection::send(ByteView octets, const std::atomic<bool>* abandon) {
    while (!octets.empty()) {
        const Result<std::optional<std::size_t>> sent = send_some(octets);
        if (sent.has_error()) return sent.error();
        if (*sent)
            octets.remove_prefix(**sent);
        else if (abandon && *abandon)
            return Error{ErrorKind::io, "the server does not read any more"};
    }
    return {};
}

Result<std::optional<std::size_t>> ClientConnection::send_some(ByteView octets) {
    if (tls_) return tls_->send(octets);
    const ssize_t sent = ::send(descriptor_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent >= 0) return std::optional(static_cast<std::size_t>(sent));
    const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (!again) return system_error("sending");
    return std::optional<std::size_t>();
}

Result<void> ClientConnection::send(std::uint16_t channel, const amqp::Method& method) {
    Bytes frame;
    amqp::encode_method_frame(frame, channel, method);
    return send(frame);
}

Result<std::size_t> ClientConnection::receive(Wait wait) {
    if (input_.broken()) return Error{ErrorKind::io, "the server does not send AMQP frames"};
    char* const space = input_.space();
    if (tls_) {
        const Result<std::size_t> got =
            tls_->receive(space, input_.space_bytes(), wait == Wait::briefly);
        if (got.has_value()) input_.received(*got);
        return got;
    }
    const int flags = wait == Wait::no ? MSG_DONTWAIT : 0;
    const ssize_t received = ::recv(descriptor_, space, input_.space_bytes(), flags);
    if (received > 0) {
        input_.received(static_cast<std::size_t>(received));
        return static_cast<std::size_t>(received);
    }
    if (received == 0) return Error{ErrorKind::io, "the server closed the socket"};
    const bool nothing = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (nothing) return std::size_t{0};
    return system_error("receiving");
}

Result<amqp::Method> ClientConnection::next_method(std::uint16_t channel) {
    const auto deadline = std::chrono::steady_clock::now() + kAnswerTimeout;
    while (std::chrono::steady_clock::now() < deadline) {
        amqp::Frame frame;
        while (input_.next(frame)) {
            const bool ours = frame.channel == channel || frame.channel == 0;
            if (frame.type != amqp::FrameType::method || !ours) continue;
            amqp::AmqpResult<amqp::Method> method = amqp::decode_method(frame.payload);
            if (method.has_error()) return Error{ErrorKind::io, method.error().text};
            LVT_TRY(error_of(*method));
            const bool delivery = std::holds_alternative<amqp::BasicDeliver>(*method);
            if (frame.channel == channel && !delivery) return std::move(*method);
        }
        Result<std::size_t> received = receive(Wait::briefly);
        if (received.has_error()) return std::move(received).error();
    }
    return Error{ErrorKind::io, "the server does not answer"};
}

Result<amqp::Method> ClientConnection::call(std::uint16_t channel, const amqp::Method& method) {
    LVT_TRY(send(channel, method));
    return next_method(channel);
}

Result<void> ClientConnection::open_channel(std::uint16_t channel) {
    Result<amqp::Method> answer = call(channel, amqp::ChannelOpen{});
    if (answer.has_error()) return std::move(answer).error();
    return {};
}

Result<void> ClientConnection::close() {
    amqp::ConnectionClose close;
    close.reply_code = 200;
    close.reply_text = "done";
    Result<amqp::Method> answer = call(0, close);
    if (answer.has_error()) return std::move(answer).error();
    return {};
}

Error ClientConnection::reason(Error error) {
    while (true) {
        amqp::Frame frame;
        while (input_.next(frame)) {
            if (frame.type != amqp::FrameType::method) continue;
            const amqp::AmqpResult<amqp::Method> method = amqp::decode_method(frame.payload);
            if (method.has_error()) continue;
            if (Result<void> told = error_of(*method); told.has_error()) return told.error();
        }
        const Result<std::size_t> more = receive(Wait::no);
        if (more.has_error() || *more == 0) return error;
    }
}

Result<void> ClientConnection::error_of(const amqp::Method& method) {
    if (const auto* close = std::get_if<amqp::ConnectionClose>(&method)) {
        return Error{
            ErrorKind::io,
            fmt::format("connection closed: {} {}", close->reply_code, close->reply_text)};
    }
    if (const auto* close = std::get_if<amqp::ChannelClose>(&method)) {
        return Error{
            ErrorKind::io,
            fmt::format("channel closed: {} {}", close->reply_code, close->reply_text)};
    }
    return {};
}

}  // namespace lvt::broker::load
