#include "broker/core/core.h"

#include "broker/core/core_state.h"

namespace lvt::broker {

Core::Core(CoreOptions options, std::size_t lanes, Random& random, LogSink& log)
    : state_(std::make_unique<CoreState>(std::move(options), lanes, random, log)) {}
Core::~Core() = default;

void Core::set_node(ClusterNode node) { state_->set_node(node); }
storage::RecoveryVisitor& Core::recovery() { return *state_; }
Result<void> Core::finish_recovery(storage::Lsn last, Time now) {
    return state_->finish_recovery(last, now);
}
void Core::apply(LaneIndex lane, CommandBatch& batch, Time now) { state_->apply(lane, batch, now); }
void Core::administer(AdminId id, AdminRequest& request, Time now) {
    state_->administer(id, request, now);
}
const Topology& Core::topology() const { return state_->topology(); }
void Core::on_durable(storage::Lsn lsn, Time now) { state_->on_durable(lsn, now); }
void Core::on_read(storage::ColdBatch batch, Time) { state_->on_read(std::move(batch)); }
void Core::on_page(storage::Page page, Time now) { state_->on_page(std::move(page), now); }
void Core::on_pages_settled(std::uint64_t bytes, Time) { state_->on_pages_settled(bytes); }
void Core::on_want_snapshot(storage::Lsn, Time) { state_->on_want_snapshot(); }
std::optional<cluster::LogStore> Core::take_group_log() { return state_->take_group_log(); }
void Core::store_group(GroupRecord record, Time now) {
    state_->store_group(std::move(record), now);
}
void Core::on_retired(storage::Lsn last, Time) { state_->on_retired(last); }
void Core::on_alarm(AlarmState alarm, Time now) { state_->on_alarm(alarm, now); }
void Core::on_committed(const std::vector<ClusterEntry>& entries, Time now) {
    state_->on_committed(entries, now);
}
Result<void> Core::on_installed(std::uint64_t index, ByteView state, Time now) {
    return state_->on_installed(index, state, now);
}
ClusterState Core::cluster_state() const { return state_->cluster_state(); }
void Core::on_leading(Time now) { state_->on_leading(now); }
void Core::on_joined(Time now) { state_->on_joined(now); }
void Core::on_peer_up(cluster::NodeId peer, ByteView name, Time now) {
    state_->on_peer_up(peer, name, now);
}
void Core::on_peer_down(cluster::NodeId peer, Time now) { state_->on_peer_down(peer, now); }
Result<void> Core::on_peer_batch(cluster::NodeId peer, ByteView batch, Time now) {
    return state_->on_peer_batch(peer, batch, now);
}
void Core::name_peer(cluster::NodeId peer, ByteView name) { state_->name_peer(peer, name); }
void Core::on_timer(Time now) { state_->on_timer(now); }
TurnOutput& Core::end_turn(Time now) { return state_->end_turn(now); }
std::optional<Milliseconds> Core::next_deadline() const { return state_->next_deadline(); }
std::size_t Core::read_bytes_max() const { return state_->read_bytes_max(); }
void Core::begin_stop(Time now) { state_->begin_stop(now); }
bool Core::stopped() const { return state_->stopped(); }
bool Core::set_tracing(ByteView vhost, bool on) { return state_->set_tracing(vhost, on); }
BrokerReading Core::stats() const { return state_->stats(); }
ObjectTotals Core::object_totals() const { return state_->object_totals(); }
AlarmState Core::alarm() const { return state_->alarm(); }
const BrokerStats& Core::counters() const { return state_->counters(); }
CoreStatus Core::status() const { return state_->status(); }
std::vector<QueueListing> Core::list_queues(ByteView vhost) const {
    return state_->list_queues(vhost);
}
const std::vector<std::vector<std::unique_ptr<SessionState>>>& Core::sessions() const {
    return state_->sessions();
}
std::unordered_map<std::uint64_t, std::uint64_t> Core::unconfirmed() const {
    return state_->unconfirmed();
}
std::vector<Bytes> Core::list_vhosts() const {
    std::vector<Bytes> out;
    for (const auto& [name, vhost] : state_->topology().vhosts()) out.push_back(name);
    return out;
}
std::vector<UserListing> Core::list_users() const {
    std::vector<UserListing> out;
    for (const auto& [name, user] : state_->topology().users()) out.push_back({name, user.tags});
    return out;
}

CoreState::CoreState(CoreOptions options, std::size_t lanes, Random& random, LogSink& log)
    : CoreFields(std::move(options), lanes, random, log) {}

void CoreState::apply(LaneIndex lane, CommandBatch& batch, Time now) {
    now_ = now;
    if (!turn_began_) turn_began_ = now.wall;
    lane_ = lane;
    sampler_.note_activity(now.monotonic);
    for (LaneCommand& command : batch) {
        std::visit([&](auto& c) { perform(c); }, command);
    }
    batch.clear();
}

void CoreState::on_durable(storage::Lsn lsn, Time now) {
    now_ = now;
    commits_.on_durable(lsn);
    run_waiters();
    if (any_held_back_) release_held_back();
}

void CoreState::on_timer(Time now) {
    now_ = now;
    run_slow_start();
    run_queue_timers();
    nack_held_back();
    give_up_proposals();
    if (sampler_.next() && *sampler_.next() <= now.monotonic) take_samples();
}

/// Every event source ends here. Hand-outs come first: what is settled by them need not be written.
TurnOutput& CoreState::end_turn(Time now) {
    now_ = now;
    if (!awaiting_gone_.empty()) answer_gone();
    do {
        run_queues();
        if (snapshot_wanted_ || commits_.due(now.monotonic, topology_)) build_commit();
    } while (run_waiters() || !to_run_.empty());
    if (commits_.enabled()) page_out_if_needed();
    if (!all_unacked_.parked.empty()) warn_of_unacked();
    if (stopping_ && !stop_ticket_) write_clean_stop();
    failed_channels_.clear();
    turn_began_.reset();
    if (!peers_.empty()) collect_peer_batches();
    return output_;
}

void CoreState::build_commit() {
    const Ticket built = commits_.ticket();
    const storage::Lsn last = commits_.build(output_.store, topology_);
    if (!std::exchange(snapshot_wanted_, false)) return;
    wait({built, {}, Waiter::SnapshotReady{make_snapshot(last)}});
}

std::optional<Milliseconds> CoreState::next_deadline() const {
    std::optional<Milliseconds> deadline = commits_.deadline();
    if (!slow_starts_.empty()) {
        const Milliseconds slow_start = slow_starts_.front().first;
        deadline = deadline ? std::min(*deadline, slow_start) : slow_start;
    }
    if (!queue_timers_.empty()) {
        const Milliseconds queue = queue_timers_.begin()->first;
        deadline = deadline ? std::min(*deadline, queue) : queue;
    }
    if (const auto proposals = proposals_deadline())
        deadline = deadline ? std::min(*deadline, *proposals) : *proposals;
    if (next_nacks_) deadline = deadline ? std::min(*deadline, *next_nacks_) : *next_nacks_;
    if (const auto samples = sampler_.next()) {
        deadline = deadline ? std::min(*deadline, *samples) : *samples;
    }
    return deadline;
}

void CoreState::begin_stop(Time now) {
    now_ = now;
    stopping_ = true;
    for (auto& lane : sessions_) {
        for (auto& session : lane) {
            if (!session || session->closing) continue;
            effects(session->lane)
                .push_back(SessionFailed{
                    session->id,
                    amqp::AmqpError{
                        amqp::ReplyCode::connection_forced,
                        "broker forced connection closure with reason 'shutdown'"}});
        }
    }
    end_guests();
}

}  // namespace lvt::broker
