#include "cluster/raft/log_store.h"

#include "protocol/base/assert.h"
#include "protocol/base/byte_reader.h"
#include "storage/crc32c.h"

#include <algorithm>

namespace lvt::cluster {
namespace {

/// What an entry costs beside its data.
constexpr std::size_t kEntryOverhead = 64;

std::size_t cost(const Entry& entry) { return entry.data.size() + kEntryOverhead; }

std::uint32_t chained(std::uint32_t chain, const Entry& entry) {
    char head[13];
    store_big_endian(head, chain);
    store_big_endian(head + 4, entry.term.value());
    head[12] = static_cast<char>(entry.type);
    return storage::crc32c(storage::crc32c(0, {head, sizeof head}), entry.data);
}

}  // namespace

LogStore LogStore::bootstrapped(const Configuration& configuration) {
    LogStore log;
    log.set_vote(Term{1}, NodeId{});
    log.write(LogIndex{1}, {{Term{1}, EntryType::change, configuration.encode()}});
    return log;
}

Result<void> LogStore::replay(ByteView record) {
    Result<std::vector<LogItem>> items = decode_log_record(record);
    if (items.has_error()) return std::move(items).error();
    for (LogItem& item : *items) LVT_TRY(apply(std::move(item)));
    return {};
}

Result<void> LogStore::finish_replay() const {
    const bool bad_term = last() != LogIndex{} && term_ < *term_of(last());
    if (!incomplete_ && !bad_term) return {};
    return Error{ErrorKind::corrupt, "the journal does not hold the whole log of a group"};
}

Result<void> LogStore::apply(LogItem item) {
    if (std::holds_alternative<ResetItem>(item)) {
        *this = LogStore();
    } else if (const auto* vote = std::get_if<VoteItem>(&item)) {
        term_ = vote->term;
        vote_ = vote->vote;
    } else if (auto* entries = std::get_if<EntriesItem>(&item)) {
        if (incomplete_) return {};
        if (entries->first < first() || entries->first > next(last())) {
            incomplete_ = true;
            return {};
        }
        truncate(entries->first);
        for (Entry& entry : entries->entries) append(std::move(entry));
    } else {
        return apply(std::get<SnapshotItem>(std::move(item)));
    }
    return {};
}

Result<void> LogStore::apply(SnapshotItem item) {
    if (incomplete_) return {};
    if (item.replaces_log) {
        entries_.clear();
        bytes_ = 0;
        offset_ = item.snapshot.index.value();
        offset_chain_ = item.snapshot.chain;
    } else if (has(item.snapshot.index) && at(item.snapshot.index).term == item.snapshot.term) {
        forget_before(item.log_first);
    } else {
        incomplete_ = true;
        return {};
    }
    snapshot_ = std::make_shared<const Snapshot>(std::move(item.snapshot));
    return {};
}

std::optional<Term> LogStore::term_of(LogIndex index) const {
    if (index == LogIndex{}) return Term{};
    if (has(index)) return at(index).term;
    if (snapshot_ && index == snapshot_->index) return snapshot_->term;
    return std::nullopt;
}

std::optional<std::uint32_t> LogStore::chain_of(LogIndex index) const {
    if (index == LogIndex{}) return 0;
    if (snapshot_ && index == snapshot_->index) return snapshot_->chain;
    if (has(index)) return slot(index).chain;
    return std::nullopt;
}

std::pair<LogIndex, Configuration> LogStore::configuration_at(LogIndex index) const {
    for (LogIndex i = std::min(index, last()); i >= first() && i > snapshot_index();
         i = LogIndex{i.value() - 1}) {
        if (at(i).type == EntryType::change) return {i, *Configuration::decode(at(i).data)};
    }
    if (snapshot_) return {snapshot_->configuration_index, snapshot_->configuration};
    return {};
}

void LogStore::set_vote(Term term, NodeId vote) {
    ASSERT(term > term_ || (term == term_ && (vote_ == NodeId{} || vote_ == vote)));
    term_ = term;
    vote_ = vote;
    record_.vote(term, vote);
}

void LogStore::append(Entry entry) {
    const std::uint32_t before = entries_.empty() ? offset_chain_ : entries_.back().chain;
    bytes_ += cost(entry);
    const std::uint32_t chain = chained(before, entry);
    entries_.push_back({std::move(entry), chain});
}

void LogStore::truncate(LogIndex first) {
    while (last() >= first && !entries_.empty()) {
        bytes_ -= cost(entries_.back().entry);
        entries_.pop_back();
    }
}

void LogStore::write(LogIndex first, std::vector<Entry> entries) {
    ASSERT(first > snapshot_index() && first >= this->first() && first <= next(last()));
    truncate(first);
    const std::size_t kept = entries_.size();
    Term before = term_of(last()).value_or(Term{});
    for (Entry& entry : entries) {
        ASSERT(entry.term >= before);
        before = entry.term;
        append(std::move(entry));
    }
    std::vector<const Entry*> written;
    written.reserve(entries.size());
    for (std::size_t i = kept; i < entries_.size(); ++i) written.push_back(&entries_[i].entry);
    record_.entries(first, written);
}

void LogStore::forget_before(LogIndex first) {
    while (this->first() < first && !entries_.empty()) {
        offset_chain_ = entries_.front().chain;
        bytes_ -= cost(entries_.front().entry);
        entries_.pop_front();
        ++offset_;
    }
}

std::size_t LogStore::take_snapshot(LogIndex index, Bytes state, std::size_t trailing_bytes) {
    ASSERT(has(index) && index > snapshot_index());
    auto [configuration_index, configuration] = configuration_at(index);
    Snapshot snapshot{
        index,
        at(index).term,
        *chain_of(index),
        std::move(configuration),
        configuration_index,
        std::move(state)};
    LogIndex keep = next(index);
    std::size_t bytes = 0;
    while (keep > first()) {
        const LogIndex before{keep.value() - 1};
        bytes += cost(at(before));
        if (bytes > trailing_bytes) break;
        keep = before;
    }
    record_.snapshot(false, keep, snapshot);
    snapshot_ = std::make_shared<const Snapshot>(std::move(snapshot));
    forget_before(keep);
    return index.value() + 1 - keep.value();
}

void LogStore::install(Snapshot snapshot) {
    entries_.clear();
    bytes_ = 0;
    offset_ = snapshot.index.value();
    offset_chain_ = snapshot.chain;
    record_.snapshot(true, next(snapshot.index), snapshot);
    snapshot_ = std::make_shared<const Snapshot>(std::move(snapshot));
}

void LogStore::checkpoint() {
    record_.reset();
    if (term_ != Term{}) record_.vote(term_, vote_);
    if (snapshot_) record_.snapshot(true, next(snapshot_->index), *snapshot_);
    const LogIndex from = snapshot_ ? next(snapshot_->index) : first();
    if (from > last()) return;
    std::vector<const Entry*> all;
    for (LogIndex i = from; i <= last(); i = next(i)) all.push_back(&at(i));
    record_.entries(from, all);
}

}  // namespace lvt::cluster
