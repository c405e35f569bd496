// Who belongs to the group: one change at a time.
#include "cluster/raft/engine.h"
#include "cluster/raft/raft_group.h"

namespace lvt::cluster {
namespace {

Error refused(const char* why) { return Error{ErrorKind::invalid, why}; }

}  // namespace

Result<void> RaftGroup::can_change() const {
    LVT_TRY(can_submit());
    if (lvt_engine_uncommitted_change(engine_.get()) != 0 || lvt_engine_catching_up(engine_.get()))
        return refused("another change of the group's members is under way");
    // Without a committed entry of its own term a leader might not know of a change that a predecessor began elsewhere.
    const std::optional<Term> committed = log_.term_of(commit_index());
    if (configuration_.voters() > 1 && committed != log_.term())
        return refused("this node leads the group since a moment only");
    return {};
}

Result<LogIndex> RaftGroup::change(const Configuration& configuration) {
    Result<LogIndex> index = append(EntryType::change, {configuration.encode()});
    advance();
    return index;
}

Result<LogIndex> RaftGroup::add(std::uint64_t now_ms, NodeId id) {
    at(now_ms);
    LVT_TRY(can_change());
    if (configuration_.role_of(id)) return refused("the node is a member of the group already");
    if (configuration_.members().size() == kMembersMax) return refused("the group is full");
    return change(configuration_.with(id));
}

Result<void> RaftGroup::catch_up(std::uint64_t now_ms, NodeId id) {
    at(now_ms);
    LVT_TRY(can_change());
    // The engine takes any id, and any state, and would write into foreign memory.
    if (configuration_.role_of(id) != Role::standby)
        return refused("the node is no standby of the group");
    lvt_update update;
    lvt_engine_catch_up(engine_.get(), now_ms_, id.value(), &update);
    absorb(update, {}, nullptr);
    advance();
    return {};
}

Result<LogIndex> RaftGroup::promote(std::uint64_t now_ms, NodeId id) {
    at(now_ms);
    LVT_TRY(can_change());
    if (configuration_.role_of(id) != Role::standby)
        return refused("the node is no standby of the group");
    if (catch_up_of(id) != CatchUp::finished) return refused("the standby has not caught up");
    return change(configuration_.with_role(id, Role::voter));
}

Result<LogIndex> RaftGroup::remove(std::uint64_t now_ms, NodeId id) {
    at(now_ms);
    LVT_TRY(can_change());
    if (!configuration_.role_of(id)) return refused("the node is no member of the group");
    // Alone with a change that removes it, a leader that restarts could neither lead nor let anybody else.
    if (id == options_.self)
        return refused("a leader cannot remove itself: it has to hand over first");
    return change(configuration_.without(id));
}

Result<void> RaftGroup::transfer(std::uint64_t now_ms, NodeId to) {
    at(now_ms);
    LVT_TRY(can_submit());
    if (configuration_.role_of(to) != Role::voter || to == options_.self)
        return refused("leadership can be handed to another voter only");
    lvt_update update;
    lvt_engine_transfer(engine_.get(), now_ms_, to.value(), &update);
    absorb(update, {}, nullptr);
    advance();
    return {};
}

CatchUp RaftGroup::catch_up_of(NodeId id) const {
    switch (lvt_engine_catch_up_status(engine_.get(), id.value())) {
        case LVT_CATCH_UP_RUNNING:
            return CatchUp::running;
        case LVT_CATCH_UP_ABORTED:
            return CatchUp::aborted;
        case LVT_CATCH_UP_FINISHED:
            return CatchUp::finished;
        default:
            return CatchUp::none;
    }
}

}  // namespace lvt::cluster
