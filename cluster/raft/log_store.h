// The log of one group: entries, vote and snapshot in memory, and the records that keep them in the journal.
#pragma once

#include "cluster/raft/log_record.h"

#include <deque>
#include <memory>
#include <optional>

namespace lvt::cluster {

/// What changes it also goes into a record; the owner writes the records into the journal in the order of take_record(), and
/// feeds them to replay() after a restart. No I/O. Memory: the entries behind the last snapshot and the trailing ones before it;
/// snapshots keep it bounded.
class LogStore {
public:
    /// Nothing known: a node that will join.
    LogStore() = default;
    /// The first log of a group, with its bootstrap configuration as entry 1 of term 1. The same on all its nodes.
    static LogStore bootstrapped(const Configuration& configuration);

    /// One record of the journal, in order. `corrupt`, `unsupported`.
    Result<void> replay(ByteView record);
    /// After the last record: `corrupt` where the journal does not hold all of the log.
    Result<void> finish_replay() const;

    Term term() const { return term_; }
    NodeId vote() const { return vote_; }
    /// Of the first entry kept; one more than last() where there is none.
    LogIndex first() const { return LogIndex{offset_ + 1}; }
    /// Of the last entry, or of the snapshot; 0 where there is neither.
    LogIndex last() const { return LogIndex{offset_ + entries_.size()}; }
    /// Null where there is none.
    const std::shared_ptr<const Snapshot>& snapshot() const { return snapshot_; }
    /// 0 where there is none.
    LogIndex snapshot_index() const { return snapshot_ ? snapshot_->index : LogIndex{}; }
    bool has(LogIndex index) const { return index >= first() && index <= last(); }
    /// Must be there. Valid until it is truncated or compacted.
    const Entry& at(LogIndex index) const { return slot(index).entry; }
    /// Nothing where it is neither an entry nor the snapshot's last; index 0 has term 0.
    std::optional<Term> term_of(LogIndex index) const;
    /// Check sum of the whole log up to and with `index`; nothing where term_of() has nothing.
    std::optional<std::uint32_t> chain_of(LogIndex index) const;
    /// Data of all entries kept, about.
    std::size_t bytes() const { return bytes_; }
    std::size_t size() const { return entries_.size(); }
    /// The configuration at `index`, which is at or behind the snapshot, and where it stands.
    std::pair<LogIndex, Configuration> configuration_at(LogIndex index) const;

    void set_vote(Term term, NodeId vote);
    /// Entries from `first` on, at most last() + 1; what stood there and behind it goes.
    void write(LogIndex first, std::vector<Entry> entries);
    /// Of an entry that is kept. Forgets entries before it but about `trailing_bytes` of them. Answers how many stay.
    std::size_t take_snapshot(LogIndex index, Bytes state, std::size_t trailing_bytes);
    /// A leader's: replaces everything.
    void install(Snapshot snapshot);
    /// Writes vote, snapshot and what follows it once more, so that the journal may forget the records before.
    void checkpoint();

    /// Anything to be written.
    bool dirty() const { return !record_.empty(); }
    /// What changed since the last call, as octets of a storage::GroupEntry.
    Bytes take_record() { return record_.take(); }

private:
    struct Slot {
        Entry entry;
        std::uint32_t chain = 0;
    };

    const Slot& slot(LogIndex index) const { return entries_[index.value() - offset_ - 1]; }
    Result<void> apply(LogItem item);
    Result<void> apply(SnapshotItem item);
    void append(Entry entry);
    void truncate(LogIndex first);
    void forget_before(LogIndex first);

    Term term_;
    NodeId vote_;
    /// entries_[0] is at offset_ + 1.
    std::uint64_t offset_ = 0;
    std::deque<Slot> entries_;
    /// Of the entry at offset_.
    std::uint32_t offset_chain_ = 0;
    std::size_t bytes_ = 0;
    std::shared_ptr<const Snapshot> snapshot_;
    LogRecordWriter record_;
    /// In replay: the first records were retired, a reset must follow.
    bool incomplete_ = false;
};

}  // namespace lvt::cluster
