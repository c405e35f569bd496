// One message between two nodes of a group, as a value and as octets (cluster/PROTOCOL.md draws them).
#pragma once

#include "cluster/raft/log_record.h"

#include <variant>

namespace lvt::cluster {

/// What every message of the engine carries and must arrive as it was sent.
struct EngineWords {
    std::uint8_t version = 0;
    std::uint16_t features = 0;
    std::uint16_t capacity = 0;

    bool operator==(const EngineWords&) const = default;
};

struct AppendEntries {
    LogIndex previous;
    Term previous_term;
    /// Check sum of the sender's log up to `previous`.
    std::uint32_t chain = 0;
    LogIndex commit;
    std::vector<Entry> entries;
    bool operator==(const AppendEntries&) const = default;
};
struct AppendEntriesResult {
    /// 0: accepted.
    LogIndex rejected;
    LogIndex last;
    bool operator==(const AppendEntriesResult&) const = default;
};
struct RequestVote {
    NodeId candidate;
    LogIndex last;
    Term last_term;
    bool disrupt_leader = false;
    bool pre_vote = false;
    bool operator==(const RequestVote&) const = default;
};
struct RequestVoteResult {
    bool granted = false;
    bool pre_vote = false;
    bool operator==(const RequestVoteResult&) const = default;
};
struct InstallSnapshot {
    Snapshot snapshot;
    bool operator==(const InstallSnapshot&) const = default;
};
struct TimeoutNow {
    LogIndex last;
    Term last_term;
    bool operator==(const TimeoutNow&) const = default;
};

struct Message {
    GroupId group;
    NodeId from;
    NodeId to;
    Term term;
    EngineWords words;
    std::variant<
        AppendEntries, AppendEntriesResult, RequestVote, RequestVoteResult, InstallSnapshot,
        TimeoutNow>
        body;

    bool operator==(const Message&) const = default;
};

Bytes encode_message(const Message& message);
/// `corrupt` where the octets are not a message that a sound node could have sent (terms that fall, ids of 0, a damaged
/// configuration, anything left over), `unsupported` where the version is unknown.
Result<Message> decode_message(ByteView bytes);

}  // namespace lvt::cluster
