// Connection: one AMQP connection of a client, without its socket. Octets in -> commands to the core; effects of the core ->
// octets out. It owns no clock: time comes in.
//
//   header -> starting -> authenticating -> tuning -> awaiting_open -> opening -> running -> closing_... -> lingering -> ended
//
// How it is driven: after any of the on_...() calls come end_of_turn(), then output() to the socket and consume_output(), in turns
// until output() is empty or the socket takes no more. What lies in the command batch then goes to the core.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "broker/core/effect.h"
#include "broker/session/channel_table.h"
#include "broker/session/heartbeat.h"
#include "broker/session/session_context.h"
#include "protocol/amqp/frame_decoder.h"
#include "protocol/base/clock.h"
#include "protocol/base/log_sink.h"

namespace lvt::broker {

/// Who is at the other end.
struct PeerInfo {
    /// "127.0.0.1:53211", for listings and the log.
    Bytes address;
    /// It is the machine's own.
    bool loopback = false;
    /// Our end, for listings.
    Bytes local_address = {};
    /// Null where nothing is encrypted.
    std::shared_ptr<const TlsPeer> tls = nullptr;
    /// Let go of when the client has logged in, or with the connection.
    std::shared_ptr<void> admission = nullptr;
};

/// One lane's thread.
class Connection {
public:
    /// All references must outlive it. It appends to `commands` and never reads what others put there but its last entry.
    Connection(
        SessionId id, const SessionOptions& options, MessagePool& pool, Random& random,
        LogSink& log, CommandBatch& commands, PeerInfo peer, Time now);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    SessionId id() const { return session_.id; }

    /// From the socket, in any pieces. The view is not kept.
    void on_bytes(ByteView input, Time now);
    /// From the core, in order. Effects for other sessions must not come here.
    void on_effect(LaneEffect&& effect, Time now);
    /// Encodes deliveries that wait, up to kOutputAheadBytes, sends confirms, and tells the core how much it may send.
    void end_of_turn(Time now);
    /// When next_deadline() has come; calls that are early do no harm.
    void on_timer(Time now);
    /// The socket is gone: the peer closed it, or it failed. done() follows when the core has let go.
    void on_socket_closed(Time now);

    /// Octets for the socket. Valid until the next call that is not const.
    ByteView output() const { return session_.output.view(); }
    /// That many were taken by the socket.
    void consume_output(std::size_t size, Time now);

    /// False while the socket must not be read: the core is behind, or the client does not read what it asked for.
    bool wants_read();
    /// True where everything has been said and the core holds nothing for it: the socket, if any, may be closed and the
    /// session's slot used again.
    bool done() const;
    /// Monotonic; nothing where no timer is armed.
    std::optional<Milliseconds> next_deadline() const;

    const ConnectionStats& stats() const { return *session_.stats; }
    bool running() const { return state_ == State::running; }

    /// Delivery tags are given to at most about this much that waits for the socket (design rule 3).
    static constexpr std::size_t kOutputAheadBytes = 256 * 1024;
    /// Of answers that the client does not read, before it is not read either.
    static constexpr std::size_t kUnreadAnswersMax = 8 * 1024 * 1024;

private:
    enum class State : std::uint8_t {
        header,          // awaits the protocol header
        starting,        // awaits connection.start-ok
        authenticating,  // awaits LoginDecided
        tuning,          // awaits connection.tune-ok
        awaiting_open,   // awaits connection.open
        opening,         // awaits VhostOpened
        running,
        closing_by_client,  // awaits SessionClosed, answers close-ok then
        closing_by_broker,  // connection.close is sent, awaits close-ok
        lingering,          // close-ok is sent; what still comes is not looked at, the client closes its socket
        delayed,            // says nothing for a while, then ends
        ended,
    };
    /// What the core knows of this session.
    enum class InCore : std::uint8_t { nothing, session, closing };

    // connection.cc: octets and frames.
    void take(ByteView input);
    /// A whole publish or ack at the front of the input. False where the common way must look at it.
    bool take_fast(ByteView& input);
    bool take_fast_publish(ByteView& input);
    bool take_fast_ack(ByteView& input);
    void take_header(ByteView& input);
    void on_frame(const amqp::Frame& frame);
    void on_channel_frame(const amqp::Frame& frame);
    void on_unopened_channel_frame(const amqp::Frame& frame);
    void second_open();
    void open_channel(std::uint16_t number);
    void on_running_method(amqp::Method&& method);
    void on_closing_method(const amqp::Method& method);
    void on_channel_error(Channel& channel, const amqp::AmqpError& error);
    /// While the core decides, what the client pipelines is kept.
    bool holding() const { return state_ == State::authenticating || state_ == State::opening; }
    void resume();

    // connection.cc: ends.
    void fail(const amqp::AmqpError& error);
    void close_by_client();
    void close_in_core();
    void linger();
    void end();
    void end_after(Milliseconds delay);

    // connection_handshake.cc
    void on_handshake_frame(const amqp::Frame& frame);
    void on_handshake_method(amqp::Method&& method);
    /// The mechanisms for this client, with blanks between them.
    Bytes offered_mechanisms() const;
    void on_start_ok(amqp::ConnectionStartOk&& method);
    void on_tune_ok(const amqp::ConnectionTuneOk& method);
    void on_open(amqp::ConnectionOpen&& method);
    void on_login_decided(const LoginDecided& decided);
    void on_vhost_opened();
    void refuse_handshake(const amqp::AmqpError& error);
    void refuse_login(ByteView reason);

    // connection_effects.cc
    void apply(Deliver& deliver);
    void apply(const GotMessage& got);
    void apply(const ReturnMessage& returned);
    void apply(const Confirm& confirm);
    void apply(const Reply& reply);
    void apply(const ChannelFailed& failed);
    void apply(const ChannelClosed& closed);
    void apply(const ConsumerCancelled& cancelled);
    void apply(const SessionFailed& failed);
    void apply(const SessionClosed& closed);
    void apply(const LoginDecided& decided);
    void apply(const VhostOpened& opened);
    void apply(const LimitChannels& limit);
    void apply(const Throttle& throttle);
    void apply(const Blocked& blocked);
    Channel* hearing_channel(ChannelId id) const;
    void flush_confirms();
    void encode_pending();
    void count_answers(std::size_t size_before);
    void count_received(std::size_t bytes);
    void count_sent(std::size_t bytes);
    void note_pending_output();

    void send(const amqp::Method& method) { session_.send(0, method); }
    /// One line that names the peer; control characters of what clients said are replaced.
    void log(LogLevel level, ByteView text);

    SessionContext session_;
    LogSink& log_;
    PeerInfo peer_;
    Milliseconds now_;
    State state_ = State::header;
    InCore in_core_ = InCore::nothing;
    bool socket_gone_ = false;
    bool throttled_ = false;
    bool told_blocked_ = false;

    amqp::ProtocolHeaderDecoder header_decoder_;
    amqp::FrameDecoder decoder_;
    /// The decoder waits for the rest of a frame.
    bool mid_frame_ = false;
    /// What came while the core was deciding.
    Bytes held_;
    /// Of the state: the end of the handshake, of a delay, of the wait for close-ok.
    std::optional<Milliseconds> deadline_;
    Heartbeat heartbeat_;
    /// The output began with a heartbeat and nothing else.
    bool heartbeat_queued_ = false;

    // Kept from the handshake.
    amqp::Table client_properties_;
    Bytes mechanism_;
    std::uint16_t channel_max_ = 0;
    std::uint16_t heartbeat_s_ = 0;
    /// That the client sent and that await their close-ok.
    std::uint32_t closes_ = 0;

    ChannelTable channels_;
    /// Numbers of channels with confirms to send.
    std::vector<std::uint16_t> confirming_channels_;
    /// Answers encoded since the output was last short.
    std::size_t unread_answers_ = 0;
};

}  // namespace lvt::broker
