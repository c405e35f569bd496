// What the core tells a lane. Everything that one turn of the core produced for a lane is one batch, in order.
#pragma once

#include "broker/core/command.h"
#include "protocol/amqp/amqp_error.h"
#include "protocol/base/boxed.h"

#include <memory>
#include <variant>
#include <vector>

namespace lvt::broker {

/// How many octets of deliveries (Message::charge) may wait un-encoded in a lane for one connection. The core sends no more until
/// DeliveriesTaken gives some back.
inline constexpr std::uint64_t kDeliveryWindowBytes = 512 * 1024;

/// The index of a direct reply, which takes no delivery tag away from what comes after it.
inline constexpr DeliveryIndex kReplyIndex = 1;

/// Hand this message to the consumer. A later one with the same slot has index + 1 (no_ack: index is 0, or kReplyIndex).
struct Deliver {
    SessionId session;
    ChannelId channel;
    bool redelivered = false;
    bool no_ack = false;
    ConsumerSlot slot = 0;
    DeliveryIndex index = 0;
    MessagePtr message;
};

/// Answer to basic.get; goes out at once. Numbered on slot 0 unless no_ack.
struct GotMessage {
    SessionId session;
    ChannelId channel;
    bool redelivered = false;
    bool no_ack = false;
    std::uint32_t message_count = 0;
    DeliveryIndex index = 0;
    MessagePtr message;
};

/// Publishes [first, last] of the channel are confirmed (or refused: `nack`).
struct Confirm {
    SessionId session;
    ChannelId channel;
    bool nack = false;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};

/// basic.return; goes out before the confirm of the same publish.
struct ReturnMessage {
    SessionId session;
    ChannelId channel;
    amqp::ReplyCode code = amqp::ReplyCode::no_route;
    MessagePtr message;
};

/// Send this method. Channel 0 for connection.* methods.
struct Reply {
    SessionId session;
    ChannelId channel;
    std::unique_ptr<amqp::Method> method;
};

/// The channel is gone in the core (its unacked requeued, its consumers cancelled): send channel.close, await close-ok. The lane
/// must not answer with CloseChannel.
struct ChannelFailed {
    SessionId session;
    ChannelId channel;
    Boxed<amqp::AmqpError> error;
};

/// Send connection.close with this error, await close-ok; then CloseSession follows from the lane as always.
struct SessionFailed {
    SessionId session;
    Boxed<amqp::AmqpError> error;
};

struct LoginDecided {
    SessionId session;
    bool accepted = false;
    /// May publish with another's user_id.
    bool impersonator = false;
    /// For the log only, where refused. Lives for ever.
    ByteView reason = {};
};

struct VhostOpened {
    SessionId session;
};

/// `on`: the user may open so many channels only, so the core answers channel.open from now on. Else the lane does again.
struct LimitChannels {
    SessionId session;
    bool on = false;
};

struct ChannelClosed {
    SessionId session;
    ChannelId channel;
};

struct SessionClosed {
    SessionId session;
};

/// The consumer is gone on the server's side (its queue was deleted): basic.cancel to clients that have the capability.
struct ConsumerCancelled {
    SessionId session;
    ChannelId channel;
    ConsumerSlot slot = 0;
};

/// Stop (`on`) or go on reading this connection's socket: the disk is behind, or an alarm is on.
struct Throttle {
    SessionId session;
    bool on = false;
};

/// A resource alarm concerns this publisher: connection.blocked with the reason, or unblocked where it is empty, to clients that have
/// the capability. The reason lives for ever.
struct Blocked {
    SessionId session;
    ByteView reason;
};

using LaneEffect = std::variant<
    Deliver, Confirm, Reply, GotMessage, ReturnMessage, ChannelFailed, SessionFailed, LoginDecided,
    VhostOpened, LimitChannels, ChannelClosed, SessionClosed, ConsumerCancelled, Throttle, Blocked>;

// A delivery fills it: batches are read and written by the million.
static_assert(sizeof(LaneEffect) <= 40);

/// Whom it is for.
inline SessionId session_of(const LaneEffect& effect) {
    if (const auto* const deliver = std::get_if<Deliver>(&effect)) return deliver->session;
    return std::visit([](const auto& one) { return one.session; }, effect);
}

using EffectBatch = std::vector<LaneEffect>;

}  // namespace lvt::broker
