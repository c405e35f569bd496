// A node of the simulation: one group, a journal on a disk that fails, and a state machine that can be compared.
#pragma once

#include "cluster/raft/raft_group.h"
#include "storage/segment_log.h"
#include "tests/storage/faulty_fs.h"

namespace lvt::cluster {

/// Two nodes that applied the same entries have equal ones.
struct ReplicaState {
    LogIndex index;
    std::uint32_t sum = 0;

    void apply(const Committed& entry);
    Bytes encode() const;
    static ReplicaState decode(ByteView bytes);
    bool operator==(const ReplicaState&) const = default;
};

class SimulatedNode {
public:
    explicit SimulatedNode(RaftGroup::Options options) : options_(options) {}

    /// Before the first boot: the bootstrap's record is on the disk.
    void bootstrap(const Configuration& configuration);
    /// From what is on the disk. `keep_state`: the state machine was durable by itself.
    void boot(std::uint64_t now_ms, bool keep_state);
    /// What was not synced survives as `survival` says.
    void crash(storage::FaultyFs::Survival survival, std::uint64_t seed);

    bool up() const { return group_ != nullptr; }
    NodeId id() const { return options_.self; }
    RaftGroup& group() { return *group_; }
    const RaftGroup& group() const { return *group_; }
    ReplicaState& state() { return state_; }
    /// Grows with every boot.
    unsigned incarnation() const { return incarnation_; }

    /// Queues a record for the journal.
    void record(Bytes record, std::uint64_t ticket);
    /// Writes what is queued; true where a sync has to follow.
    bool write();
    /// The highest ticket that is durable now.
    std::uint64_t sync();
    bool writing() const { return !in_flight_.empty(); }
    /// Writes the group anew where the journal has grown too long.
    void keep_journal_short(bool now);
    /// When its next tick comes.
    std::uint64_t tick_at_ms = 0;
    void change_seed(std::uint32_t seed) { options_.seed = seed; }

private:
    struct Ticketed {
        storage::SegmentLog::Commit commit;
        std::uint64_t ticket = 0;
        bool checkpoint = false;
    };

    void open_journal();

    RaftGroup::Options options_;
    storage::FaultyFs fs_;
    std::unique_ptr<storage::SegmentLog> journal_;
    std::unique_ptr<RaftGroup> group_;
    ReplicaState state_;
    unsigned incarnation_ = 0;

    storage::Lsn last_;
    storage::Lsn synced_;
    /// Commits up to it may be gone: a checkpoint behind them is durable.
    storage::Lsn retired_;
    bool checkpoint_next_ = false;
    std::vector<Ticketed> queued_;
    std::vector<Ticketed> in_flight_;
};

}  // namespace lvt::cluster
