// What comes from peers, made safe for the engine.
#include "cluster/raft/engine.h"
#include "cluster/raft/raft_group.h"
#include "protocol/base/assert.h"

#include <algorithm>

namespace lvt::cluster {
namespace {

lvt_message flat(const Message& message) {
    lvt_message out{};
    out.type = static_cast<std::uint8_t>(message.body.index() + 1);
    out.version = message.words.version;
    out.features = message.words.features;
    out.capacity = message.words.capacity;
    out.peer = message.from.value();
    out.term = message.term.value();
    if (const auto* result = std::get_if<AppendEntriesResult>(&message.body)) {
        out.commit = result->rejected.value();
        out.index = result->last.value();
    } else if (const auto* vote = std::get_if<RequestVote>(&message.body)) {
        out.candidate = vote->candidate.value();
        out.index = vote->last.value();
        out.index_term = vote->last_term.value();
        out.flag = vote->disrupt_leader;
        out.pre_vote = vote->pre_vote;
    } else if (const auto* answer = std::get_if<RequestVoteResult>(&message.body)) {
        out.flag = answer->granted;
        out.pre_vote = answer->pre_vote;
    } else if (const auto* install = std::get_if<InstallSnapshot>(&message.body)) {
        out.index = install->snapshot.index.value();
        out.index_term = install->snapshot.term.value();
        out.commit = install->snapshot.configuration_index.value();
    } else if (const auto* now = std::get_if<TimeoutNow>(&message.body)) {
        out.index = now->last.value();
        out.index_term = now->last_term.value();
    }
    return out;
}

}  // namespace

void RaftGroup::receive(std::uint64_t now_ms, Message message) {
    at(now_ms);
    ASSERT(started_);
    if (message.to != options_.self || message.group != options_.group) return;
    // The engine asks what kind of election this is before it asks whether there is one, of octets that mean something else then.
    const bool vote_result = std::holds_alternative<RequestVoteResult>(message.body);
    if (vote_result && state() != GroupState::candidate) return;
    const bool from_leader = std::holds_alternative<AppendEntries>(message.body) ||
                             std::holds_alternative<InstallSnapshot>(message.body);
    // Before the step: the engine does not look.
    if (from_leader && message.term >= log_.term()) note_leader(message.term, message.from);
    leader_is_stale_ = from_leader && message.term < log_.term();
    if (auto* append = std::get_if<AppendEntries>(&message.body)) {
        AppendEntries body = std::move(*append);
        receive_entries(std::move(message), std::move(body));
    } else if (const auto* install = std::get_if<InstallSnapshot>(&message.body)) {
        const std::optional<Term> known = log_.term_of(install->snapshot.index);
        ASSERT(
            !known || *known == install->snapshot.term || install->snapshot.index > commit_ ||
            message.term < log_.term());
        feed(message, &install->snapshot);
    } else if (const auto* result = std::get_if<AppendEntriesResult>(&message.body)) {
        const std::uint64_t match = lvt_engine_match_index(engine_.get(), message.from.value());
        if (result->rejected != LogIndex{} && result->rejected.value() <= match &&
            message.term == log_.term()) {
            // It was sent before what has been accepted since. The engine would go back and never forward again.
            ++guarded_.stale_rejections;
            return;
        }
        feed(message, nullptr);
    } else {
        feed(message, nullptr);
    }
    leader_is_stale_ = false;
    advance();
}

void RaftGroup::feed(const Message& message, const Snapshot* snapshot) {
    const lvt_message given = flat(message);
    std::vector<lvt_server> servers;
    lvt_snapshot metadata{};
    if (snapshot != nullptr) {
        for (const Member& member : snapshot->configuration.members())
            servers.push_back({member.id.value(), static_cast<int>(member.role)});
        metadata.servers = servers.data();
        metadata.servers_count = servers.size();
    }
    lvt_update update;
    lvt_engine_receive(engine_.get(), now_ms_, &given, nullptr, &metadata, &update);
    absorb(update, {}, snapshot);
}

void RaftGroup::receive_entries(Message message, AppendEntries body) {
    if (message.term >= log_.term()) {
        trim(body);
        const std::optional<Term> term = log_.term_of(body.previous);
        const std::optional<std::uint32_t> chain = log_.chain_of(body.previous);
        // One entry in common and all before it are the same: else the logs have come apart.
        ASSERT(term != body.previous_term || chain == body.chain);
    }
    for (;;) {
        // A change must be the first of its message: the engine notes the first entry's index for it.
        AppendEntries piece{body.previous, body.previous_term, body.chain, body.commit, {}};
        std::size_t count = body.entries.empty() ? 0 : 1;
        while (count < body.entries.size() && body.entries[count].type != EntryType::change)
            ++count;
        const auto split = body.entries.begin() + static_cast<std::ptrdiff_t>(count);
        const bool last = split == body.entries.end();
        if (!last) {
            body.previous = LogIndex{body.previous.value() + count};
            body.previous_term = body.entries[count - 1].term;
        }
        piece.entries.assign(
            std::make_move_iterator(body.entries.begin()), std::make_move_iterator(split));
        body.entries.erase(body.entries.begin(), split);
        feed_entries(message, std::move(piece));
        const bool taken = message.term == log_.term() && install_ticket_ == 0 &&
                           log_.term_of(body.previous) == body.previous_term;
        if (last || !taken) return;
        ++guarded_.splits;
    }
}

/// Entries from before our log are committed, and the same here. The engine takes those of a late message for new ones.
void RaftGroup::trim(AppendEntries& body) {
    if (!log_.snapshot() || log_.has(body.previous) || body.previous >= log_.snapshot_index())
        return;
    const Snapshot& snapshot = *log_.snapshot();
    ++guarded_.trims;
    const std::uint64_t before = snapshot.index.value() - body.previous.value();
    const std::size_t count = std::min<std::size_t>(before, body.entries.size());
    ASSERT(count < before || body.entries[count - 1].term == snapshot.term);
    body.entries.erase(
        body.entries.begin(), body.entries.begin() + static_cast<std::ptrdiff_t>(count));
    body.previous = snapshot.index;
    body.previous_term = snapshot.term;
    body.chain = snapshot.chain;
}

void RaftGroup::feed_entries(const Message& message, AppendEntries piece) {
    const bool matches = message.term >= log_.term() && install_ticket_ == 0 &&
                         log_.term_of(piece.previous) == piece.previous_term;
    const std::uint64_t pending = lvt_engine_uncommitted_change(engine_.get());
    if (matches && !piece.entries.empty() && piece.entries[0].type == EntryType::change &&
        pending != 0 && pending <= piece.previous.value()) {
        // One at a time: who sends a second change knows that the first is committed. The engine keeps one only, and would
        // roll back to what was before both.
        ++guarded_.early_commits;
        const LogIndex index{pending};
        commit_change(index, *Configuration::decode(log_.at(index).data));
    }
    lvt_message given = flat(message);
    given.index = piece.previous.value();
    given.index_term = piece.previous_term.value();
    given.commit = piece.commit.value();
    given.count = static_cast<std::uint32_t>(piece.entries.size());
    const std::uint64_t commit = commit_index().value();
    if (given.index + given.count < commit && given.commit > commit) {
        // The engine takes the smaller of the two, and would go back to it.
        ++guarded_.commit_regressions;
        given.commit = commit;
    }
    std::vector<lvt_entry> entries;
    entries.reserve(piece.entries.size());
    for (const Entry& entry : piece.entries)
        entries.push_back(
            {entry.term.value(),
             static_cast<int>(entry.type),
             entry.data.data(),
             entry.data.size()});
    lvt_update update;
    lvt_engine_receive(engine_.get(), now_ms_, &given, entries.data(), nullptr, &update);
    absorb(update, std::move(piece.entries), nullptr);
}

}  // namespace lvt::cluster
