#include "broker/core/commit_builder.h"

#include "broker/core/message_codec.h"

#include <algorithm>

namespace lvt::broker {

using storage::Lsn;
using storage::Target;

namespace {

/// A commit that has this size is made at once, whatever is under way (design 4).
constexpr std::uint64_t kCommitBytes = 1024 * 1024;
constexpr std::size_t kCommitMessages = 2000;
/// What a message costs in a record beside its octets; an estimate, for flow control only.
constexpr std::uint64_t kEntryOverhead = 64;
constexpr std::size_t kCommitMarksMax = 64;

bool in_pieces(const Message& message) {
    return message.head().size() + message.body().size() + kMessagePrefixBytes >
           storage::kPieceBytes;
}

std::uint64_t written_bytes(const Message& message) { return message.charge() + kEntryOverhead; }

void mark_commit(QueueDurability& disk, Lsn lsn, storage::Seq end) {
    auto& marks = disk.commit_marks;
    if (!marks.empty() && marks.back().first == lsn) {
        marks.back().second = end;
        return;
    }
    if (marks.size() >= kCommitMarksMax) {
        // Every other one goes: what is left says a little less, and nothing wrong.
        for (std::size_t i = 1; i < marks.size(); i += 2) marks[i / 2] = marks[i];
        marks.resize(marks.size() / 2);
    }
    marks.emplace_back(lsn, end);
}

}  // namespace

void CommitBuilder::add_message(
    const MessagePtr& message, const std::vector<Target>& targets, Milliseconds deadline) {
    Pending& pending = pending_.emplace_back();
    pending.message = message;
    pending.deadline = deadline;
    pending.first_target = static_cast<std::uint32_t>(targets_.size());
    pending.target_count = static_cast<std::uint32_t>(targets.size());
    targets_.insert(targets_.end(), targets.begin(), targets.end());
    collected_bytes_ += written_bytes(*message);
}

void CommitBuilder::add_moved(
    const QueuedMessage& entry, storage::QueueUid queue, Milliseconds deadline) {
    add_message(entry.message, {Target{queue, entry.seq}}, deadline);
    pending_.back().delivery_count = entry.delivery_count;
    pending_.back().return_count = entry.return_count;
}

void CommitBuilder::add_metadata(const MetadataCommand& command) {
    record_.metadata(++metadata_version_, encode_metadata(command));
}

void CommitBuilder::add_dirty(Queue& queue, Milliseconds deadline) {
    if (queue.disk.listed_as_dirty) return;
    queue.disk.listed_as_dirty = true;
    if (!dirty_deadline_ || deadline < *dirty_deadline_) dirty_deadline_ = deadline;
    dirty_.push_back(&queue);
}

bool CommitBuilder::has_much() const {
    return collected_bytes_ >= kCommitBytes || pending_.size() >= kCommitMessages;
}

bool CommitBuilder::due(Milliseconds now, const Topology& topology) {
    if (has_much()) return true;
    if (!in_flight_.empty()) return false;
    if (requested_ || !record_.empty()) return true;
    if (dirty_deadline_ && now >= *dirty_deadline_) return true;
    if (pending_.empty() || now < pending_.front().deadline) return false;
    forget_settled(topology);
    return !pending_.empty() && now >= pending_.front().deadline;
}

std::optional<Milliseconds> CommitBuilder::deadline() const {
    if (!in_flight_.empty()) return std::nullopt;
    if (pending_.empty()) return dirty_deadline_;
    const Milliseconds oldest = pending_.front().deadline;
    return dirty_deadline_ ? std::min(*dirty_deadline_, oldest) : oldest;
}

void CommitBuilder::forget_settled(const Topology& topology) {
    std::size_t count = 0;
    for (; count < pending_.size(); ++count) {
        if (find_live_targets(pending_[count], topology)) break;
        collected_bytes_ -= written_bytes(*pending_[count].message);
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
    const std::size_t targets = pending_.empty() ? targets_.size() : pending_[0].first_target;
    targets_.erase(targets_.begin(), targets_.begin() + static_cast<std::ptrdiff_t>(targets));
    for (Pending& pending : pending_) pending.first_target -= static_cast<std::uint32_t>(targets);
}

storage::Lsn CommitBuilder::build(std::vector<StoreRequest>& out, const Topology& topology) {
    const std::uint64_t bytes = std::exchange(collected_bytes_, 0);
    // In one piece from the start: a record that grows is copied, with all its bodies. Room that is not used costs nothing.
    record_.reserve(std::min(bytes, kCommitBytes + kCommitBytes / 4));
    for (Pending& pending : pending_) {
        if (in_pieces(*pending.message) && find_live_targets(pending, topology)) {
            write_pieces(pending, out);
        }
    }
    for (const Pending& pending : pending_) write_message(pending, topology);
    write_dirty_queues();
    if (!record_.empty()) emit(record_, out);
    pending_.clear();
    targets_.clear();
    requested_ = false;
    dirty_deadline_.reset();
    in_flight_.push_back({ticket_, last_, bytes});
    in_flight_bytes_ += bytes;
    ticket_ = Ticket(ticket_.value() + 1);
    on_durable(durable_lsn_);
    return last_;
}

bool CommitBuilder::find_live_targets(const Pending& pending, const Topology& topology) {
    live_targets_.clear();
    for (std::uint32_t i = 0; i < pending.target_count; ++i) {
        const Target& target = targets_[pending.first_target + i];
        const Queue* const queue = topology.find_queue(target.queue);
        if (queue && !queue->disk.settled.contains(target.seq)) live_targets_.push_back(target);
    }
    return !live_targets_.empty();
}

void CommitBuilder::write_message(const Pending& pending, const Topology& topology) {
    if (!find_live_targets(pending, topology)) return;
    const Message& message = *pending.message;
    storage::MessageHeader header;
    header.published_at_ms = message.published_at_ms();
    header.delivery_count = pending.delivery_count;
    header.return_count = pending.return_count;
    header.priority = 0;
    char prefix[kMessagePrefixBytes];
    if (pending.body_id) {
        const std::uint64_t size =
            kMessagePrefixBytes + message.head().size() + message.body().size();
        record_.message_in_pieces(live_targets_, header, pending.body_id, size);
    } else {
        encode_message_prefix(message, prefix);
        record_.message(
            live_targets_, header, ByteView(prefix, sizeof prefix), message.head_and_body());
    }
    const Lsn lsn(last_.value() + 1);
    for (const Target& target : live_targets_) {
        mark_commit(topology.find_queue(target.queue)->disk, lsn, target.seq + 1);
    }
}

/// Large contents go ahead in commits of their own, so that no commit is much larger than the others.
void CommitBuilder::write_pieces(Pending& pending, std::vector<StoreRequest>& out) {
    pending.body_id = last_.value() + 1;
    char prefix[kMessagePrefixBytes];
    encode_message_prefix(*pending.message, prefix);
    ByteView rest = pending.message->head_and_body();
    Bytes first(prefix, sizeof prefix);
    const std::size_t first_bytes = storage::kPieceBytes - first.size();
    first.append(rest.substr(0, first_bytes));
    rest.remove_prefix(first_bytes);
    storage::RecordWriter record;
    record.reserve(
        std::min(rest.size() + storage::kPieceBytes, kCommitBytes + storage::kPieceBytes));
    record.piece(live_targets_, pending.body_id, 0, first);
    for (std::uint32_t part = 1; !rest.empty(); ++part) {
        if (record.size() >= kCommitBytes) emit(record, out);
        const ByteView piece = rest.substr(0, storage::kPieceBytes);
        record.piece(live_targets_, pending.body_id, part, piece);
        rest.remove_prefix(piece.size());
    }
    emit(record, out);
}

void CommitBuilder::write_dirty_queues() {
    for (Queue* const queue : dirty_) {
        QueueDurability& disk = queue->disk;
        if (!disk.unwritten.empty()) record_.settled(queue->uid, disk.unwritten);
        for (const auto& [seq, counts] : disk.unwritten_counts) {
            record_.counts(queue->uid, seq, counts.delivery_count, counts.return_count);
        }
        disk.unwritten.clear();
        disk.unwritten_counts.clear();
        disk.listed_as_dirty = false;
    }
    dirty_.clear();
}

void CommitBuilder::emit(storage::RecordWriter& record, std::vector<StoreRequest>& out) {
    last_ = Lsn(last_.value() + 1);
    out.push_back(AppendRequest{last_, record.take()});
}

void CommitBuilder::on_durable(Lsn lsn) {
    durable_lsn_ = std::max(durable_lsn_, lsn);
    while (!in_flight_.empty() && in_flight_.front().last <= durable_lsn_) {
        durable_ticket_ = in_flight_.front().ticket;
        in_flight_bytes_ -= in_flight_.front().bytes;
        in_flight_.pop_front();
    }
}

}  // namespace lvt::broker
