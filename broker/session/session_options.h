// SessionOptions: what a lane tells clients of the broker, and the limits it holds them to.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/amqp/frame.h"
#include "protocol/amqp/table.h"
#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"

namespace lvt::broker {

class BodyBudget;

/// The same for all connections of a listener; must outlive them.
struct SessionOptions {
    // server-properties of connection.start. Clients switch on product and version.
    Bytes product = "RabbitMQ";
    Bytes version = "3.13.7";
    Bytes platform = "Leveret";
    Bytes information = "Licensed under the Apache License 2.0";
    Bytes copyright = "Copyright (c) the Leveret authors";
    Bytes cluster_name = "rabbit@localhost";

    /// Offered in connection.start, in this order; EXTERNAL only where TLS is.
    std::vector<Bytes> mechanisms = {"AMQPLAIN", "PLAIN"};

    /// Offered in connection.tune; the client may ask for less. The channel_max counts open channels, it does not limit their
    /// numbers. 0 = no limit (channel_max, frame_max), no heartbeats (heartbeat_s).
    std::uint16_t channel_max = 2047;
    std::uint32_t frame_max = 131'072;
    std::uint16_t heartbeat_s = 60;
    /// Of frames before connection.tune-ok.
    std::uint32_t initial_frame_max = amqp::kFrameMaxLowest;
    /// Octets of a body; a larger one costs the channel (406).
    std::uint64_t max_message_size = 134'217'728;
    /// Shared by the connections of all lanes; null = no limit.
    BodyBudget* bodies = nullptr;

    /// From the connection's start to connection.open-ok; 0 = no limit.
    Milliseconds handshake_timeout{10'000};
    /// How long a client waits that failed to log in or broke the handshake.
    Milliseconds login_failure_delay{3'000};
    /// How long the broker waits for connection.close-ok.
    Milliseconds close_timeout{30'000};
};

/// The server-properties of connection.start.
amqp::Table server_properties(const SessionOptions& options);

}  // namespace lvt::broker
