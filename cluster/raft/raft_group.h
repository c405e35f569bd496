// RaftGroup: one node's part of one replicated log. Events and the time go in, what is to be done comes out; no I/O, no threads, no
// clock. The engine is libraft (engine.h); what it does not guard against is guarded here (cluster/raft/README.md lists it).
#pragma once

#include "cluster/raft/log_store.h"
#include "cluster/raft/message.h"

#include <map>

struct lvt_engine;
struct lvt_update;

namespace lvt::cluster {

/// Of the node in its group.
enum class GroupState { follower, candidate, leader };

enum class CatchUp { none, running, aborted, finished };

/// An entry that every node of the group will apply at the same place.
struct Committed {
    LogIndex index;
    Term term;
    EntryType type = EntryType::command;
    /// Valid until the next call to the group.
    ByteView data;
};

/// An encoded message (message.h). It may get lost, doubled or late.
struct Outgoing {
    NodeId to;
    Bytes bytes;
};

/// What a node has to do after its inputs, in this order.
struct GroupOutput {
    /// Not empty: goes into the journal, behind all earlier ones; persisted(ticket) once it is durable.
    Bytes record;
    std::uint64_t ticket = 0;
    /// To be sent now.
    std::vector<Outgoing> messages;
    /// Not null: it replaces the state machine; `committed` follows it.
    std::shared_ptr<const Snapshot> installed;
    /// To be applied, in order. These are durable here and agreed upon.
    std::vector<Committed> committed;
    /// State, leader or term are not what they were.
    bool state_changed = false;
};

/// All calls on one thread. Times are monotonic milliseconds. A broken invariant, here or in what a peer sends, is an ASSERT.
class RaftGroup {
public:
    struct Options {
        GroupId group;
        NodeId self;
        /// Of the election timer; different on each node.
        std::uint32_t seed = 1;
        unsigned election_timeout_ms = 500;
        unsigned heartbeat_ms = 50;
        /// A snapshot that was sent and not answered is sent again. The engine is not told of a lost one.
        unsigned install_snapshot_timeout_ms = 1000;
        /// On the way to one follower, about.
        std::size_t inflight_bytes_max = 16u << 20;
        /// Entries that a snapshot leaves for followers that are behind.
        std::size_t trailing_bytes = 4u << 20;
        /// Of the log; above it wants_snapshot().
        std::size_t log_bytes_max = 16u << 20;
    };

    /// How often what the engine does not guard against was met.
    struct Guarded {
        std::uint64_t splits = 0;              // a change amid a batch
        std::uint64_t trims = 0;               // entries from before our log
        std::uint64_t early_commits = 0;       // a change that another one proves committed
        std::uint64_t commit_regressions = 0;  // a message that ends before what is committed
        std::uint64_t stale_rejections = 0;    // of what had been accepted later
        std::uint64_t barriers = 0;            // a leader without a word of its own
        std::uint64_t stale_leaders = 0;       // an answer to a leader of an earlier term
        std::uint64_t terms_told = 0;          // a pre-vote from an earlier term
    };

    RaftGroup(Options options, LogStore log);
    ~RaftGroup();
    RaftGroup(const RaftGroup&) = delete;
    RaftGroup& operator=(const RaftGroup&) = delete;

    // Inputs. take() after each, or after several.

    /// First. `applied`: what the state machine holds already; at least the snapshot's index where there is one.
    void start(std::uint64_t now_ms, LogIndex applied);
    void receive(std::uint64_t now_ms, Message message);
    /// All records up to this ticket are durable.
    void persisted(std::uint64_t now_ms, std::uint64_t ticket);
    /// At deadline_ms() or later; harmless before.
    void tick(std::uint64_t now_ms);
    /// Each at most kEntryBytesMax octets; pack much into one. Answers the index of the first. Committed where it comes back with
    /// the same index and term, gone where another one has that index. An error where this node does not lead.
    Result<LogIndex> submit(std::uint64_t now_ms, std::vector<Bytes> commands);
    /// An entry without a command: once it comes back, what was read here since was not stale.
    Result<LogIndex> submit_barrier(std::uint64_t now_ms);
    /// `state` holds everything up to `index`, which was in a GroupOutput; later than the last snapshot's.
    void take_snapshot(std::uint64_t now_ms, LogIndex index, Bytes state);
    /// Writes the group anew: once that is durable, the journal needs no earlier record of it.
    void checkpoint() { log_.checkpoint(); }

    // Membership, on the leader, one change at a time: each answers an error while another is not committed. Done when the
    // change's entry comes back.

    /// As standby. The id must never have been a member before.
    Result<LogIndex> add(std::uint64_t now_ms, NodeId id);
    /// Has the standby brought up to date; catch_up_of() tells.
    Result<void> catch_up(std::uint64_t now_ms, NodeId id);
    /// A standby that has caught up becomes a voter.
    Result<LogIndex> promote(std::uint64_t now_ms, NodeId id);
    /// Not the leader itself: it hands over first.
    Result<LogIndex> remove(std::uint64_t now_ms, NodeId id);
    /// To a voter. Nothing can be submitted until it is over; given up after an election timeout.
    Result<void> transfer(std::uint64_t now_ms, NodeId to);
    CatchUp catch_up_of(NodeId id) const;

    // Output.

    GroupOutput take();
    /// When to call tick(); the maximum where there is nothing to wait for.
    std::uint64_t deadline_ms() const;

    GroupState state() const;
    Term term() const { return log_.term(); }
    /// 0: unknown.
    NodeId leader() const;
    LogIndex commit_index() const;
    LogIndex applied() const { return applied_; }
    bool wants_snapshot() const;
    /// The newest, committed or not.
    const Configuration& configuration() const { return configuration_; }
    const LogStore& log() const { return log_; }
    const Guarded& guarded() const { return guarded_; }

private:
    struct Write {
        std::uint64_t ticket = 0;
        LogIndex first;
        LogIndex last;
    };
    struct Held {
        std::uint64_t after = 0;
        Outgoing message;
    };

    void at(std::uint64_t now_ms);
    /// Takes an update in. `given` is what the step was given, `snapshot` the received one.
    void absorb(const lvt_update& update, std::vector<Entry> given, const Snapshot* snapshot);
    void absorb_entries(const lvt_update& update, std::vector<Entry> given);
    void absorb_messages(const lvt_update& update);
    void note_leader(Term term, NodeId leader);
    void check() const;
    /// Hands out what is committed and stored, and what follows from it.
    void advance();
    /// The engine tells followers of a commit with the next entries or the next heartbeat. Where there is nothing more to send they
    /// learn it at once: clients of theirs wait for it.
    void tell_commit();
    void commit_change(LogIndex index, const Configuration& configuration);
    void finish_install();

    void receive_entries(Message message, AppendEntries body);
    void trim(AppendEntries& body);
    void feed_entries(const Message& message, AppendEntries piece);
    void feed(const Message& message, const Snapshot* snapshot);

    Result<void> can_submit() const;
    Result<void> can_change() const;
    Result<LogIndex> append(EntryType type, std::vector<Bytes> data);
    Result<LogIndex> change(const Configuration& configuration);

    Options options_;
    LogStore log_;
    std::unique_ptr<lvt_engine, void (*)(lvt_engine*)> engine_;
    Configuration configuration_;
    std::uint64_t now_ms_ = 0;
    bool started_ = false;

    LogIndex applied_;
    /// Up to here nothing is handed out: the state machine has it.
    LogIndex known_;
    LogIndex commit_;
    /// Of this leader's followers: the commit that they were told last.
    std::map<NodeId, LogIndex> told_;
    Term told_term_;
    /// As the engine wrote them into its last entries.
    EngineWords append_words_;
    /// While what a leader of an earlier term sent is taken in: the engine's answer has a term and nothing else.
    bool leader_is_stale_ = false;
    Term leader_term_;
    NodeId leader_;

    std::uint64_t next_ticket_ = 1;
    std::uint64_t persisted_ticket_ = 0;
    /// Of the last vote or term written: what tells of it waits for it.
    std::uint64_t vote_ticket_ = 0;
    /// 0: no snapshot is being installed.
    std::uint64_t install_ticket_ = 0;
    std::deque<Write> writes_;
    std::deque<Held> held_;

    std::shared_ptr<const Snapshot> installed_;
    std::vector<Committed> committed_;
    bool state_changed_ = false;
    Guarded guarded_;
};

}  // namespace lvt::cluster
