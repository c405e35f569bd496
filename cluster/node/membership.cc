#include "cluster/node/membership.h"

#include "protocol/base/assert.h"

#include <fmt/format.h>

#include <algorithm>

namespace lvt::cluster {
namespace {

/// Of a command that is a member's name and address, and of a snapshot of nothing else.
constexpr std::uint8_t kVersion = 1;
/// Of a command that is a proposal, and of a snapshot with what they have made.
constexpr std::uint8_t kProposalVersion = 2;
constexpr std::uint64_t kLookIntervalMs = 100;
/// A command that has not come back is submitted again.
constexpr std::uint64_t kSubmitIntervalMs = 3000;

RaftGroup::Options group_options(NodeId self, std::uint32_t seed) {
    RaftGroup::Options out;
    out.group = kMetadataGroup;
    out.self = self;
    out.seed = seed;
    return out;
}

}  // namespace

Membership::Membership(NodeId self, std::uint32_t seed, LogStore log)
    : group_(group_options(self, seed), std::move(log)), self_(self) {}

void Membership::start(std::uint64_t now_ms) {
    now_ms_ = now_ms;
    LogIndex applied;
    if (const auto snapshot = group_.log().snapshot()) {
        install(*snapshot);
        output_.installed = snapshot;
        applied = snapshot->index;
    }
    group_.start(now_ms, applied);
}

void Membership::tick(std::uint64_t now_ms) {
    now_ms_ = now_ms;
    group_.tick(now_ms);
    lead(now_ms);
}

void Membership::receive(std::uint64_t now_ms, Message message) {
    now_ms_ = now_ms;
    if (message.group != kMetadataGroup || message.to != self_ || is_former(message.from)) return;
    group_.receive(now_ms, std::move(message));
}

void Membership::persisted(std::uint64_t now_ms, std::uint64_t ticket) {
    now_ms_ = now_ms;
    group_.persisted(now_ms, ticket);
}

std::uint64_t Membership::deadline_ms() const {
    return leads() ? std::min(group_.deadline_ms(), next_look_ms_) : group_.deadline_ms();
}

std::vector<NodeId> Membership::members() const {
    std::vector<NodeId> out;
    for (const Member& one : committed_.members()) out.push_back(one.id);
    std::ranges::sort(out);
    return out;
}

void Membership::admit(std::uint64_t now_ms, std::uint64_t link, const Peer& peer) {
    now_ms_ = now_ms;
    if (!leads()) {
        const bool known = leader().value() != 0;
        output_.answers.emplace_back(
            link,
            JoinAnswer{known ? JoinStatus::not_leader : JoinStatus::later, {}, leader(), {}, {}});
        return;
    }
    if (is_former(peer.id)) {
        output_.answers.emplace_back(
            link,
            JoinAnswer{
                JoinStatus::refused,
                {},
                leader(),
                {},
                "it was removed from this cluster, and has to be reset"});
        return;
    }
    note(now_ms, peer);
    asking_[peer.id] = link;
    next_look_ms_ = now_ms;
    lead(now_ms);
}

void Membership::note(std::uint64_t, const Peer& peer) {
    const auto known = addresses_.find(peer.id);
    if (known != addresses_.end() && known->second.starts >= peer.starts) return;
    Peer& news = news_[peer.id];
    if (news.starts < peer.starts) news = peer;
}

void Membership::lead(std::uint64_t now_ms) {
    if (!leads()) {
        asking_.clear();
        submitted_ms_.clear();
        return;
    }
    if (now_ms < next_look_ms_) return;
    next_look_ms_ = now_ms + kLookIntervalMs;
    for (const auto& [id, peer] : news_) {
        if (!group_.configuration().role_of(id)) continue;
        std::uint64_t& submitted = submitted_ms_[id];
        if (submitted != 0 && now_ms < submitted + kSubmitIntervalMs) continue;
        Bytes command;
        ByteWriter out(command);
        out.u8(kVersion);
        write_peer(out, peer);
        if (group_.submit(now_ms, {std::move(command)}).has_value()) submitted = now_ms;
    }
    // One change at a time: what is refused now is tried again at the next look.
    if (group_.configuration() != committed_) return;
    for (const Member& one : committed_.members()) {
        if (one.role != Role::standby || committed_.voters() >= kVotersMax) continue;
        const CatchUp state = group_.catch_up_of(one.id);
        if (state == CatchUp::finished) {
            if (group_.promote(now_ms, one.id).has_value()) return;
        } else if (state != CatchUp::running) {
            (void)group_.catch_up(now_ms, one.id);
        }
    }
    for (const auto& [id, link] : asking_)
        if (!committed_.role_of(id) && group_.add(now_ms, id).has_value()) return;
}

void Membership::answer_joins() {
    std::erase_if(asking_, [&](const auto& one) {
        if (!committed_.role_of(one.first)) return false;
        output_.answers.emplace_back(
            one.second, JoinAnswer{JoinStatus::welcome, {}, leader(), {}, {}});
        return true;
    });
}

void Membership::apply(const Committed& entry) {
    applied_ = entry.index;
    if (entry.type == EntryType::change) {
        const Result<Configuration> found = Configuration::decode(entry.data);
        ASSERT(found.has_value());
        return apply_change(*found);
    }
    if (entry.type != EntryType::command) return;
    ByteReader in(entry.data);
    const std::uint8_t version = in.u8();
    if (version == kProposalVersion) {
        if (auto proposal = decode_proposal(in.rest()); proposal.has_value())
            output_.commands.emplace_back(entry.index, std::move(*proposal));
        return;
    }
    // A command of a later version changes nothing that this one knows.
    if (version != kVersion) return;
    const Peer peer = read_peer(in);
    if (!in.ok()) return;
    Peer& known = addresses_[peer.id];
    if (peer.starts >= known.starts) known = peer;
    const auto news = news_.find(peer.id);
    if (news != news_.end() && news->second.starts <= peer.starts) news_.erase(news);
    submitted_ms_.erase(peer.id);
    output_.changed = true;
}

void Membership::submit(std::uint64_t now_ms, std::vector<Bytes> proposals) {
    now_ms_ = now_ms;
    for (Bytes& one : proposals) {
        one.insert(one.begin(), static_cast<char>(kProposalVersion));
        if (one.size() > kEntryBytesMax || decode_proposal(ByteView(one).substr(1)).has_error())
            return;
    }
    if (!proposals.empty() && leads()) (void)group_.submit(now_ms, std::move(proposals));
}

void Membership::provide_state(std::uint64_t now_ms, LogIndex index, ByteView state) {
    now_ms_ = now_ms;
    state_wanted_ = false;
    if (index > group_.log().snapshot_index()) group_.take_snapshot(now_ms, index, encode(state));
}

Result<ByteView> Membership::state_of(const Snapshot& snapshot) {
    ByteReader in(snapshot.state);
    const std::uint8_t version = in.u8();
    (void)read_peers(in);
    if (!in.ok() || (version != kVersion && version != kProposalVersion))
        return Error{ErrorKind::corrupt, "the cluster's snapshot makes no sense"};
    return in.rest();
}

void Membership::note_progress() {
    if (caught_up_ || leader().value() == 0) return;
    const LogIndex commit = group_.commit_index();
    // Older ones may be all that an old leader told of.
    caught_up_ = applied_ >= commit && group_.log().term_of(commit) == group_.term();
}

Bytes Membership::encode(ByteView state) const {
    Bytes bytes;
    ByteWriter out(bytes);
    out.u8(kProposalVersion);
    std::vector<Peer> peers;
    for (const auto& [id, peer] : addresses_) peers.push_back(peer);
    write_peers(out, peers);
    bytes += state;
    return bytes;
}

void Membership::install(const Snapshot& snapshot) {
    committed_ = snapshot.configuration;
    applied_ = snapshot.index;
    addresses_.clear();
    ByteReader in(snapshot.state);
    const std::uint8_t version = in.u8();
    if (version == kVersion || version == kProposalVersion)
        for (const Peer& one : read_peers(in)) addresses_[one.id] = one;
    output_.changed = true;
}

MembershipOutput Membership::take() {
    lead(now_ms_);
    GroupOutput out = group_.take();
    output_.record = std::move(out.record);
    output_.ticket = out.ticket;
    output_.messages = std::move(out.messages);
    if (out.installed) {
        install(*out.installed);
        output_.commands.clear();
        output_.installed = std::move(out.installed);
    }
    for (const Committed& entry : out.committed) apply(entry);
    note_progress();
    if (group_.wants_snapshot() && applied_ > group_.log().snapshot_index() &&
        !std::exchange(state_wanted_, true))
        output_.wants_state = applied_;
    if (leader() != last_leader_) {
        last_leader_ = leader();
        output_.changed = true;
        output_.log.emplace_back(
            LogLevel::info,
            leads() ? "this node leads the cluster"
            : last_leader_.value() == 0
                ? "the cluster has no leader now"
                : fmt::format("node {} leads the cluster", to_text(last_leader_)));
    }
    return std::exchange(output_, {});
}

}  // namespace lvt::cluster
