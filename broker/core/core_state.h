// CoreState: the inside of the Core. Its parts by file:
//
//   core.cc            turns, timers, the doors to the outside
//   core_sessions.cc   connections and channels: login, open, close, what waits
//   core_publish.cc    publish, confirm, return
//   core_alarms.cc     publishers that wait for the end of an alarm, or for the disk
//   core_transaction.cc  tx
//   core_deliver.cc    hand-outs, settles, returns
//   core_paging.cc     what is put out of memory and comes back
//   core_expiry.cc     what queues do by themselves: expiry, limits, timers
//   core_dead_letter.cc  what becomes of messages that a queue gives up
//   core_rewrite.cc    what a publish asks for in its properties: CC, BCC, reply-to
//   core_reply_to.cc   direct reply-to
//   core_trace.cc      the firehose
//   core_basic.cc      consume, cancel, get, qos, recover
//   core_exchanges.cc  exchange.* and bindings
//   core_topology.cc   queue.*, rights
//   core_admin.cc      what administrators ask
//   core_cluster.cc    topology that the nodes of a cluster share
//   core_install.cc    ... and that comes as a whole
//   core_limits.cc     limits of virtual hosts and users, topic permissions
//   core_operate.cc    what operators ask
//   core_stats.cc      what is counted
//   core_peers.cc      the streams to other nodes, and their end
//   core_guests.cc     what other nodes' clients want of queues here
//   core_remote.cc     what clients here want of queues elsewhere
//   core_remote_answers.cc  ... and what comes of it
//   core_remote_publish.cc  publishes to queues elsewhere
//   core_moves.cc      dead letters and delayed messages that go elsewhere
//   core_recovery.cc   what the store tells at start, snapshots, clean stop
#pragma once

#include "broker/core/core.h"
#include "broker/core/core_fields.h"

#include <set>
#include <unordered_map>
#include <variant>

namespace lvt::broker {

using Done = amqp::AmqpResult<void>;

/// [first, end) of a slot.
struct DeliveryRange {
    DeliveryIndex first = 0;
    DeliveryIndex end = 0;
};

class CoreState final : private CoreFields, public storage::RecoveryVisitor {
public:
    CoreState(CoreOptions options, std::size_t lanes, Random& random, LogSink& log);

    // core.cc
    void apply(LaneIndex lane, CommandBatch& batch, Time now);
    void on_durable(storage::Lsn lsn, Time now);
    void on_alarm(AlarmState alarm, Time now);  // core_alarms.cc
    /// Its own.
    AlarmState alarm() const { return own_alarm_; }
    void on_timer(Time now);
    TurnOutput& end_turn(Time now);
    std::optional<Milliseconds> next_deadline() const;
    std::size_t read_bytes_max() const;  // core_deliver.cc
    void begin_stop(Time now);
    bool stopped() const { return stopping_ && stop_ticket_ && commits_.durable(*stop_ticket_); }

    // core_admin.cc
    void administer(AdminId id, AdminRequest& request, Time now);

    // core_cluster.cc
    void set_node(ClusterNode node) { node_ = node; }
    std::optional<cluster::LogStore> take_group_log() {
        return std::exchange(group_log_, std::nullopt);
    }
    void store_group(GroupRecord record, Time now);
    void on_committed(const std::vector<ClusterEntry>& entries, Time now);
    ClusterState cluster_state() const;
    void on_leading(Time now);
    void on_joined(Time now);
    Result<void> on_installed(std::uint64_t index, ByteView state, Time now);  // core_install.cc

    // core_recovery.cc
    Result<void> on_snapshot(storage::StateSnapshot snapshot) override;
    Result<void> on_commit(
        storage::Lsn lsn, ByteView record, const std::map<std::uint64_t, Bytes>& bodies) override;
    Result<void> finish_recovery(storage::Lsn last, Time now);
    void on_want_snapshot();
    void on_retired(storage::Lsn last);  // core_paging.cc

    // core_paging.cc
    void on_read(storage::ColdBatch batch);
    void on_page(storage::Page page, Time now);
    void on_pages_settled(std::uint64_t bytes);

    // core_trace.cc
    bool set_tracing(ByteView vhost, bool on);

    // core_stats.cc
    BrokerReading stats() const;
    ObjectTotals object_totals() const;
    const BrokerStats& counters() const { return stats_; }

    // core_listing.cc
    CoreStatus status() const;
    std::vector<QueueListing> list_queues(ByteView vhost) const;
    const std::vector<std::vector<std::unique_ptr<SessionState>>>& sessions() const {
        return sessions_;
    }
    std::unordered_map<std::uint64_t, std::uint64_t> unconfirmed() const;
    const Topology& topology() const { return topology_; }

    // core_peers.cc
    void on_peer_up(cluster::NodeId id, ByteView name, Time now);
    void on_peer_down(cluster::NodeId id, Time now);
    Result<void> on_peer_batch(cluster::NodeId id, ByteView bytes, Time now);
    void name_peer(cluster::NodeId id, ByteView name);

private:
    // core.cc
    void build_commit();

    // Commands, one overload each. core_sessions.cc, core_publish.cc, core_deliver.cc, core_basic.cc
    void perform(Login& command);
    void perform(OpenVhost& command);
    void perform(OpenChannel& command);
    void perform(CloseChannel& command);
    void perform(CloseSession& command);
    void perform(DeliveriesTaken& command);
    void perform(Publish& command);
    void perform(Settle& command);
    void perform(Consume& command);
    void perform(Cancel& command);
    void perform(Recover& command);
    void perform(Perform& command);

    // core_sessions.cc
    SessionState* find_session(LaneIndex lane, SessionId id);
    ChannelState* find_channel(const ChannelKey& key);
    /// The channel that a command of the current lane is for; null where it is gone or its connection is closing.
    ChannelState* addressed(SessionId session, ChannelId channel);
    ChannelKey key_of(const ChannelState& channel) const;
    /// Keeps the command for later, where its channel waits. True where it did.
    template <class Command>
    bool deferred(ChannelState& channel, Command& command);
    void resume(ChannelState& channel);
    void pause(ChannelState& channel) { channel.waiting = true; }
    void run_deferred(ChannelState& channel);
    void tear_down(ChannelState& channel, const std::vector<SlotProgress>& progress);
    void fail_channel(ChannelState& channel, amqp::AmqpError error);
    void fail(ChannelState& channel, amqp::AmqpError error);
    void drain_deferred(SessionState& session, ChannelId id);
    void finish_channel(const ChannelKey& key);
    void retire_channel(SessionState& session, ChannelId id);
    void finish_session(SessionState& session, Ticket ticket);
    void forget_session(const ChannelKey& key);
    template <class M>
    void reply(ChannelState& channel, M method);
    /// As reply, when all that was collected so far is durable.
    template <class M>
    void reply_when_durable(ChannelState& channel, M method);
    void wait(Waiter waiter);
    void run(Waiter& waiter);
    /// True where any had what it waited for.
    bool run_waiters();
    /// Wall clock, milliseconds since 1970.
    std::uint64_t wall_ms() const { return static_cast<std::uint64_t>(now_.wall.count()); }
    EffectBatch& effects(LaneIndex lane) { return output_.effects[lane]; }

    // core_stats.cc
    /// The connection is one of the virtual host's from here on; leave() ends that.
    void join(SessionState& session, VirtualHost& vhost);
    void leave(SessionState& session);
    /// What a queue hands out; `no_ack` as the consumer or basic.get says.
    static void count_consumed(Queue& queue, ChannelState& channel, bool no_ack, bool redelivered);
    /// It was never sent. `was_redelivered`: it was to be, with that flag.
    static void count_taken_back(Queue& queue, ChannelState& channel, bool was_redelivered);
    static void count_got(Queue& queue, ChannelState& channel, bool no_ack, bool redelivered);
    static void count_reply(ChannelState& channel);
    void count_death(const Queue& queue, DeathReason reason, bool dead_letters);
    static void count_get_empty(Queue& queue, ChannelState& channel);
    static void count_acked(Queue& queue, ChannelState& channel, std::uint64_t count);
    void count_published(const Route& route, ChannelState& channel, const Publish& command);
    static void count_unroutable(ChannelState& channel, bool mandatory);
    static void count_confirmed(ChannelState& channel, std::uint64_t count);
    void take_samples();

    // core_publish.cc
    /// Null where the channel was failed.
    const Route* route(ChannelState& channel, const Message& message);
    void publish(ChannelState& channel, Publish& command);
    /// False where a queue refused it.
    bool publish_to(const Route& route, ChannelState& channel, Publish& command);
    bool offer(Queue& queue, MessagePtr&& message);
    static void keep_for_quorum(const Route& route, Message& message);
    /// True where the message is to become durable there.
    bool enqueue(Queue& queue, MessagePtr&& message);
    void confirm(ChannelState& channel, std::uint64_t seqno, bool when_durable);
    void refuse(ChannelState& channel, std::uint64_t seqno);

    // core_alarms.cc
    void hold_back_if_needed(SessionState& session, bool persistent);
    void release_held_back();
    void block(SessionState& session);
    /// Until the alarm is over.
    void hold_back(ChannelState& channel, Publish& command);
    void nack_held_back();
    void nack_held_back(const ChannelKey& key);
    void refresh_alarm();

    // core_transaction.cc
    void publish_at_commit(ChannelState& channel, Publish& command, const Route& route);
    void commit_transaction(ChannelState& channel);
    void fail_partial_commit(ChannelState& channel);
    /// [0, end) of the slot without what the transaction is to settle; ascending.
    std::vector<DeliveryRange> outside_transaction(
        const ChannelState& channel, ConsumerSlot slot, DeliveryIndex end) const;

    // core_rewrite.cc
    /// Notes the keys of CC and BCC headers, hides BCC, and gives replies their way back. False where the channel was failed.
    bool rewrite(ChannelState& channel, Publish& command);
    /// The routing keys of a message's CC header, and of its hidden BCC header.
    static std::vector<Bytes> copy_keys(const Message& message);
    /// What a client gets of it.
    MessagePtr as_seen(const MessagePtr& message);
    /// By all its keys; null where the channel was failed.
    const Route* route_copies(ChannelState& channel, const Publish& command);

    // core_reply_to.cc
    /// The answers to queue.declare for the pseudo queue and for the names that lead to its consumers; nothing for other names.
    std::optional<Done> declare_reply_name(ChannelState& channel, const amqp::QueueDeclare& method);
    Done consume_replies(ChannelState& channel, const Consume& command);
    void forget_reply_consumer(ChannelState& channel);
    /// The channel whose replies this name stands for, in the same virtual host; null where it is gone.
    ChannelState* find_reply_channel(const VirtualHost& vhost, ByteView name);
    /// Hands the message to the reply consumers that its keys name. False where there are none.
    bool deliver_replies(ChannelState& channel, const Publish& command);
    bool deliver_reply(const VirtualHost& vhost, ByteView name, const MessagePtr& message);

    // core_trace.cc
    void trace_published(const ChannelState& channel, const Message& message, const Route& route);
    void trace_delivered(
        const ChannelState& channel, const Queue& queue, const Message& message, bool redelivered);
    void trace(VirtualHost& vhost, Bytes key, const amqp::Table& headers, ByteView body);

    // core_deliver.cc
    void list_to_run(Queue& queue);
    void run_queues();
    void run_queue(Queue& queue);
    void hand_out(Queue& queue);
    void settle(ChannelState& channel, Settle& command);
    /// The message is done with: acked, discarded, moved.
    void done_with(Queue& queue, const QueuedMessage& entry);
    void settle_on_disk(Queue& queue, storage::Seq seq, const Message& message);
    void give_back(Queue& queue, std::vector<QueuedMessage> entries);
    bool counts_as_failed(const ChannelState& channel, const Unacked& unacked) const;
    /// The channel ends: everything in hand of a slot goes back; what was never encoded was never given.
    void return_all(ChannelState& channel, UnackedList& list, DeliveryIndex encoded);
    /// basic.recover: what the client has in hand goes back.
    void return_range(UnackedList& list, DeliveryRange range);
    template <class Adjust>
    void take_back(UnackedList& list, DeliveryRange range, Adjust&& adjust);
    void release(Credit& credit, std::uint64_t amount);
    void note_backlog(const Queue& queue);
    void warn_of_unacked();
    void open_for_delivery(Queue& queue);
    bool may_hand_out(const Queue& queue) const;
    void arm_slow_start(Consumer& consumer);
    void run_slow_start();

    // core_paging.cc
    void request_page_in(Queue& queue);
    void read_ahead(Queue& queue);
    void arrived_from_disk(Queue& queue);
    void page_out_if_needed();
    template <class Visit>
    void for_each_large_queue(std::uint64_t limit, Visit&& visit);
    void write_pages(std::uint64_t limit);
    void drop_pages(const Queue& queue);
    /// Its messages are done with.
    void settle_page(Queue& queue, const QueuePage& page);
    /// All that the store has of the queue is settled: it may give the space back.
    void reclaim(Queue& queue);

    // core_expiry.cc
    /// Makes Queue::settings anew: it was declared, recovered, or its policy has changed.
    void apply_settings(Queue& queue);
    /// Somebody uses it (x-expires).
    void touch(Queue& queue);
    void arm(Queue& queue, Milliseconds when);
    void run_queue_timers();
    std::optional<Milliseconds> ack_timeout(const Queue& queue) const;
    void take_back_overdue(Queue& queue);
    /// What expired up to then, at the head of each priority.
    void drop_expired_before_turn(Queue& queue);
    /// What was never handed out may stay for `grace_ms` more.
    void drop_expired(Queue& queue, std::uint64_t now_ms, std::uint64_t grace_ms = 0);
    void keep_house(Queue& queue);
    /// reject-publish: there is no room for it, and nobody who would take it at once.
    bool refuses(Queue& queue, const Message& message);

    // core_dead_letter.cc
    /// The queue, which has taken it out, gives it up: dead-letters it where it is to, and settles it.
    void discard(Queue& queue, QueuedMessage entry, DeathReason reason);
    void dead_letter(Queue& queue, const Message& message, DeathReason reason);
    /// Routes a message that the broker itself made of another; null `exchange`: the default one. It goes to the queues that
    /// `accepts(Queue&, const Message&)`.
    template <class Accepts>
    void forward(VirtualHost& vhost, Exchange* exchange, MessagePtr message, Accepts&& accepts);
    MessagePtr with_delivery_count(const QueuedMessage& entry);

    // core_delay.cc: x-delayed-message
    /// Where the exchange is to have one and has none.
    void make_delay_queue(const Exchange& exchange, const Bytes& vhost);
    void forget_delay_queue(const Exchange& exchange);
    /// Routes what is due, and arms for what is not.
    void run_delay_queue(Queue& queue);
    void release_delayed(Queue& queue, const QueuedMessage& entry);

    // core_basic.cc
    void remove_consumer(Consumer& consumer);
    Done basic(ChannelState& channel, const amqp::ChannelFlow& method);
    Done basic(ChannelState& channel, const amqp::AccessRequest& method);
    Done basic(ChannelState& channel, const amqp::ConfirmSelect& method);
    Done basic(ChannelState& channel, const amqp::TxSelect& method);
    Done basic(ChannelState& channel, const amqp::TxCommit& method);
    Done basic(ChannelState& channel, const amqp::TxRollback& method);
    Done basic(ChannelState& channel, const amqp::BasicQos& method);
    Done basic(ChannelState& channel, const amqp::BasicGet& method);
    Done consume(ChannelState& channel, Consume& command);
    void hand_to_get(ChannelState& channel, Queue& queue, bool no_ack);
    void queue_lost_consumer(Queue& queue);

    // core_exchanges.cc
    Done topology(ChannelState& channel, const amqp::ExchangeDeclare& method);
    Done topology(ChannelState& channel, const amqp::ExchangeDelete& method);
    Done topology(ChannelState& channel, const amqp::ExchangeBind& method);
    Done topology(ChannelState& channel, const amqp::ExchangeUnbind& method);
    Done topology(ChannelState& channel, const amqp::QueueBind& method);
    Done topology(ChannelState& channel, const amqp::QueueUnbind& method);
    Done make_exchange(
        ChannelState& channel, const amqp::ExchangeDeclare& method, const Bytes& name);
    /// What forwards messages on its own (a dead-letter or alternate exchange) needs the right to read here and to write there.
    Done check_forwarding(
        const SessionState& session, ByteView kind, ByteView name,
        const std::optional<Bytes>& target) const;
    struct BindingRequest {
        bool bind = true;
        bool to_queue = true;
        Bytes source;
        Bytes destination;
        Bytes routing_key;
        const amqp::Table& arguments;
    };
    Done bind_or_unbind(ChannelState& channel, const BindingRequest& request);
    template <class Ok>
    Done bind_and_answer(ChannelState& channel, const BindingRequest& request, bool no_wait);
    template <class M>
    void reply_to_change(ChannelState& channel, std::uint64_t epoch_before, M method);

    // core_topology.cc
    Done topology(ChannelState& channel, const amqp::QueueDeclare& method);
    Done topology(ChannelState& channel, const amqp::QueuePurge& method);
    Done topology(ChannelState& channel, const amqp::QueueDelete& method);
    amqp::QueueDeclareOk declare_ok(const Queue& queue) const;
    Done make_queue(ChannelState& channel, const amqp::QueueDeclare& method, Bytes name);
    amqp::AmqpResult<Queue*> accessible_queue(ChannelState& channel, ByteView name);
    /// The named or last declared queue, where this connection may use and the user read it: consume, get, purge.
    amqp::AmqpResult<Queue*> readable_queue(ChannelState& channel, ByteView name);
    amqp::AmqpResult<Bytes> resolve_queue_name(ChannelState& channel, ByteView name) const;
    enum class Right { configure, write, read };
    Done check_right(const SessionState& session, Right right, ByteView kind, ByteView name) const;
    /// Applies it, and puts it into the journal where `durable`, or where it is a cluster's. Auto-delete exchanges that it orphans go too.
    void change(const MetadataCommand& command, bool durable);
    /// Or has the cluster delete it.
    void delete_queue(Queue& queue);
    void drop_queue(Queue& queue);
    /// It is about to go: no commit and no timer is to find it.
    void forget(const Queue& queue);
    std::uint64_t purge(Queue& queue);

    // core_admin.cc: one overload for each AdminRequest; each ends in answer() or answer_when_durable()
    void administer(AdminId id, ChangeDefinitions& request);
    void answer(AdminId id, AdminReply reply);
    /// What a cluster's nodes do alike.
    AdminReply define_all(ChangeDefinitions& request);
    /// Carries out a part of ChangeDefinitions that was found sound.
    template <class Command>
    void define(Command& command);
    void define(DeleteVhost& command);
    void define(DeleteUser& command);
    void define(PutLimits& command);
    void define(PutExchange& command);
    void define(DeleteExchange& command);
    void define(PutQueue& command);
    void define(DeleteQueue& command);
    void define(PutBinding& command);
    void define(BeginSeed& command);
    void define(ForgetNode& command);
    void define(BeginRun& command);
    /// connection.close with 320 CONNECTION_FORCED and this reason.
    void force_close(SessionState& session, Bytes reason);
    void apply_changed_policies();
    /// When all that was collected so far is durable.
    void answer_when_durable(AdminId id, AdminReply reply);

    // core_operate.cc
    void administer(AdminId id, PurgeQueue& request);
    void administer(AdminId id, RemoveQueue& request);
    void administer(AdminId id, CloseConnections& request);
    void administer(AdminId id, SetTracing& request);
    /// What its consumers are to have has been handed out. Null: there is none.
    Queue* queue_to_operate(ByteView vhost, ByteView name);

    // core_cluster.cc
    bool clustered() const { return node_.id.value() != 0; }
    /// Its messages are.
    bool is_here(const Queue& queue) const {
        return queue.home.value() == 0 || queue.home == node_.id;
    }
    /// Exclusive queues are locked to all but one connection.
    static bool is_locked(const Queue& queue, const SessionState& session) {
        return queue.exclusive && queue.owner != &session;
    }
    /// Answers the number of the last proposal that it takes.
    std::uint64_t propose(ChangeDefinitions request, Proposal::Action action);
    /// The method under way needs this change: its channel pauses, and when all nodes have it, is given `answer`, or the method is carried
    /// out once more.
    Done wish(
        ChannelState& channel, MetadataCommand command,
        std::unique_ptr<amqp::Method> answer = nullptr);
    void apply_entry(const ClusterEntry& entry);
    void finish(Proposal& proposal, AdminReply outcome);
    void give_answer(Proposal::RunAgain& again);
    void run_again(Proposal::RunAgain& again);
    void settle_proposals();
    void give_up_proposals();
    std::optional<Milliseconds> proposals_deadline() const;
    /// True where the command was put aside until what its connection has proposed is done.
    bool after_proposals(SessionState& session, CloseSession& command);
    void run_closes();
    std::vector<MetadataCommand> default_commands();

#include "broker/core/core_state_remote.inc"

    // core_limits.cc
    /// Open connections of the virtual host, or where it is null of the user.
    std::uint64_t count_sessions(const VirtualHost* vhost, ByteView user) const;
    std::uint64_t count_channels(ByteView user) const;
    Done check_connection_limits(const SessionState& session, const VirtualHost& vhost) const;
    bool channels_limited(const SessionState& session) const;
    Done check_channel_limit(const SessionState& session) const;
    Done check_queue_limit(const VirtualHost& vhost, ByteView name) const;
    /// write: publish with the routing key; read: bind with it. Always granted where the exchange is no topic exchange.
    Done check_topic_right(
        const SessionState& session, Right right, const Exchange& exchange, ByteView key) const;

    // core_recovery.cc
    using Bodies = std::map<std::uint64_t, Bytes>;
    Result<void> recover_entry(storage::Lsn lsn, const storage::MetadataEntry& e, const Bodies&);
    Result<void> recover_entry(storage::Lsn lsn, const storage::MessageEntry& e, const Bodies&);
    Result<void> recover_entry(storage::Lsn lsn, const storage::PieceEntry& e, const Bodies&);
    Result<void> recover_entry(storage::Lsn lsn, const storage::SettledEntry& e, const Bodies&);
    Result<void> recover_entry(storage::Lsn lsn, const storage::FloorEntry& e, const Bodies&);
    Result<void> recover_entry(storage::Lsn lsn, const storage::CountsEntry& e, const Bodies&);
    Result<void> recover_entry(storage::Lsn lsn, const storage::DeliveringEntry& e, const Bodies&);
    Result<void> recover_entry(
        storage::Lsn lsn, const storage::DeliveredAtStopEntry& e, const Bodies&);
    Result<void> recover_entry(storage::Lsn lsn, const storage::GroupEntry& e, const Bodies&);
    void skip_to(Queue& queue, storage::Seq seq);
    void recover_settled(storage::Lsn lsn, Queue& queue, storage::SeqRun run);
    void restore_queue(Queue& queue);
    std::unique_ptr<storage::StateSnapshot> make_snapshot(storage::Lsn as_of) const;
    /// The counts and flags that a message had before the restart.
    void restore_counts(
        const Queue& queue, const storage::MessageHeader& header, QueuedMessage& entry) const;
    void write_clean_stop();
};

}  // namespace lvt::broker

#include "broker/core/core_state_inline.h"
