// SessionContext: what a connection and its channels share.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/core/command.h"
#include "broker/session/body_budget.h"
#include "broker/session/confirm_tracker.h"
#include "broker/session/output_buffer.h"
#include "broker/session/pending_deliveries.h"
#include "broker/session/session_options.h"
#include "protocol/amqp/method.h"
#include "protocol/amqp/method_frame.h"
#include "protocol/base/random.h"

namespace lvt::broker {

/// What the client said of itself in connection.start-ok.
struct ClientCapabilities {
    bool consumer_cancel_notify = false;
    bool connection_blocked = false;
    bool authentication_failure_close = false;
};

/// Owned by the connection; one lane's thread.
struct SessionContext {
    SessionId id;
    const SessionOptions& options;
    MessagePool& pool;
    Random& random;
    /// To the core.
    CommandBatch& commands;
    /// To the socket.
    OutputBuffer output;
    PendingDeliveries pending;
    /// Of bodies that have come in part.
    BodyShare bodies{options.bodies};
    std::uint32_t frame_max = amqp::kFrameMaxLowest;
    Bytes user;
    /// Its messages may name another user.
    bool impersonator = false;
    /// The core answers channel.open.
    bool channels_limited = false;
    ClientCapabilities capabilities;
    /// The core reads it too.
    std::shared_ptr<ConnectionStats> stats = std::make_shared<ConnectionStats>();
    /// Memory to work in; empty between two uses.
    std::vector<ConfirmFrame> confirm_frames;

    void send(std::uint16_t channel, const amqp::Method& method) {
        Bytes frame;
        amqp::encode_method_frame(frame, channel, method);
        output.append(frame);
    }
};

}  // namespace lvt::broker
