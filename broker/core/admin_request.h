// What an administrator asks of the core (leveret ctl, later the management API), and what comes of it.
//
// A request is a command of its own kind beside the lanes' ones: Core::administer takes it in a turn, and its answer is part of a
// turn's output: of the same one where nothing has to be written, else of the one in which what it changed is durable.
#pragma once

#include "broker/core/metadata_command.h"

#include <cstdint>
#include <variant>
#include <vector>

namespace lvt::broker {

/// Chosen by whoever asks; its answer carries it.
using AdminId = StrongId<struct AdminIdTag, std::uint64_t>;

/// Users, virtual hosts, permissions, policies, limits, and topology as definitions name it: all of it or, where one command is refused,
/// nothing. What is deleted goes with all that hangs on it, connections included. A PutQueue needs no uid.
struct ChangeDefinitions {
    enum class Require : std::uint8_t {
        nothing,  // a put creates or changes; what is deleted may be missing
        absent,   // refused as `exists` where what is put exists
        present,  // refused as not_found where what is put or deleted does not exist
    };
    std::vector<MetadataCommand> commands;
    Require require = Require::nothing;
};

/// Drops what is ready; `count` of it. not_found.
struct PurgeQueue {
    Bytes vhost;
    Bytes queue;
};

/// `count`: messages that were ready. not_found, not_empty, in_use; exclusive queues too.
struct RemoveQueue {
    Bytes vhost;
    Bytes queue;
    bool if_empty = false;
    bool if_unused = false;
};

/// These connections end with 320 CONNECTION_FORCED; `count` of them. Those that are not there any more are left out.
struct CloseConnections {
    /// SessionState::number.
    std::vector<std::uint64_t> numbers;
    /// All of them, whatever their numbers.
    bool all = false;
    Bytes reason;
};

/// The firehose of a virtual host; one that does not exist has none. Not kept over a restart.
struct SetTracing {
    Bytes vhost;
    bool on = false;
};

/// One alternative for each kind of request; CoreState::administer has an overload for each.
using AdminRequest =
    std::variant<ChangeDefinitions, PurgeQueue, RemoveQueue, CloseConnections, SetTracing>;

enum class AdminOutcome : std::uint8_t {
    done,
    no_such_user,
    no_such_vhost,
    not_found,
    exists,
    invalid,
    in_use,
    not_empty,
    unavailable,  // the cluster has no majority; it may still come about
};

struct AdminReply {
    AdminOutcome outcome = AdminOutcome::done;
    /// What was missing, in the way or wrong; for a human being where `outcome` is invalid, else its name.
    Bytes text;
    /// How many were concerned, where the request is about many (messages purged, connections closed).
    std::uint64_t count = 0;
};

struct AdminAnswer {
    AdminId id;
    AdminReply reply;
};

}  // namespace lvt::broker
