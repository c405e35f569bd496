#include "tests/cluster/raft/simulation.h"

#include "protocol/base/assert.h"

#include <fmt/format.h>

namespace lvt::cluster {
namespace {

constexpr unsigned kElectionMs = 100;
constexpr unsigned kHeartbeatMs = 20;
/// Once the faults have ended, all is well again within this time.
constexpr std::uint64_t kRecoveryMs = 60'000;
const GroupId kGroup{7};

}  // namespace

void SimulationCounts::add(const SimulationCounts& other) {
    messages += other.messages;
    applied += other.applied;
    confirmed += other.confirmed;
    elections += other.elections;
    crashes += other.crashes;
    installs += other.installs;
    snapshots += other.snapshots;
    checkpoints += other.checkpoints;
    changes += other.changes;
    transfers += other.transfers;
    guarded.splits += other.guarded.splits;
    guarded.trims += other.guarded.trims;
    guarded.early_commits += other.guarded.early_commits;
    guarded.commit_regressions += other.guarded.commit_regressions;
    guarded.stale_rejections += other.guarded.stale_rejections;
    guarded.barriers += other.guarded.barriers;
    guarded.stale_leaders += other.guarded.stale_leaders;
    guarded.terms_told += other.guarded.terms_told;
}

std::string SimulationCounts::text() const {
    return fmt::format(
        "{} messages, {} applied, {} confirmed, {} elections, {} crashes, {} installs, {} "
        "snapshots, {} checkpoints, {} changes, "
        "{} transfers; guarded: {} splits, {} trims, {} early commits, {} commit regressions, {} "
        "stale rejections, {} barriers, {} stale leaders, {} terms told",
        messages,
        applied,
        confirmed,
        elections,
        crashes,
        installs,
        snapshots,
        checkpoints,
        changes,
        transfers,
        guarded.splits,
        guarded.trims,
        guarded.early_commits,
        guarded.commit_regressions,
        guarded.stale_rejections,
        guarded.barriers,
        guarded.stale_leaders,
        guarded.terms_told);
}

Simulation::Simulation(SimulationOptions options) : options_(options), random_(options.seed) {
    make_network();
    std::vector<Member> members;
    for (unsigned i = 0; i < options_.nodes; ++i) members.push_back({add_node().id(), Role::voter});
    for (auto& [id, node] : nodes_) {
        node->bootstrap(Configuration(members));
        boot(*node);
    }
}

void Simulation::make_network() {
    loss_ = chance(30) ? 0 : random(20);
    doubled_ = chance(30) ? 0 : random(20);
    late_ = chance(30) ? 0 : random(6);
    delay_ms_ = 1 + random(chance(80) ? 6 : 60);
    disk_ms_ = 1 + random(chance(80) ? 6 : 80);
    submit_ms_ = 2 + random(40);
    fault_ms_ = 20 + random(300);
    log_bytes_ = 1000 + random(30'000);
}

SimulatedNode& Simulation::add_node() {
    const NodeId id{next_id_++ * 0x1000'0001'01ull};
    RaftGroup::Options options;
    options.group = kGroup;
    options.self = id;
    options.seed = static_cast<std::uint32_t>(random_.next());
    options.election_timeout_ms = kElectionMs;
    options.heartbeat_ms = kHeartbeatMs;
    options.install_snapshot_timeout_ms = 2 * kElectionMs;
    options.inflight_bytes_max = 2000 + random(20'000);
    options.trailing_bytes = chance(50) ? 0 : random(log_bytes_);
    options.log_bytes_max = log_bytes_;
    return *(nodes_[id] = std::make_unique<SimulatedNode>(options));
}

void Simulation::at(std::uint64_t delay_ms, Event::Kind kind, NodeId node, Bytes bytes) {
    const auto found = nodes_.find(node);
    const unsigned incarnation = found == nodes_.end() ? 0 : found->second->incarnation();
    events_.push({now_ms_ + delay_ms, order_++, kind, node, incarnation, std::move(bytes)});
}

void Simulation::run() {
    at(submit_ms_, Event::Kind::client);
    at(fault_ms_, Event::Kind::fault);
    if (options_.membership) at(20 + random(200), Event::Kind::member);
    step_until(now_ms_ + options_.chaos_ms, false);
    calm();
    step_until(now_ms_ + kRecoveryMs, true);
    ASSERT(agreed());
    for (auto& [id, node] : nodes_) {
        if (!node->up()) continue;
        const RaftGroup::Guarded& guarded = node->group().guarded();
        SimulationCounts counts;
        counts.guarded = guarded;
        counts_.add(counts);
    }
}

void Simulation::step_until(std::uint64_t end_ms, bool until_agreed) {
    unsigned steps = 0;
    while (!events_.empty() && events_.top().at_ms <= end_ms) {
        Event event = events_.top();
        events_.pop();
        now_ms_ = event.at_ms;
        handle(std::move(event));
        if (until_agreed && ++steps % 64 == 0 && agreed()) return;
    }
    now_ms_ = std::max(now_ms_, end_ms);
}

void Simulation::handle(Event event) {
    switch (event.kind) {
        case Event::Kind::client:
            on_client();
            return;
        case Event::Kind::fault:
            on_fault();
            return;
        case Event::Kind::member:
            on_member();
            return;
        default:
            break;
    }
    SimulatedNode& node = *nodes_.at(event.node);
    if (!node.up()) return;
    if (event.kind == Event::Kind::message) {
        Result<Message> message = decode_message(event.bytes);
        ASSERT(message.has_value());
        node.group().receive(now_ms_, std::move(*message));
    } else if (event.incarnation != node.incarnation()) {
        return;
    } else if (event.kind == Event::Kind::disk) {
        node.group().persisted(now_ms_, node.sync());
    } else {
        node.group().tick(now_ms_);
    }
    pump(node);
}

void Simulation::pump(SimulatedNode& node) {
    node.keep_journal_short(chance(1));
    if (node.group().wants_snapshot()) snapshot(node);
    GroupOutput out = node.group().take();
    if (!out.record.empty()) node.record(std::move(out.record), out.ticket);
    for (Outgoing& message : out.messages) send(node, std::move(message));
    apply(node, out);
    check_leader(node);
    if (node.write()) at(random(disk_ms_), Event::Kind::disk, node.id());
    const std::uint64_t deadline = node.group().deadline_ms();
    const bool waits = node.tick_at_ms > now_ms_ && node.tick_at_ms <= deadline;
    if (waits || deadline > now_ms_ + 10 * kElectionMs) return;
    node.tick_at_ms = std::max(deadline, now_ms_ + 1);
    at(node.tick_at_ms - now_ms_, Event::Kind::tick, node.id());
}

void Simulation::apply(SimulatedNode& node, GroupOutput& out) {
    if (out.installed) {
        ++counts_.installs;
        node.state() = ReplicaState::decode(out.installed->state);
        ASSERT(node.state().index == out.installed->index);
        ASSERT(agreed_.at(out.installed->index).sum == node.state().sum);
    }
    for (const Committed& entry : out.committed) {
        node.state().apply(entry);
        ++counts_.applied;
        const auto [known, first] =
            agreed_.try_emplace(entry.index, Agreed{node.state().sum, entry.term});
        ASSERT(known->second.sum == node.state().sum && known->second.term == entry.term);
        if (entry.type == EntryType::change && first) ++counts_.changes;
        const auto submitted = submitted_.find({entry.index, entry.term});
        if (submitted != submitted_.end() && submitted->second == node.id()) {
            confirmed_ = std::max(confirmed_, entry.index);
            submitted_.erase(submitted);
            ++counts_.confirmed;
        }
    }
}

void Simulation::send(SimulatedNode& from, Outgoing message) {
    ++counts_.messages;
    if (!nodes_.contains(message.to)) return;
    if (cut_.contains({from.id(), message.to})) return;
    const unsigned copies = (!calm_ && chance(loss_) ? 0u : 1u) + (!calm_ && chance(doubled_));
    for (unsigned i = 0; i < copies; ++i) {
        const bool late = !calm_ && chance(late_);
        const std::uint64_t delay = late ? random(options_.chaos_ms) : random(delay_ms_);
        at(delay, Event::Kind::message, message.to, message.bytes);
    }
}

void Simulation::check_leader(SimulatedNode& node) {
    if (node.group().state() != GroupState::leader) return;
    const auto [known, first] = leaders_.try_emplace(node.group().term(), node.id());
    ASSERT(known->second == node.id());
    if (first) ++counts_.elections;
}

bool Simulation::agreed() {
    SimulatedNode* const lead = leader();
    if (lead == nullptr || lead->group().applied() < confirmed_) return false;
    if (lead->group().applied() < lead->group().log().last()) return false;
    for (const Member& member : lead->group().configuration().members()) {
        SimulatedNode& node = *nodes_.at(member.id);
        if (!node.up() || node.state() != lead->state()) return false;
    }
    const Agreed& last = agreed_.at(lead->state().index);
    // Something was agreed upon after the faults had ended.
    return last.sum == lead->state().sum && last.term == lead->group().term();
}

SimulatedNode* Simulation::leader() {
    SimulatedNode* found = nullptr;
    for (auto& [id, node] : nodes_) {
        if (!node->up() || node->group().state() != GroupState::leader) continue;
        if (found == nullptr || found->group().term() < node->group().term()) found = node.get();
    }
    return found;
}

}  // namespace lvt::cluster
