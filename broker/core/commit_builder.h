// CommitBuilder: collects what has to become durable and makes commits of it (design 3 and 4).
//
// While one commit is being synced the next one grows here, so whatever arrives during a sync shares the next one. A message that is settled
// before its commit is made is not written at all.
#pragma once

#include "broker/core/metadata_command.h"
#include "broker/core/queue.h"
#include "broker/core/topology.h"
#include "broker/core/turn.h"
#include "protocol/base/clock.h"
#include "storage/record.h"

#include <deque>
#include <optional>
#include <vector>

namespace lvt::broker {

/// What is collected until the next build() shares one ticket; it is durable when the ticket is.
using Ticket = StrongId<struct TicketTag, std::uint64_t>;

class CommitBuilder {
public:
    /// `enabled` false: in memory only; every ticket is durable at once and nothing is ever built.
    explicit CommitBuilder(bool enabled) : enabled_(enabled) {}

    bool enabled() const { return enabled_; }
    /// After recovery: the last commit there is.
    void set_last(storage::Lsn last) { last_ = durable_lsn_ = last; }

    /// The ticket of what is added now.
    Ticket ticket() const { return ticket_; }
    bool durable(Ticket ticket) const { return !enabled_ || ticket <= durable_ticket_; }
    storage::Lsn durable_lsn() const { return durable_lsn_; }

    /// A new message, and where it stands. Where nobody waits for it, it is written at `deadline`: by then it may be settled, which
    /// saves the disk the work. Deadlines only grow.
    void add_message(
        const MessagePtr& message, const std::vector<storage::Target>& targets,
        Milliseconds deadline);
    /// A message that gets another place in its queue; its counts go along.
    void add_moved(const QueuedMessage& entry, storage::QueueUid queue, Milliseconds deadline);
    void add_metadata(const MetadataCommand& command);
    void add_group(cluster::GroupId group, ByteView record) {
        record_.group(group.value(), record);
    }
    void add_delivering(storage::QueueUid queue) { record_.delivering(queue); }
    void add_delivered_at_stop(storage::QueueUid queue, const std::vector<storage::SeqRun>& runs) {
        record_.delivered_at_stop(queue, runs);
    }
    /// The queue has settled runs or counts that are not written; they go with the next commit, or at `deadline`.
    void add_dirty(Queue& queue, Milliseconds deadline);
    /// It is about to be destroyed.
    void forget(const Queue& queue) { std::erase(dirty_, &queue); }

    /// Something waits for the next commit: settled runs alone are worth it too.
    void request() { requested_ = true; }
    /// A commit should be made now: there is something, and no commit is under way or a lot has come together. Where only the age of
    /// the oldest messages speaks for it, those that are settled are forgotten first: then it may be nothing yet.
    bool due(Milliseconds now, const Topology& topology);
    /// When due() is to be asked again at the latest. Nothing while a commit is under way: it follows it.
    std::optional<Milliseconds> deadline() const;
    /// Makes commits of all there is and begins a new ticket. Answers the last commit of the old one.
    storage::Lsn build(std::vector<StoreRequest>& out, const Topology& topology);

    void on_durable(storage::Lsn lsn);
    /// Collected or handed over, and not durable.
    std::uint64_t unsynced_bytes() const { return collected_bytes_ + in_flight_bytes_; }

    std::uint64_t metadata_version() const { return metadata_version_; }
    void set_metadata_version(std::uint64_t version) { metadata_version_ = version; }

private:
    struct Pending {
        MessagePtr message;
        Milliseconds deadline{0};
        std::uint32_t first_target = 0;
        std::uint32_t target_count = 0;
        std::uint32_t delivery_count = 0;
        std::uint32_t return_count = 0;
        std::uint64_t body_id = 0;
    };
    struct InFlight {
        Ticket ticket;
        storage::Lsn last;
        std::uint64_t bytes = 0;
    };

    bool has_much() const;
    /// From the front on, up to the first message that must be written.
    void forget_settled(const Topology& topology);
    void write_dirty_queues();
    /// Those of its targets that are not settled, in live_targets_.
    bool find_live_targets(const Pending& pending, const Topology& topology);
    void write_message(const Pending& pending, const Topology& topology);
    void write_pieces(Pending& pending, std::vector<StoreRequest>& out);
    void emit(storage::RecordWriter& record, std::vector<StoreRequest>& out);

    bool enabled_;
    Ticket ticket_{1};
    Ticket durable_ticket_{0};
    storage::Lsn last_{0};
    storage::Lsn durable_lsn_{0};

    storage::RecordWriter record_;
    std::vector<Pending> pending_;
    std::vector<storage::Target> targets_;
    std::vector<storage::Target> live_targets_;  // reused
    std::vector<Queue*> dirty_;
    std::optional<Milliseconds> dirty_deadline_;
    bool requested_ = false;
    std::uint64_t metadata_version_ = 0;
    std::uint64_t collected_bytes_ = 0;

    std::deque<InFlight> in_flight_;
    std::uint64_t in_flight_bytes_ = 0;
};

}  // namespace lvt::broker
