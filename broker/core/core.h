// Core: the one writer. All exchanges, queues, consumers and unacked lists belong to it (design 2).
//
// A deterministic state machine: commands with the time stamped in -> state and effects. It knows no socket, no file and no
// thread; every method is called from one thread. A turn is one or more of apply() and the on_...() calls, then
// end_turn(), whose output the driver carries out and clears.
#pragma once

#include "broker/core/cluster_entry.h"
#include "broker/core/core_options.h"
#include "broker/core/listing.h"
#include "broker/core/stats_reading.h"
#include "broker/core/turn.h"
#include "cluster/raft/log_store.h"
#include "protocol/base/clock.h"
#include "protocol/base/log_sink.h"
#include "protocol/base/random.h"
#include "protocol/base/result.h"

#include <memory>
#include <optional>
#include <unordered_map>

namespace lvt::broker {

class CoreState;
class Topology;
struct BrokerStats;

class Core {
public:
    /// `random` and `log` must outlive it.
    Core(CoreOptions options, std::size_t lanes, Random& random, LogSink& log);
    ~Core();
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    /// Before recovery, where the broker belongs to a cluster.
    void set_node(ClusterNode node);

    /// For DurableStore::recover(), before anything else, where CoreOptions::durable.
    storage::RecoveryVisitor& recovery();
    /// `last` as recover() answered. Makes the default virtual host and user on a blank start. Also needed without a store.
    Result<void> finish_recovery(storage::Lsn last, Time now);

    /// Consumes the commands; the batch is empty afterwards.
    void apply(LaneIndex lane, CommandBatch& batch, Time now);

    /// Answered once, in TurnOutput::answers: when what it changed is durable. The request is consumed.
    void administer(AdminId id, AdminRequest& request, Time now);

    void on_durable(storage::Lsn lsn, Time now);
    void on_read(storage::ColdBatch batch, Time now);
    void on_page(storage::Page page, Time now);
    void on_pages_settled(std::uint64_t bytes, Time now);
    void on_want_snapshot(storage::Lsn last, Time now);
    void on_retired(storage::Lsn last, Time now);
    void on_alarm(AlarmState alarm, Time now);
    AlarmState alarm() const;

    // Topology that the nodes of a cluster share (core_cluster.cc). TurnOutput::proposals goes to the metadata group.

    /// The group's log as recovered; nothing where the store knows of none. Once.
    std::optional<cluster::LogStore> take_group_log();
    /// Into the next commit; TurnOutput::group_stored tells when it is durable. Tickets ascend.
    void store_group(GroupRecord record, Time now);

    /// What the group has agreed on, in its order; what is in the state already is passed over.
    void on_committed(const std::vector<ClusterEntry>& entries, Time now);
    /// The group's state up to `index` as another node gave it, in place of what is here, unless that is as new. corrupt.
    Result<void> on_installed(std::uint64_t index, ByteView state, Time now);
    /// As cluster_state() of another node gets it.
    ClusterState cluster_state() const;
    /// This node leads the group: it founds the cluster's state where nobody has.
    void on_leading(Time now);
    /// Its state is as new as the cluster's, for the first time: what its last process left behind is cleared away.
    void on_joined(Time now);

    // Queues that live at other nodes (core_peers.cc). TurnOutput::peers goes out on the streams.

    /// A stream to the node begins: nothing of an earlier one comes any more. `name`: "rabbit@h".
    void on_peer_up(cluster::NodeId peer, ByteView name, Time now);
    /// It has ended, and what was on its way may be lost.
    void on_peer_down(cluster::NodeId peer, Time now);
    /// What came on it, one batch. Where it makes no sense, the stream has ended here and must be closed.
    Result<void> on_peer_batch(cluster::NodeId peer, ByteView batch, Time now);
    /// For error texts, before the first stream to it.
    void name_peer(cluster::NodeId peer, ByteView name);

    /// When next_deadline() has come; calls that are early do no harm.
    void on_timer(Time now);

    TurnOutput& end_turn(Time now);

    /// Monotonic; nothing where no timer is armed.
    std::optional<Milliseconds> next_deadline() const;
    /// The most that a lane is to read from a socket at once: less while consumers that ack have a backlog before them, so that a
    /// publisher leaves them their share of the turns (design 2.6). As of the last turn.
    std::size_t read_bytes_max() const;

    /// Ends all sessions with 320 CONNECTION_FORCED and writes what a clean stop leaves. Go on feeding commands and durable events
    /// until stopped().
    void begin_stop(Time now);
    bool stopped() const;

    /// Turns the firehose of a virtual host on or off (trace_on, trace_off). False where there is none of that name.
    bool set_tracing(ByteView vhost, bool on);

    CoreStatus status() const;
    /// message_stats, queue totals and churn of the whole broker. O(virtual hosts).
    BrokerReading stats() const;
    ObjectTotals object_totals() const;
    /// What only metrics show. Until the core is gone.
    const BrokerStats& counters() const;
    /// An empty result where there is no such virtual host.
    std::vector<QueueListing> list_queues(ByteView vhost) const;
    /// By lane and slot; null where none is. Until the next turn.
    const std::vector<std::vector<std::unique_ptr<SessionState>>>& sessions() const;
    /// How many publishes of each channel wait for their confirm, by ChannelState::incarnation.
    std::unordered_map<std::uint64_t, std::uint64_t> unconfirmed() const;
    std::vector<Bytes> list_vhosts() const;
    std::vector<UserListing> list_users() const;
    /// All definitions, for listings of them. Until the next turn.
    const Topology& topology() const;

private:
    std::unique_ptr<CoreState> state_;
};

}  // namespace lvt::broker
