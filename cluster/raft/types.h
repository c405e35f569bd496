// The words of agreement.
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/strong_id.h"

#include <cstdint>

namespace lvt::cluster {

/// A node for ever: random, kept in its data directory; a node with an empty disk is another one. Never 0.
using NodeId = StrongId<struct NodeIdTag, std::uint64_t>;

/// One replicated log among those that share a journal.
using GroupId = StrongId<struct GroupIdTag, std::uint64_t>;

/// The group of the cluster itself.
inline constexpr GroupId kMetadataGroup{1};

/// Of an election; grows.
using Term = StrongId<struct TermTag, std::uint64_t>;

/// Place of an entry in the log of its group, from 1, without gaps.
using LogIndex = StrongId<struct LogIndexTag, std::uint64_t>;

inline LogIndex next(LogIndex index) { return LogIndex{index.value() + 1}; }

enum class EntryType : std::uint8_t {
    command = 1,  // opaque, for the state machine
    barrier = 2,  // a new leader's first word
    change = 3,   // a Configuration
};

struct Entry {
    Term term;
    EntryType type = EntryType::command;
    Bytes data;

    bool operator==(const Entry&) const = default;
};

enum class Role : std::uint8_t {
    standby = 0,  // has the log, does not count
    voter = 1,
};

/// No entry is larger: a command must be at most this many octets.
inline constexpr std::size_t kEntryBytesMax = 4u << 20;

}  // namespace lvt::cluster
