// LoadOptions: what `leveret bench` was asked to do.
#pragma once

#include "broker/load/amqp_url.h"

#include <sys/types.h>

#include <cstdint>
#include <variant>

namespace lvt::broker::load {

enum class Declare { none, transient, durable };

struct LoadOptions {
    AmqpUrl url;
    std::uint32_t producers = 1;
    std::uint32_t consumers = 1;
    std::uint32_t queues = 1;
    Bytes queue_prefix = "leveret-bench";
    Declare declare = Declare::transient;
    /// Leave queues and exchange behind.
    bool keep = false;

    /// "" is the default exchange.
    Bytes exchange;
    Bytes exchange_type = "direct";
    /// With an exchange: binds all queues, and every message goes to all of them.
    Bytes routing_key;
    /// Wildcard bindings of a topic exchange; 0 for the other kinds.
    std::uint32_t bindings = 0;

    std::uint32_t body_bytes = 1024;
    bool persistent = false;
    /// Unconfirmed publishes a producer may have; 0 = no confirms.
    std::uint32_t confirm = 0;
    /// 0 = no limit.
    std::uint16_t prefetch = 0;
    /// Ack every N with multiple; 0 = auto-ack.
    std::uint32_t ack_every = 0;
    /// Messages a second of each producer; 0 = as fast as it goes.
    double rate = 0;
    /// Of all producers together; 0 = no limit.
    std::uint64_t messages = 0;
    /// How long producers publish; 0 = no limit.
    double seconds = 0;
    bool drain = false;
    /// A drain ends unfinished when nothing came for this long.
    double drain_timeout_seconds = 10;

    /// The server's process; 0 = not known.
    pid_t server_pid = 0;
    bool json = false;

    /// True where every message goes to every queue.
    bool broadcast() const {
        return !exchange.empty() && (exchange_type == "fanout" || !routing_key.empty());
    }
    bool stamped() const { return body_bytes >= 8; }
    bool checked() const { return body_bytes >= 16; }
};

/// Reads the command line; argv[0] is the verb. Where there is nothing to run (--help, a wrong
/// option) it has printed why and answers the process's exit code.
std::variant<LoadOptions, int> parse_load_options(int argc, const char* const* argv);

}  // namespace lvt::broker::load
