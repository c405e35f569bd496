// Connection: octets, frames, ends. The handshake and the core's effects are in files of their own.
#include "broker/session/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "broker/session/sasl.h"
#include "protocol/amqp/fast_path.h"

namespace lvt::broker {
namespace {

using amqp::AmqpError;
using amqp::Frame;
using amqp::FrameType;
using amqp::ReplyCode;

/// How long a stream that cannot be understood any more is still read, so that the client sees why.
constexpr Milliseconds kLostStreamLinger{1'000};
/// Deliveries given back to the core are told in portions of this.
constexpr std::uint64_t kTakenPortionBytes = kDeliveryWindowBytes / 4;

template <class M>
AmqpError method_error(const M&, ReplyCode code, Bytes text) {
    return AmqpError{code, std::move(text), M::kClassId, M::kMethodId};
}

template <class M>
bool is_method(const Frame& frame) {
    constexpr std::uint32_t kIds = std::uint32_t{M::kClassId} << 16 | M::kMethodId;
    return frame.type == FrameType::method &&
           load_big_endian<std::uint32_t>(frame.payload.data()) == kIds;
}

}  // namespace

Connection::Connection(
    SessionId id, const SessionOptions& options, MessagePool& pool, Random& random, LogSink& log,
    CommandBatch& commands, PeerInfo peer, Time now)
    : session_{id, options, pool, random, commands},
      log_(log),
      peer_(std::move(peer)),
      now_(now.monotonic),
      decoder_(options.initial_frame_max),
      deadline_(
          options.handshake_timeout > Milliseconds(0)
              ? std::optional(now.monotonic + options.handshake_timeout)
              : std::nullopt) {}

// Octets and frames.

void Connection::on_bytes(ByteView input, Time now) {
    now_ = now.monotonic;
    count_received(input.size());
    heartbeat_.on_received(now_);
    const std::size_t size_before = session_.output.size();
    if (holding()) held_.append(input);
    else take(input);
    count_answers(size_before);
}

void Connection::take(ByteView input) {
    while (!input.empty()) {
        if (state_ == State::running && !mid_frame_ && take_fast(input)) continue;
        if (state_ == State::delayed || state_ == State::ended) return;
        if (state_ == State::header) {
            take_header(input);
            continue;
        }
        auto frame = decoder_.next(input);
        if (frame.has_error()) {
            if (state_ < State::running) return refuse_handshake(frame.error());
            if (state_ == State::lingering) return end();
            fail(frame.error());
            if (state_ == State::closing_by_broker) deadline_ = now_ + kLostStreamLinger;
            return;
        }
        mid_frame_ = !*frame || !(*frame)->ended;
        if (!*frame) return;
        on_frame(**frame);
        if (holding()) {
            held_.assign(input);
            return;
        }
    }
}

void Connection::resume() {
    const Bytes held = std::exchange(held_, {});
    if (!held.empty()) take(held);
}

void Connection::take_header(ByteView& input) {
    switch (header_decoder_.next(input)) {
        case amqp::ProtocolHeaderDecoder::Answer::need_more: return;
        case amqp::ProtocolHeaderDecoder::Answer::refused:
            session_.output.append(amqp::kProtocolHeader);
            return end();
        case amqp::ProtocolHeaderDecoder::Answer::accepted: break;
    }
    amqp::ConnectionStart start;
    const bool v0_8 = header_decoder_.asks_for_0_8();
    start.version_major = v0_8 ? 8 : 0;
    start.version_minor = v0_8 ? 0 : 9;
    start.server_properties = server_properties(session_.options);
    start.mechanisms = offered_mechanisms();
    start.locales = "en_US";
    send(start);
    state_ = State::starting;
}

bool Connection::take_fast(ByteView& input) {
    constexpr std::size_t kIdsEnd = amqp::kFrameHeaderBytes + 4;
    constexpr std::uint32_t kBasic = std::uint32_t{amqp::kBasicClassId} << 16;
    if (input.size() < kIdsEnd) return false;
    const auto ids = load_big_endian<std::uint32_t>(input.data() + amqp::kFrameHeaderBytes);
    if (ids == (kBasic | amqp::BasicPublish::kMethodId)) return take_fast_publish(input);
    if (ids == (kBasic | amqp::BasicAck::kMethodId)) return take_fast_ack(input);
    return false;
}

bool Connection::take_fast_publish(ByteView& input) {
    const auto publish = amqp::parse_publish(input, session_.frame_max);
    if (!publish) return false;
    Channel* const channel = channels_.find(publish->channel);
    if (!channel || channel->state() != Channel::State::open || channel->in_content()) return false;
    input.remove_prefix(publish->total_bytes);
    const auto result = channel->on_publish(*publish);
    if (result.has_error()) on_channel_error(*channel, result.error());
    return true;
}

bool Connection::take_fast_ack(ByteView& input) {
    const auto ack = amqp::parse_ack(input);
    if (!ack) return false;
    Channel* const channel = channels_.find(ack->channel);
    if (!channel || channel->state() != Channel::State::open || channel->in_content()) return false;
    input.remove_prefix(ack->total_bytes);
    const auto result = channel->on_ack(ack->delivery_tag, ack->multiple);
    if (result.has_error()) on_channel_error(*channel, result.error());
    return true;
}

void Connection::on_frame(const Frame& frame) {
    if (frame.type == FrameType::heartbeat) return;
    switch (state_) {
        case State::running: break;
        case State::closing_by_client:
            if (frame.channel == 0 && is_method<amqp::ConnectionClose>(frame)) ++closes_;
            return;
        case State::closing_by_broker:
        case State::lingering: {
            if (frame.channel != 0) return;
            const auto method = amqp::decode_method(frame.payload);
            if (method) on_closing_method(*method);
            return;
        }
        default: return on_handshake_frame(frame);
    }
    if (frame.channel != 0) return on_channel_frame(frame);
    auto method = amqp::decode_method(frame.payload);
    if (method.has_error()) return fail(method.error());
    on_running_method(std::move(*method));
}

void Connection::on_channel_frame(const Frame& frame) {
    Channel* const channel = channels_.find(frame.channel);
    if (!channel || channel->state() == Channel::State::closed)
        return on_unopened_channel_frame(frame);
    switch (channel->state()) {
        case Channel::State::open: {
            const auto result = channel->on_frame(frame);
            if (result.has_error()) on_channel_error(*channel, result.error());
            return;
        }
        case Channel::State::closing_by_broker:
            if (channel->openable() && is_method<amqp::ChannelOpen>(frame))
                return open_channel(frame.channel);
            if (is_method<amqp::ChannelOpen>(frame)) return second_open();
            channel->on_frame_while_closing(frame);
            if (channel->forgettable()) channels_.forget(frame.channel);
            return;
        case Channel::State::closing_by_client:
            // Everything else may have been on its way.
            if (is_method<amqp::ChannelOpen>(frame)) second_open();
            return;
        case Channel::State::closed: return;
    }
}

void Connection::second_open() {
    fail(method_error(
        amqp::ChannelOpen{}, ReplyCode::channel_error, "second 'channel.open' seen"));
}

void Connection::on_unopened_channel_frame(const Frame& frame) {
    if (frame.type != FrameType::method) {
        return fail(AmqpError{
            ReplyCode::unexpected_frame, "expected method frame, got non method frame instead"});
    }
    const auto method = amqp::decode_method(frame.payload);
    if (method.has_error()) return fail(method.error());
    if (std::holds_alternative<amqp::ChannelOpen>(*method)) return open_channel(frame.channel);
    std::visit(
        [&](const auto& unexpected) {
            fail(method_error(unexpected, ReplyCode::channel_error, "expected 'channel.open'"));
        },
        *method);
}

void Connection::open_channel(std::uint16_t number) {
    const std::size_t count = channels_.count_open();
    if (channel_max_ != 0 && count >= channel_max_) {
        return fail(AmqpError{
            ReplyCode::not_allowed,
            fmt::format(
                "number of channels opened ({}) has reached the negotiated channel_max ({})",
                count,
                channel_max_)});
    }
    channels_.get(session_, number).open();
}

void Connection::on_running_method(amqp::Method&& method) {
    if (std::holds_alternative<amqp::ConnectionClose>(method)) return close_by_client();
    if (std::holds_alternative<amqp::ConnectionUpdateSecret>(method))
        return send(amqp::ConnectionUpdateSecretOk{});
    std::visit(
        [&](const auto& unexpected) {
            fail(method_error(
                unexpected,
                ReplyCode::channel_error,
                "unexpected method in connection state running"));
        },
        method);
}

void Connection::on_closing_method(const amqp::Method& method) {
    if (std::holds_alternative<amqp::ConnectionClose>(method)) send(amqp::ConnectionCloseOk{});
    else if (std::holds_alternative<amqp::ConnectionCloseOk>(method)) end();
}

void Connection::on_channel_error(Channel& channel, const AmqpError& error) {
    if (error.closes_connection()) return fail(error);
    log(LogLevel::debug,
        fmt::format("channel {} closed: {}", channel.number(), error.reply_text()));
    channel.fail(error, false);
}

// Ends.

void Connection::fail(const AmqpError& error) {
    if (state_ >= State::closing_by_client) return;
    log(LogLevel::warning, "closed: " + error.reply_text());
    flush_confirms();
    close_in_core();
    amqp::ConnectionClose close;
    close.reply_code = static_cast<std::uint16_t>(error.code);
    close.reply_text = error.reply_text();
    close.class_id = error.class_id;
    close.method_id = error.method_id;
    send(close);
    heartbeat_.stop();
    state_ = State::closing_by_broker;
    deadline_ = now_ + session_.options.close_timeout;
}

void Connection::close_by_client() {
    state_ = State::closing_by_client;
    closes_ = 1;
    deadline_.reset();
    if (in_core_ == InCore::session) return close_in_core();
    // Still in the handshake.
    send(amqp::ConnectionCloseOk{});
    end();
}

void Connection::close_in_core() {
    if (in_core_ != InCore::session) return;
    in_core_ = InCore::closing;
    CloseSession command{session_.id, {}};
    channels_.for_each([&](const Channel& channel) { channel.append_progress(command.progress); });
    session_.commands.emplace_back(std::move(command));
    session_.pending.drop_all();
    // With the barrier the client may still be told what was decided before it.
    if (state_ != State::closing_by_client) channels_.clear();
}

void Connection::linger() {
    // A client may have written more behind its close, or close from several threads: a socket closed here would answer that with
    // a reset, which can overtake close-ok.
    session_.pending.drop_all();
    channels_.clear();
    heartbeat_.stop();
    const Milliseconds longest = session_.options.close_timeout;
    const Milliseconds heartbeat = std::chrono::seconds(heartbeat_s_);
    deadline_ = now_ + (heartbeat_s_ > 0 ? std::min(heartbeat, longest) : longest);
    state_ = State::lingering;
}

void Connection::end() {
    close_in_core();
    session_.pending.drop_all();
    channels_.clear();
    heartbeat_.stop();
    deadline_.reset();
    state_ = State::ended;
}

void Connection::end_after(Milliseconds delay) {
    end();
    state_ = State::delayed;
    deadline_ = now_ + delay;
}

void Connection::on_socket_closed(Time now) {
    now_ = now.monotonic;
    socket_gone_ = true;
    end();
    session_.output.clear();
}

void Connection::log(LogLevel level, ByteView text) {
    if (!log_.enabled(level)) return;
    Bytes line = fmt::format("connection {}: {}", peer_.address, text);
    for (char& octet : line)
        if (static_cast<unsigned char>(octet) < ' ' || octet == '\x7f') octet = '?';
    log_.write(level, line);
}

// What the driver asks.

void Connection::count_received(std::size_t bytes) {
    ConnectionStats::add(session_.stats->recv_oct, bytes);
    ConnectionStats::add(session_.stats->recv_cnt, 1);
}

void Connection::count_sent(std::size_t bytes) {
    ConnectionStats::add(session_.stats->send_oct, bytes);
    ConnectionStats::add(session_.stats->send_cnt, 1);
}

void Connection::note_pending_output() {
    session_.stats->send_pend.store(session_.output.size(), std::memory_order_relaxed);
}

void Connection::consume_output(std::size_t size, Time now) {
    if (size == 0) return;
    now_ = now.monotonic;
    count_sent(size);
    // A heartbeat is not what makes the next one needless.
    const bool only_heartbeat = std::exchange(heartbeat_queued_, false) &&
                                session_.output.size() == amqp::kHeartbeatFrame.size();
    if (!only_heartbeat) heartbeat_.on_sent();
    session_.output.consume(size);
    if (session_.output.size() < kOutputAheadBytes) unread_answers_ = 0;
    note_pending_output();
}

bool Connection::wants_read() {
    return state_ != State::ended && !throttled_ && !holding() &&
           unread_answers_ <= kUnreadAnswersMax && session_.bodies.may_read();
}

bool Connection::done() const {
    return state_ == State::ended && session_.output.empty() && in_core_ == InCore::nothing;
}

std::optional<Milliseconds> Connection::next_deadline() const {
    const auto look = heartbeat_.next_look();
    if (!deadline_ || !look) return deadline_ ? deadline_ : look;
    return std::min(*deadline_, *look);
}

void Connection::on_timer(Time now) {
    now_ = now.monotonic;
    if (deadline_ && *deadline_ <= now_) {
        // One that has said nothing at all is a probe.
        if (state_ < State::running && session_.stats->recv_oct > 0)
            log(LogLevel::warning, "handshake timed out");
        session_.output.clear();
        return end();
    }
    const Heartbeat::Verdict verdict = heartbeat_.look(now_, wants_read());
    if (verdict.peer_dead) {
        log(LogLevel::warning,
            fmt::format("missed heartbeats from client, timeout: {}s", heartbeat_s_));
        session_.output.clear();
        return end();
    }
    if (verdict.send && session_.output.empty()) {
        session_.output.append(amqp::kHeartbeatFrame);
        heartbeat_queued_ = true;
    }
}

void Connection::end_of_turn(Time now) {
    now_ = now.monotonic;
    if (session_.bodies.expelled() && state_ == State::running) [[unlikely]] {
        fail(AmqpError{
            ReplyCode::resource_error,
            "low on memory, and the rest of a body does not come while others wait"});
    }
    // Not while the client leaves much unread: then acks wait and merge.
    if (session_.output.size() < 2 * kOutputAheadBytes) flush_confirms();
    encode_pending();
    note_pending_output();
    const std::uint64_t taken = session_.pending.taken_bytes();
    if (taken < kTakenPortionBytes) return;
    session_.pending.reset_taken_bytes();
    if (in_core_ == InCore::session)
        session_.commands.emplace_back(DeliveriesTaken{session_.id, taken});
}

}  // namespace lvt::broker
