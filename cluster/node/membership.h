// Membership: who belongs to the cluster, as the metadata group agrees on it. One node's part, without I/O, threads or clock.
//
// The group's configuration says who votes; its commands are the members' names and addresses, and what means nothing here
// (Proposals). The leader lets newcomers in: as standbys, whom it brings up to date
// and makes voters while there are fewer than kVotersMax.
#pragma once

#include "cluster/node/formation_message.h"
#include "cluster/node/proposals.h"
#include "cluster/raft/raft_group.h"
#include "protocol/base/log_sink.h"

#include <functional>
#include <limits>
#include <map>
#include <set>

namespace lvt::cluster {

struct MembershipOutput {
    /// Not empty: to be appended to the group's log; persisted(ticket) once it is durable.
    Bytes record;
    std::uint64_t ticket = 0;
    std::vector<Outgoing> messages;
    /// Answers to admit(), by link.
    std::vector<std::pair<std::uint64_t, JoinAnswer>> answers;
    /// Not null: all proposals up to its index have made this state (state_of()); it replaces what is there.
    std::shared_ptr<const Snapshot> installed;
    /// What the group has agreed on, in order, after that.
    std::vector<std::pair<LogIndex, ProposedCommand>> commands;
    /// The log grows: provide_state() shall answer with what the commands up to this index have made.
    std::optional<LogIndex> wants_state;
    /// Leader or members are not what they were.
    bool changed = false;
    /// This node is a member no more.
    bool removed = false;
    std::vector<std::pair<LogLevel, std::string>> log;
};

/// All calls on one thread. Times are monotonic milliseconds.
class Membership {
public:
    static constexpr std::size_t kVotersMax = 7;
    static constexpr std::uint64_t kGone = std::numeric_limits<std::uint64_t>::max();

    Membership(NodeId self, std::uint32_t seed, LogStore log);

    void start(std::uint64_t now_ms);
    void tick(std::uint64_t now_ms);
    void receive(std::uint64_t now_ms, Message message);
    void persisted(std::uint64_t now_ms, std::uint64_t ticket);
    /// A node asks to become a member.
    void admit(std::uint64_t now_ms, std::uint64_t link, const Peer& peer);
    /// What is known of a node's address: the leader writes it down where it is news.
    void note(std::uint64_t now_ms, const Peer& peer);
    /// A member shall be one no more; to be asked again while the answer is `later`. `by_itself`: it wants that, else it must have fallen
    /// silent. `is_there` tells who answers: a majority of the remaining voters must. A leader that shall go hands over first.
    [[nodiscard]] RemoveStatus remove(
        std::uint64_t now_ms, NodeId id, bool by_itself,
        const std::function<bool(NodeId)>& is_there);
    /// Whether it was a member and is none any more.
    bool is_former(NodeId id) const;
    std::set<NodeId> former() const;

    /// The next record holds all of the group: those before it may go.
    void checkpoint() { group_.checkpoint(); }
    /// Encoded proposals, of this node or another. What is not accepted is dropped.
    void submit(std::uint64_t now_ms, std::vector<Bytes> proposals);
    /// Of the machine that applies them.
    void provide_state(std::uint64_t now_ms, LogIndex index, ByteView state);
    /// That part of a snapshot. `corrupt`.
    [[nodiscard]] static Result<ByteView> state_of(const Snapshot& snapshot);

    MembershipOutput take();
    std::uint64_t deadline_ms() const;
    NodeId leader() const { return group_.leader(); }
    Term term() const { return group_.term(); }
    /// All that the group had agreed on when this node first heard of its leader has been handed out.
    bool caught_up() const { return caught_up_; }
    bool leads() const { return group_.state() == GroupState::leader; }
    std::vector<NodeId> members() const;
    const Configuration& configuration() const { return group_.configuration(); }
    /// As agreed on; former members have none, and kGone starts.
    const std::map<NodeId, Peer>& addresses() const { return addresses_; }

private:
    void apply(const Committed& entry);
    void install(const Snapshot& snapshot);
    /// Lets one newcomer in, or one standby vote: changes come one at a time.
    void lead(std::uint64_t now_ms);
    void answer_joins();
    Bytes encode(ByteView state) const;
    void note_progress();
    void apply_change(const Configuration& next);
    void hand_over(std::uint64_t now_ms, const std::function<bool(NodeId)>& is_there);

    RaftGroup group_;
    const NodeId self_;
    std::uint64_t now_ms_ = 0;
    std::uint64_t next_look_ms_ = 0;
    std::map<NodeId, Peer> addresses_;
    /// Not agreed on yet.
    std::map<NodeId, Peer> news_;
    /// When they were submitted.
    std::map<NodeId, std::uint64_t> submitted_ms_;
    std::map<NodeId, std::uint64_t> asking_;  // link
    /// Configurations are true once committed.
    Configuration committed_;
    LogIndex applied_;
    NodeId last_leader_;
    bool caught_up_ = false;
    /// provide_state() was asked for.
    bool state_wanted_ = false;
    /// Whom to hand over to next, by its place.
    std::size_t heir_ = 0;
    MembershipOutput output_;
};

}  // namespace lvt::cluster
