#include "cluster/raft/raft_group.h"

#include "cluster/raft/engine.h"
#include "protocol/base/assert.h"

#include <algorithm>
#include <limits>

namespace lvt::cluster {
namespace {

/// Messages that wait for a vote to be durable; more are dropped, as the network might.
constexpr std::size_t kHeldMax = 4096;
constexpr std::size_t kInflightEntriesMax = 10'000;

std::vector<lvt_server> servers_of(const Configuration& configuration) {
    std::vector<lvt_server> servers;
    servers.reserve(configuration.members().size());
    for (const Member& member : configuration.members())
        servers.push_back({member.id.value(), static_cast<int>(member.role)});
    return servers;
}

/// Points into `servers`.
lvt_snapshot metadata_of(const Snapshot& snapshot, const std::vector<lvt_server>& servers) {
    return {
        snapshot.index.value(),
        snapshot.term.value(),
        snapshot.configuration_index.value(),
        servers.data(),
        servers.size()};
}

Error refused(const char* why) { return Error{ErrorKind::invalid, why}; }

}  // namespace

RaftGroup::RaftGroup(Options options, LogStore log)
    : options_(options),
      log_(std::move(log)),
      engine_(lvt_engine_new(options.self.value(), options.seed), lvt_engine_delete) {
    ASSERT(engine_ != nullptr && options_.self != NodeId{});
    lvt_engine_configure(
        engine_.get(),
        options_.election_timeout_ms,
        options_.heartbeat_ms,
        options_.install_snapshot_timeout_ms);
}

RaftGroup::~RaftGroup() = default;

void RaftGroup::at(std::uint64_t now_ms) {
    ASSERT(now_ms >= now_ms_);
    now_ms_ = now_ms;
}

void RaftGroup::start(std::uint64_t now_ms, LogIndex applied) {
    ASSERT(!started_ && applied >= log_.snapshot_index() && applied <= log_.last());
    started_ = true;
    at(now_ms);
    std::vector<lvt_entry> entries;
    entries.reserve(log_.size());
    for (LogIndex i = log_.first(); i <= log_.last(); i = next(i)) {
        const Entry& entry = log_.at(i);
        const bool change = entry.type == EntryType::change;
        entries.push_back(
            {entry.term.value(),
             static_cast<int>(entry.type),
             change ? entry.data.data() : nullptr,
             change ? entry.data.size() : 0});
    }
    std::vector<lvt_server> servers;
    lvt_snapshot metadata{};
    if (log_.snapshot()) {
        servers = servers_of(log_.snapshot()->configuration);
        metadata = metadata_of(*log_.snapshot(), servers);
    }
    applied_ = log_.snapshot_index();
    known_ = applied;
    commit_ = applied_;
    configuration_ = log_.configuration_at(log_.last()).second;
    if (configuration_.voters() == 1 && configuration_.role_of(options_.self) == Role::voter) {
        // The engine lets a lone voter lead in the term it had: what it had sent to a standby and lost in a crash would come
        // again with other words at the same place, in the same term.
        log_.set_vote(Term{log_.term().value() + 1}, options_.self);
        vote_ticket_ = next_ticket_;
    }
    lvt_update update;
    lvt_engine_start(
        engine_.get(),
        now_ms_,
        log_.term().value(),
        log_.vote().value(),
        log_.snapshot() ? &metadata : nullptr,
        log_.first().value(),
        entries.data(),
        entries.size(),
        &update);
    absorb(update, {}, nullptr);
    advance();
}

void RaftGroup::tick(std::uint64_t now_ms) {
    at(now_ms);
    if (now_ms < deadline_ms()) return;
    lvt_update update;
    lvt_engine_timeout(engine_.get(), now_ms_, &update);
    absorb(update, {}, nullptr);
    advance();
}

void RaftGroup::persisted(std::uint64_t now_ms, std::uint64_t ticket) {
    at(now_ms);
    ASSERT(ticket > persisted_ticket_ && ticket < next_ticket_);
    persisted_ticket_ = ticket;
    LogIndex stored;
    while (!writes_.empty() && writes_.front().ticket <= ticket) {
        stored = writes_.front().last;
        writes_.pop_front();
    }
    // What a later write replaces is not stored, whatever the disk holds.
    for (const Write& write : writes_) stored = std::min(stored, LogIndex{write.first.value() - 1});
    if (install_ticket_ != 0) {
        if (install_ticket_ <= ticket) finish_install();
    } else if (stored.value() > lvt_engine_last_stored(engine_.get())) {
        lvt_update update;
        lvt_engine_persisted_entries(engine_.get(), now_ms_, stored.value(), &update);
        absorb(update, {}, nullptr);
    }
    advance();
}

void RaftGroup::finish_install() {
    install_ticket_ = 0;
    const std::shared_ptr<const Snapshot>& snapshot = log_.snapshot();
    ASSERT(snapshot->index > applied_);
    // What was committed before is in it.
    committed_.clear();
    applied_ = snapshot->index;
    known_ = applied_;
    installed_ = snapshot;
    const std::vector<lvt_server> servers = servers_of(snapshot->configuration);
    const lvt_snapshot metadata = metadata_of(*snapshot, servers);
    lvt_update update;
    lvt_engine_persisted_snapshot(engine_.get(), now_ms_, &metadata, &update);
    absorb(update, {}, nullptr);
}

void RaftGroup::take_snapshot(std::uint64_t now_ms, LogIndex index, Bytes state) {
    at(now_ms);
    ASSERT(index <= applied_ && index > log_.snapshot_index() && install_ticket_ == 0);
    const std::size_t trailing =
        log_.take_snapshot(index, std::move(state), options_.trailing_bytes);
    const std::vector<lvt_server> servers = servers_of(log_.snapshot()->configuration);
    const lvt_snapshot metadata = metadata_of(*log_.snapshot(), servers);
    lvt_update update;
    lvt_engine_snapshot_taken(
        engine_.get(), now_ms_, &metadata, static_cast<unsigned>(trailing), &update);
    absorb(update, {}, nullptr);
}

void RaftGroup::absorb(
    const lvt_update& update, std::vector<Entry> given, const Snapshot* snapshot) {
    ASSERT(update.status == 0);
    const Term term{lvt_engine_term(engine_.get())};
    const NodeId vote{lvt_engine_vote(engine_.get())};
    if (term != log_.term() || vote != log_.vote()) {
        ASSERT(update.vote_changed);
        log_.set_vote(term, vote);
        vote_ticket_ = next_ticket_;
        state_changed_ = true;
    }
    if (update.entries_index != 0) absorb_entries(update, std::move(given));
    if (update.snapshot) {
        ASSERT(snapshot != nullptr && snapshot->index > applied_);
        log_.install(*snapshot);
        configuration_ = snapshot->configuration;
        writes_.clear();
        install_ticket_ = next_ticket_;
    }
    if (update.state_changed) state_changed_ = true;
    if (state() == GroupState::leader) note_leader(term, options_.self);
    absorb_messages(update);
    commit_ = std::max(commit_, commit_index());
    check();
    if (update.state_changed && state() == GroupState::leader && update.entries_index == 0 &&
        configuration_.voters() > 1) {
        // The engine speaks only where something is uncommitted. But a change of membership is safe only behind an entry of
        // the leader's own term, and only that tells which entries are committed.
        ++guarded_.barriers;
        (void)append(EntryType::barrier, {Bytes(8, '\0')});
    }
}

void RaftGroup::absorb_entries(const lvt_update& update, std::vector<Entry> given) {
    const LogIndex first{update.entries_index};
    ASSERT(first > commit_ && install_ticket_ == 0);
    std::vector<Entry> entries;
    if (update.barrier) {
        entries.push_back({log_.term(), EntryType::barrier, Bytes(8, '\0')});
    } else {
        ASSERT(update.entries_offset + update.entries_count == given.size());
        given.erase(
            given.begin(), given.begin() + static_cast<std::ptrdiff_t>(update.entries_offset));
        entries = std::move(given);
    }
    bool changes = first <= log_.last();
    for (const Entry& entry : entries) changes |= entry.type == EntryType::change;
    log_.write(first, std::move(entries));
    if (changes) configuration_ = log_.configuration_at(log_.last()).second;
    writes_.push_back({next_ticket_, first, log_.last()});
}

void RaftGroup::absorb_messages(const lvt_update& update) {
    for (std::size_t i = 0; i < update.messages_count; ++i) {
        const lvt_message from = lvt_engine_message(engine_.get(), i);
        Message message{options_.group, options_.self, NodeId{from.peer}, Term{from.term}, {}, {}};
        message.words = {from.version, from.features, from.capacity};
        switch (from.type) {
            case LVT_APPEND_ENTRIES: {
                AppendEntries body{
                    LogIndex{from.index}, Term{from.index_term}, 0, LogIndex{from.commit}, {}};
                const auto chain = log_.chain_of(body.previous);
                ASSERT(chain && log_.term_of(body.previous) == body.previous_term);
                body.chain = *chain;
                append_words_ = message.words;
                told_[message.to] = body.commit;
                for (std::uint64_t n = 1; n <= from.count; ++n)
                    body.entries.push_back(log_.at(LogIndex{from.index + n}));
                message.body = std::move(body);
                break;
            }
            case LVT_APPEND_ENTRIES_RESULT:
                message.body = AppendEntriesResult{LogIndex{from.commit}, LogIndex{from.index}};
                // The engine leaves the index to chance here. Who leads in this term by now would take it for what is stored.
                if (leader_is_stale_) {
                    ++guarded_.stale_leaders;
                    message.body = AppendEntriesResult{};
                }
                break;
            case LVT_REQUEST_VOTE:
                message.body = RequestVote{
                    NodeId{from.candidate},
                    LogIndex{from.index},
                    Term{from.index_term},
                    from.flag,
                    from.pre_vote};
                break;
            case LVT_REQUEST_VOTE_RESULT:
                message.body = RequestVoteResult{from.flag, from.pre_vote};
                // The engine echoes the term that was asked for. Who has the longest log and an earlier term would never be elected, nor
                // let another one be.
                if (from.pre_vote && !from.flag && message.term < log_.term()) {
                    ++guarded_.terms_told;
                    message.term = log_.term();
                }
                break;
            case LVT_INSTALL_SNAPSHOT:
                ASSERT(log_.snapshot_index().value() == from.index);
                message.body = InstallSnapshot{*log_.snapshot()};
                break;
            default:
                message.body = TimeoutNow{LogIndex{from.index}, Term{from.index_term}};
                break;
        }
        if (held_.size() == kHeldMax) continue;
        held_.push_back({vote_ticket_, {message.to, encode_message(message)}});
    }
}

void RaftGroup::note_leader(Term term, NodeId leader) {
    // Two leaders in one term: the engine would take one for the other and write into foreign memory.
    ASSERT(leader_term_ != term || leader_ == leader);
    leader_term_ = term;
    leader_ = leader;
}

void RaftGroup::check() const {
    const lvt_engine* engine = engine_.get();
    ASSERT(lvt_engine_commit_index(engine) >= commit_.value() || install_ticket_ != 0);
    ASSERT(lvt_engine_last_index(engine) == log_.last().value());
    ASSERT(commit_ <= log_.last());
    ASSERT(lvt_engine_last_stored(engine) <= log_.last().value());
    ASSERT(applied_ <= commit_);
}

void RaftGroup::advance() {
    while (install_ticket_ == 0) {
        const LogIndex stored{lvt_engine_last_stored(engine_.get())};
        if (applied_ >= std::min(commit_index(), stored)) break;
        applied_ = next(applied_);
        const Entry& entry = log_.at(applied_);
        if (applied_ > known_) committed_.push_back({applied_, entry.term, entry.type, entry.data});
        if (entry.type == EntryType::change)
            commit_change(applied_, *Configuration::decode(entry.data));
    }
    tell_commit();
}

void RaftGroup::tell_commit() {
    const LogIndex commit = commit_index();
    if (state() != GroupState::leader || install_ticket_ != 0 || commit != log_.last()) return;
    if (told_term_ != log_.term()) told_.clear();
    told_term_ = log_.term();
    for (const Member& member : configuration_.members()) {
        const auto told = told_.find(member.id);
        // Who has not been sent any is still being asked what it has.
        if (told == told_.end() || told->second >= commit || held_.size() == kHeldMax) continue;
        if (lvt_engine_match_index(engine_.get(), member.id.value()) < commit.value()) continue;
        const auto chain = log_.chain_of(commit);
        if (!chain) return;
        told->second = commit;
        Message message{options_.group, options_.self, member.id, log_.term(), append_words_, {}};
        message.body = AppendEntries{commit, *log_.term_of(commit), *chain, commit, {}};
        held_.push_back({vote_ticket_, {member.id, encode_message(message)}});
    }
}

void RaftGroup::commit_change(LogIndex index, const Configuration& configuration) {
    const std::vector<lvt_server> servers = servers_of(configuration);
    const lvt_snapshot metadata{index.value(), 0, 0, servers.data(), servers.size()};
    lvt_update update;
    lvt_engine_configuration(engine_.get(), now_ms_, &metadata, &update);
    absorb(update, {}, nullptr);
}

GroupOutput RaftGroup::take() {
    GroupOutput out;
    if (log_.dirty()) {
        out.record = log_.take_record();
        out.ticket = next_ticket_++;
    }
    while (!held_.empty() && held_.front().after <= persisted_ticket_) {
        out.messages.push_back(std::move(held_.front().message));
        held_.pop_front();
    }
    out.installed = std::exchange(installed_, nullptr);
    out.committed = std::exchange(committed_, {});
    out.state_changed = std::exchange(state_changed_, false);
    return out;
}

Result<void> RaftGroup::can_submit() const {
    if (state() != GroupState::leader) return refused("this node does not lead the group");
    if (lvt_engine_transferee(engine_.get()) != 0)
        return refused("leadership of the group is being handed over");
    return {};
}

Result<LogIndex> RaftGroup::append(EntryType type, std::vector<Bytes> data) {
    LVT_TRY(can_submit());
    std::vector<Entry> entries;
    std::vector<lvt_entry> given;
    entries.reserve(data.size());
    for (Bytes& octets : data) {
        ASSERT(octets.size() <= kEntryBytesMax);
        const Entry& entry = entries.emplace_back(Entry{log_.term(), type, std::move(octets)});
        given.push_back(
            {entry.term.value(), static_cast<int>(type), entry.data.data(), entry.data.size()});
    }
    const std::size_t mean = log_.bytes() / std::max<std::size_t>(log_.size(), 1) + 1;
    lvt_engine_set_inflight_max(
        engine_.get(),
        static_cast<unsigned>(
            std::clamp<std::size_t>(options_.inflight_bytes_max / mean, 1, kInflightEntriesMax)));
    const LogIndex first = next(log_.last());
    lvt_update update;
    lvt_engine_submit(engine_.get(), now_ms_, given.data(), given.size(), &update);
    absorb(update, std::move(entries), nullptr);
    return first;
}

Result<LogIndex> RaftGroup::submit(std::uint64_t now_ms, std::vector<Bytes> commands) {
    at(now_ms);
    ASSERT(!commands.empty());
    Result<LogIndex> first = append(EntryType::command, std::move(commands));
    advance();
    return first;
}

Result<LogIndex> RaftGroup::submit_barrier(std::uint64_t now_ms) {
    at(now_ms);
    Result<LogIndex> index = append(EntryType::barrier, {Bytes(8, '\0')});
    advance();
    return index;
}

std::uint64_t RaftGroup::deadline_ms() const {
    // Alone, a leader has nobody to remind of itself, and nobody to lose.
    const bool alone = state() == GroupState::leader && configuration_.members().size() == 1;
    if (alone) return std::numeric_limits<std::uint64_t>::max();
    return lvt_engine_deadline(engine_.get());
}

GroupState RaftGroup::state() const {
    switch (lvt_engine_state(engine_.get())) {
        case LVT_ENGINE_LEADER:
            return GroupState::leader;
        case LVT_ENGINE_CANDIDATE:
            return GroupState::candidate;
        default:
            return GroupState::follower;
    }
}

NodeId RaftGroup::leader() const {
    // The engine still names the leader of an earlier term.
    const bool known = leader_term_ == log_.term() && lvt_engine_leader(engine_.get()) != 0;
    return known ? leader_ : NodeId{};
}

LogIndex RaftGroup::commit_index() const {
    return LogIndex{lvt_engine_commit_index(engine_.get())};
}

bool RaftGroup::wants_snapshot() const {
    return log_.bytes() > options_.log_bytes_max && applied_ > log_.snapshot_index() &&
           install_ticket_ == 0;
}

}  // namespace lvt::cluster
