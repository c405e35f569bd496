// What a group writes into the journal: the octets of a storage::GroupEntry. storage/FORMAT.md draws them; numbers are frozen.
#pragma once

#include "cluster/raft/configuration.h"

#include <span>
#include <variant>

namespace lvt::cluster {

/// A cut of the log: everything up to `index` in the state machine's own words.
struct Snapshot {
    LogIndex index;
    Term term;
    /// Running check sum of the log up to `index`.
    std::uint32_t chain = 0;
    Configuration configuration;
    LogIndex configuration_index;
    Bytes state;

    bool operator==(const Snapshot&) const = default;
};

/// What was known of the group before is void: the rest of it follows.
struct ResetItem {
    bool operator==(const ResetItem&) const = default;
};
struct VoteItem {
    Term term;
    /// 0: none in this term.
    NodeId vote;
    bool operator==(const VoteItem&) const = default;
};
/// Replaces what stood at `first` and behind it.
struct EntriesItem {
    LogIndex first;
    std::vector<Entry> entries;
    bool operator==(const EntriesItem&) const = default;
};
/// The log begins at `log_first` from now on; where `replaces_log`, nothing of it stays.
struct SnapshotItem {
    bool replaces_log = false;
    LogIndex log_first;
    Snapshot snapshot;
    bool operator==(const SnapshotItem&) const = default;
};
using LogItem = std::variant<ResetItem, VoteItem, EntriesItem, SnapshotItem>;

/// Builds one record. Empty until something is put in.
class LogRecordWriter {
public:
    void reset();
    void vote(Term term, NodeId vote);
    void entries(LogIndex first, std::span<const Entry* const> entries);
    void snapshot(bool replaces_log, LogIndex log_first, const Snapshot& snapshot);

    bool empty() const { return bytes_.empty(); }
    /// The record, and a fresh start.
    Bytes take() { return std::exchange(bytes_, {}); }

private:
    void begin(std::uint8_t type);

    Bytes bytes_;
};

/// `corrupt` where the bytes make no sense, `unsupported` where the version is unknown.
Result<std::vector<LogItem>> decode_log_record(ByteView record);

}  // namespace lvt::cluster
