// PidNames: RabbitMQ's Erlang pids are how rabbitmqctl names connections, channels and queues.
#pragma once

#include "protocol/base/clock.h"

#include <boost/json/string.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lvt::broker {

struct ChannelState;
struct Queue;
struct SessionState;

/// Names processes as RabbitMQ does: <NODE.CREATION.NUMBER.KIND>. `creation` tells this process from earlier ones of the same name.
struct PidNames {
    std::string node;
    std::uint64_t creation = 0;

    /// `started_at`: wall clock.
    static PidNames of_process(std::string node, Milliseconds started_at);

    /// Of a connection or channel, by its number in this process.
    std::string session(std::uint64_t number) const;
    boost::json::string of(const SessionState& session) const;
    boost::json::string of(const ChannelState& channel) const;
    boost::json::string of(const Queue& queue) const;
    /// The session's number; nothing where it is not a pid.
    struct Parsed {
        bool ours = false;  // of this node and process; else nobody is meant
        std::uint64_t number = 0;
    };
    std::optional<Parsed> parse(std::string_view pid) const;
};

}  // namespace lvt::broker
