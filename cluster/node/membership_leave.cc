// Members that go.
#include "cluster/node/membership.h"
#include "protocol/base/assert.h"

#include <fmt/format.h>

namespace lvt::cluster {
namespace {

/// Former members that are remembered, so that who comes back late is told.
constexpr std::size_t kFormerMax = 4096;

}  // namespace

bool Membership::is_former(NodeId id) const {
    const auto known = addresses_.find(id);
    return known != addresses_.end() && known->second.starts == kGone;
}

std::set<NodeId> Membership::former() const {
    std::set<NodeId> out;
    for (const auto& [id, peer] : addresses_)
        if (peer.starts == kGone) out.insert(id);
    return out;
}

/// Which is committed: the same at the same place on every node.
void Membership::apply_change(const Configuration& next) {
    const Configuration before = std::exchange(committed_, next);
    for (const Member& one : next.members())
        if (before.role_of(one.id) != one.role)
            output_.log.emplace_back(
                LogLevel::info,
                fmt::format(
                    "node {} is {} of the cluster",
                    to_text(one.id),
                    one.role == Role::voter ? "a voter" : "a standby"));
    for (const Member& one : before.members()) {
        if (next.role_of(one.id)) continue;
        // In the place of its address, so that it is in every snapshot, and no older address comes back.
        Peer& gone = addresses_[one.id];
        output_.log.emplace_back(
            LogLevel::info,
            fmt::format("node {} ({}) is a member no more", to_text(one.id), gone.name));
        gone = Peer{one.id, {}, {}, 0, kGone};
        news_.erase(one.id);
        if (one.id == self_) output_.removed = true;
    }
    const std::set<NodeId> gone = former();
    if (gone.size() > kFormerMax) addresses_.erase(*gone.begin());
    output_.changed = true;
    answer_joins();
}

RemoveStatus Membership::remove(
    std::uint64_t now_ms, NodeId id, bool by_itself, const std::function<bool(NodeId)>& is_there) {
    now_ms_ = now_ms;
    if (is_former(id)) return RemoveStatus::done;
    if (!committed_.role_of(id))
        return group_.configuration().role_of(id) ? RemoveStatus::later : RemoveStatus::unknown;
    if (!leads()) return leader().value() != 0 ? RemoveStatus::not_leader : RemoveStatus::later;
    if (!by_itself && (id == self_ || is_there(id))) return RemoveStatus::running;
    std::size_t voters = 0;
    std::size_t there = 0;
    for (const Member& one : committed_.members()) {
        if (one.id == id || one.role != Role::voter) continue;
        ++voters;
        if (one.id == self_ || is_there(one.id)) ++there;
    }
    if (there < voters / 2 + 1) return RemoveStatus::minority;
    if (id == self_)
        hand_over(now_ms, is_there);
    else
        // What is refused now, since another change is under way, is tried with the next question.
        (void)group_.remove(now_ms, id);
    return RemoveStatus::later;
}

/// To each voter that answers in turn: one that does not take it is given up by the group after an election timeout.
void Membership::hand_over(std::uint64_t now_ms, const std::function<bool(NodeId)>& is_there) {
    const std::vector<Member>& all = committed_.members();
    for (std::size_t i = 0; i < all.size(); ++i) {
        const Member& heir = all[(heir_ + i) % all.size()];
        if (heir.role != Role::voter || heir.id == self_ || !is_there(heir.id)) continue;
        if (group_.transfer(now_ms, heir.id).has_value()) heir_ += i + 1;
        return;
    }
}

}  // namespace lvt::cluster
