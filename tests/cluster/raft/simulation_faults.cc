// What goes wrong in a simulation, and what its clients and operators do.
#include "protocol/base/assert.h"
#include "tests/cluster/raft/simulation.h"

namespace lvt::cluster {
namespace {

using Survival = storage::FaultyFs::Survival;

constexpr std::size_t kMembersAtMost = 5;

}  // namespace

SimulatedNode* Simulation::some(bool up) {
    std::vector<SimulatedNode*> found;
    for (auto& [id, node] : nodes_) {
        if (node->up() == up) found.push_back(node.get());
    }
    return found.empty() ? nullptr : found[random(found.size())];
}

void Simulation::crash(SimulatedNode& node) {
    constexpr Survival kKinds[] = {Survival::everything, Survival::synced, Survival::torn};
    SimulationCounts counts;
    counts.guarded = node.group().guarded();
    counts_.add(counts);
    ++counts_.crashes;
    node.crash(kKinds[random(3)], random_.next());
}

void Simulation::boot(SimulatedNode& node) {
    node.change_seed(static_cast<std::uint32_t>(random_.next()));
    node.boot(now_ms_, chance(50));
    node.tick_at_ms = 0;
    pump(node);
}

void Simulation::snapshot(SimulatedNode& node) {
    const LogIndex index = node.state().index;
    // Entries that were handed out and not yet taken are not in the state.
    if (index <= node.group().log().snapshot_index() || !node.group().log().has(index)) return;
    if (index > node.group().applied()) return;
    node.group().take_snapshot(now_ms_, index, node.state().encode());
    ++counts_.snapshots;
}

void Simulation::cut() {
    cut_.clear();
    const std::uint64_t kind = random(4);
    SimulatedNode* const victim = some(true);
    for (auto& [from, a] : nodes_) {
        for (auto& [to, b] : nodes_) {
            if (from == to) continue;
            bool blocked = false;
            if (kind == 0) blocked = from.value() % 2 != to.value() % 2;
            if (kind == 1) blocked = victim && (from == victim->id() || to == victim->id());
            if (kind == 2) blocked = victim && from == victim->id();
            if (kind == 3) blocked = chance(30);
            if (blocked) cut_.insert({from, to});
        }
    }
}

void Simulation::on_fault() {
    if (calm_) return;
    at(1 + random(2 * fault_ms_), Event::Kind::fault);
    SimulatedNode* const node = some(true);
    switch (random(8)) {
        case 0:
        case 1:
            if (node) crash(*node);
            return;
        case 2:
        case 3:
        case 4:
            if (SimulatedNode* const dead = some(false)) return boot(*dead);
            return cut_.clear();
        case 5:
            return cut();
        case 6:
            if (!node) return;
            if (chance(50)) snapshot(*node);
            if (chance(50)) {
                node->keep_journal_short(true);
                ++counts_.checkpoints;
            }
            return pump(*node);
        default:
            if (SimulatedNode* const from = leader()) {
                const auto& members = from->group().configuration().members();
                const NodeId to = members[random(members.size())].id;
                if (from->group().transfer(now_ms_, to).has_value()) ++counts_.transfers;
                pump(*from);
            }
    }
}

void Simulation::on_client() {
    at(1 + random(2 * submit_ms_), Event::Kind::client);
    SimulatedNode* const node = calm_ || chance(70) ? leader() : some(true);
    if (node == nullptr) return;
    std::vector<Bytes> commands;
    for (std::uint64_t i = 1 + random(chance(90) ? 4 : 40); i > 0; --i)
        commands.push_back(random_.bytes(random(chance(90) ? 100 : 3000)));
    const std::size_t count = commands.size();
    const Result<LogIndex> first = node->group().submit(now_ms_, std::move(commands));
    for (std::size_t i = 0; first.has_value() && i < count; ++i) {
        const LogIndex index{first->value() + i};
        submitted_[{index, node->group().term()}] = node->id();
    }
    pump(*node);
}

void Simulation::on_member() {
    at(5 + random(150), Event::Kind::member);
    SimulatedNode* const lead = leader();
    if (lead == nullptr) return;
    RaftGroup& group = lead->group();
    const auto members = group.configuration().members();
    NodeId standby;
    for (const Member& member : members) {
        if (member.role == Role::standby) standby = member.id;
    }
    if (standby != NodeId{}) {
        if (group.catch_up_of(standby) == CatchUp::finished)
            (void)group.promote(now_ms_, standby);
        else if (chance(80))
            (void)group.catch_up(now_ms_, standby);
        else
            (void)group.remove(now_ms_, standby);
    } else if (!calm_ && members.size() < kMembersAtMost && chance(50)) {
        SimulatedNode& node = add_node();
        boot(node);
        (void)group.add(now_ms_, node.id());
    } else if (!calm_ && members.size() > 1 && chance(50)) {
        (void)group.remove(now_ms_, members[random(members.size())].id);
    }
    pump(*lead);
}

void Simulation::calm() {
    calm_ = true;
    cut_.clear();
    delay_ms_ = std::min<std::uint64_t>(delay_ms_, 5);
    disk_ms_ = std::min<std::uint64_t>(disk_ms_, 5);
    submit_ms_ = 100;
    for (auto& [id, node] : nodes_) {
        if (!node->up()) boot(*node);
    }
}

}  // namespace lvt::cluster
