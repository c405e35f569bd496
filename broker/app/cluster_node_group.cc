// The node's part in the metadata group: what the group wants done, its log in the journal, and the proposals of the core.
#include "broker/app/cluster_node.h"

namespace lvt::broker {
namespace {

/// Of the record that says that a node knows of no log; those of the group follow.
constexpr std::uint64_t kFirstTicket = 0;
/// How long clients wait for streams to members that answer.
constexpr std::uint64_t kStreamPatienceMs = 3000;

}  // namespace

Result<void> ClusterServer::Node::restore(std::optional<cluster::LogStore> log) {
    has_log_ = log.has_value();
    group_log_ = std::move(log).value_or(cluster::LogStore());
    if (!has_log_ && formation_->state().cluster)
        return Error{
            ErrorKind::corrupt,
            fmt::format(
                "{}: the cluster's log is gone, by which this node may have voted: without all of "
                "its data directory it joins as a new one",
                config_.data_dir.string())};
    return group_log_.finish_replay();
}

/// The node belongs to a cluster: founders begin with the charter's configuration, who joined with nothing.
void ClusterServer::Node::make_membership() {
    const cluster::NodeState& state = formation_->state();
    cluster::LogStore log = std::exchange(group_log_, {});
    const bool blank = log.term() == cluster::Term{} && log.last() == cluster::LogIndex{};
    if (blank && state.cluster->has_founder(state.id)) {
        std::vector<cluster::Member> members;
        for (const cluster::Peer& one : state.cluster->founders)
            members.push_back({one.id, cluster::Role::voter});
        log = cluster::LogStore::bootstrapped(cluster::Configuration(std::move(members)));
    }
    membership_ = std::make_unique<cluster::Membership>(
        state.id, static_cast<std::uint32_t>(random_.next()), std::move(log));
    membership_->start(now_ms());
    membership_->note(now_ms(), formation_->self());
}

void ClusterServer::Node::propose(std::vector<ProposalRequest> proposals) {
    // What a loop takes must be copyable.
    auto shared = std::make_shared<std::vector<ProposalRequest>>(std::move(proposals));
    loop_.post([this, shared] {
        for (ProposalRequest& one : *shared) proposals_->add(one.number, std::move(one.command));
        serve();
    });
}

void ClusterServer::Node::provide_state(std::uint64_t index, Bytes state) {
    loop_.post([this, index, state = std::move(state)] {
        if (membership_) membership_->provide_state(now_ms(), cluster::LogIndex{index}, state);
        serve();
    });
}

/// The node knows of no log.
void ClusterServer::Node::write_blank_log(bool checkpoint) {
    cluster::LogRecordWriter record;
    record.reset();
    hooks_.store({cluster::kMetadataGroup, kFirstTicket, record.take(), checkpoint});
}

void ClusterServer::Node::stored(std::uint64_t ticket) {
    has_log_ = true;
    if (membership_ && ticket > kFirstTicket) membership_->persisted(now_ms(), ticket);
    serve();
}

void ClusterServer::Node::checkpoint() {
    const bool member = formation_->state().cluster && !removed_;
    if (!member) return write_blank_log(true);
    checkpoint_wanted_ = true;
    serve();
}

bool ClusterServer::Node::serve_membership() {
    const bool checkpoint = std::exchange(checkpoint_wanted_, false);
    if (checkpoint) membership_->checkpoint();
    cluster::MembershipOutput out = membership_->take();
    for (const auto& [level, line] : out.log) log_.log(level, "cluster: {}", line);
    if (!out.record.empty())
        hooks_.store({cluster::kMetadataGroup, out.ticket, std::move(out.record), checkpoint});
    for (cluster::Outgoing& one : out.messages)
        send(one.to, cluster::FrameType::group, std::move(one.bytes));
    hand_over(out);
    if (failed_) return false;
    if (out.changed) {
        formation_->set_former(membership_->former());
        formation_->set_cluster(membership_->leader(), membership_->members());
        if (out.removed) formation_->leave();
        for (const auto& [id, peer] : membership_->addresses()) formation_->learn(peer);
        publish_status();
    }
    for (auto& [link, answer] : out.answers) formation_->answer_join(link, std::move(answer));
    return !out.messages.empty() || !out.answers.empty() || out.changed;
}

void ClusterServer::Node::hand_over(cluster::MembershipOutput& out) {
    if (out.installed) {
        const auto state = cluster::Membership::state_of(*out.installed);
        if (state.has_error()) return fail(state.error());
        if (!state->empty()) hooks_.on_installed(out.installed->index.value(), Bytes(*state));
    }
    std::vector<ClusterEntry> entries;
    for (auto& [index, one] : out.commands) {
        proposals_->committed(one);
        entries.push_back(
            {index.value(), one.origin, one.starts, one.number, std::move(one.command)});
    }
    if (!entries.empty()) hooks_.on_committed(std::move(entries));
    if (out.wants_state) hooks_.on_want_state(out.wants_state->value());
    const bool led = std::exchange(leading_, membership_->leads());
    if (leading_ && (!led || out.changed)) hooks_.on_leading(membership_->members());
    if (membership_->caught_up() && !std::exchange(caught_up_, true))
        streams_by_ms_ = now_ms() + kStreamPatienceMs;
}

/// To the leader, which may be this node.
bool ClusterServer::Node::serve_proposals() {
    const cluster::NodeId leader = membership_->leader();
    std::vector<Bytes> due = proposals_->due(now_ms(), leader, membership_->term());
    if (due.empty()) return false;
    if (membership_->leads()) {
        membership_->submit(now_ms(), std::move(due));
        return true;
    }
    for (Bytes& one : due) send(leader, cluster::FrameType::proposal, std::move(one));
    return false;
}

}  // namespace lvt::broker
