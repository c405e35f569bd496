// Queue: the named thing. Its order is the QueueMachine's; here is what the broker knows beside it.
#pragma once

#include "broker/core/message_stats.h"
#include "broker/core/queue_machine.h"
#include "broker/core/queue_settings.h"
#include "broker/core/seq_set.h"
#include "broker/core/stats_history.h"
#include "broker/core/turn.h"
#include "cluster/raft/types.h"
#include "protocol/amqp/table.h"
#include "storage/durable_store.h"

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace lvt::broker {

class Exchange;
class VirtualHost;
struct SessionState;

/// A channel, named so that one that is gone is not found.
struct ChannelKey {
    LaneIndex lane = 0;
    SessionId session;
    ChannelId channel;
    /// Tells the channel from a later one of the same number.
    std::uint64_t incarnation = 0;
};

/// What a durable queue owes the store and knows of it.
struct QueueDurability {
    /// Persistent messages that are done with; transient ones and holes count as settled too.
    SeqSet settled;
    /// Settled since the last commit that said so.
    std::vector<storage::SeqRun> unwritten;
    /// Counts that changed since then, by seq.
    std::map<storage::Seq, storage::QueueState::Counts> unwritten_counts;
    bool listed_as_dirty = false;

    /// Persistent messages not settled.
    std::uint64_t live_messages = 0;
    std::uint64_t live_bytes = 0;

    /// Persistent messages with smaller seqs can be read from the store.
    storage::Seq stored_end = 1;
    /// The store was told that it may forget what is below.
    storage::Seq reclaimed_end = 1;
    /// (lsn, end): persistent messages below `end` are in commits up to `lsn`. Ascending; some may be merged.
    std::vector<std::pair<storage::Lsn, storage::Seq>> commit_marks;

    /// Design rule 12: before the first hand-out after a start, the journal says that there may be one.
    enum class Delivering : std::uint8_t { no, requested, durable };
    Delivering delivering = Delivering::no;

    // From recovery, for messages that are read from disk later.
    /// Messages below may have been handed out by an earlier process...
    storage::Seq recovered_delivered_end = 0;
    /// ... or, after a clean stop, exactly these were.
    SeqSet recovered_delivered;
    std::map<storage::Seq, storage::QueueState::Counts> counts;
};

/// What an x-delayed-message exchange keeps back: taken out of its queue, in the order in which it is due.
struct DelayedMessages {
    Exchange* exchange = nullptr;
    /// By wall clock (ms) and seq.
    std::map<std::pair<std::uint64_t, storage::Seq>, QueuedMessage> messages;
};

struct Queue {
    /// `gauge`: see QueueMachine. `totals` of its virtual host must outlive it.
    Queue(std::uint64_t& gauge, QueueTotals& totals)
        : machine(gauge, totals.messages_ready), unacked(totals.messages_unacknowledged) {}

    void count_unacked(const Message& message) {
        ++unacked;
        unacked_body_bytes += message.body().size();
    }
    void uncount_unacked(const Message& message) {
        --unacked;
        unacked_body_bytes -= message.body().size();
    }

    storage::QueueUid uid;
    /// The node that has its messages and consumers; 0: the broker belongs to no cluster. Elsewhere the queue is empty, and only its name,
    /// arguments and bindings count.
    cluster::NodeId home;
    VirtualHost* vhost = nullptr;
    Bytes name;
    /// Durable and not exclusive: the queue itself survives a restart.
    bool persistent = false;
    bool durable = false;
    bool auto_delete = false;
    bool exclusive = false;
    amqp::Table arguments;
    /// The merged definition of its policy and operator policy (keys without x-); empty: none.
    amqp::Table policy;
    /// Which ones they are; empty: none.
    Bytes policy_name;
    Bytes operator_policy_name;
    /// Of both; made anew when the policy changes.
    QueueSettings settings;

    /// It has messages that expire, or a limit: see core_expiry.cc.
    bool keeps_house = false;
    /// Its overflow is one of the reject-publish kinds.
    bool refuses_when_full = false;
    /// Monotonic: the last declare, get or consumer; for x-expires.
    Milliseconds last_used{0};
    /// What is armed for it.
    std::optional<Milliseconds> timer_at;

    /// Exclusive queues belong to a connection.
    SessionState* owner = nullptr;
    /// The cluster was asked to delete it.
    bool going = false;
    QueueMachine machine;
    QueueDurability disk;
    /// What clients have in hand: messages, and the octets of their bodies.
    PartialCount unacked;
    std::uint64_t unacked_body_bytes = 0;
    QueueStats stats;
    Sampled sampled;
    bool had_consumer = false;
    bool has_exclusive_consumer = false;
    /// In the list of queues that have something to hand out at the end of the turn.
    bool listed_to_run = false;
    /// A read of its cold messages is under way.
    bool reading = false;
    /// The page that is on its way back.
    std::optional<storage::PageId> loading;
    /// Channels whose basic.get waits for one of these reads.
    std::vector<ChannelKey> waiting_gets;

    /// It is the delay queue of an exchange.
    std::unique_ptr<DelayedMessages> delayed;

    /// Exchanges with a binding to it, one entry a binding.
    std::vector<Exchange*> bound_from;
    /// Which routing saw it last: a queue gets one copy.
    std::uint64_t route_mark = 0;
};

}  // namespace lvt::broker
