#include "storage/retirement.h"

#include "protocol/base/assert.h"
#include "protocol/base/byte_writer.h"

#include <algorithm>
#include <functional>

namespace lvt::storage {
namespace {

using Space = ChunkDb::Space;

std::size_t hash_of(ByteView bytes) { return std::hash<ByteView>{}(bytes); }

}  // namespace

StoredLanes LaneTable::get(QueueUid queue) const {
    const std::lock_guard lock(mutex_);
    const auto at = lanes_.find(queue);
    return at == lanes_.end() ? StoredLanes() : at->second;
}

void LaneTable::set(QueueUid queue, StoredLanes lanes) {
    const std::lock_guard lock(mutex_);
    lanes_[queue] = std::move(lanes);
}

void LaneTable::erase(QueueUid queue) {
    const std::lock_guard lock(mutex_);
    lanes_.erase(queue);
}

std::vector<QueueUid> LaneTable::queues() const {
    const std::lock_guard lock(mutex_);
    std::vector<QueueUid> all;
    all.reserve(lanes_.size());
    for (const auto& [queue, lanes] : lanes_) all.push_back(queue);
    std::sort(all.begin(), all.end());
    return all;
}

Retirement::Retirement(
    const StateSnapshot& snapshot, Lsn applied, const LiveIndex& live, LaneTable& lanes,
    WrittenState& written)
    : snapshot_(snapshot), live_(live), lanes_(lanes), written_(written), last_(applied) {
    states_.reserve(snapshot.queues.size());
    for (const QueueState& state : snapshot.queues) states_[state.queue] = &state;
}

Result<void> Retirement::take_in(Lsn lsn, ByteView record) {
    std::uint32_t index = 0;
    const auto take = [&](const RecordEntry& entry) -> Result<void> {
        if (const auto* message = std::get_if<MessageEntry>(&entry))
            take_message(lsn, index, *message);
        else if (const auto* piece = std::get_if<PieceEntry>(&entry))
            take_piece(*piece);
        ++index;
        return {};
    };
    last_ = lsn;
    return for_each_entry(record, take);
}

void Retirement::take_message(Lsn lsn, std::uint32_t index, const MessageEntry& entry) {
    const std::vector<Target> targets = live_ones(entry.targets);
    if (targets.empty()) return;
    ChunkMessage message;
    message.header = entry.header;
    message.content = entry.content;
    message.content_bytes = entry.content_bytes;
    if (entry.body_id != 0) {
        message.body = BodyRef{BodyRef::Source::pieces, entry.body_id, 0};
    } else if (targets.size() > 1 && targets.size() * entry.content.size() > kSharedBytesMin) {
        message.body = BodyRef{BodyRef::Source::shared, lsn.value(), index};
        message.content = {};
        batch_.put(
            Space::bodies, body_key(*message.body), encode_body_part(targets, entry.content));
        note_bodies(targets);
    }
    for (const Target& target : targets) {
        message.seq = target.seq;
        add(target.queue, message);
    }
}

void Retirement::take_piece(const PieceEntry& entry) {
    const std::vector<Target> targets = live_ones(entry.targets);
    if (targets.empty()) return;
    const BodyRef ref{BodyRef::Source::pieces, entry.body_id, entry.part};
    batch_.put(Space::bodies, body_key(ref), encode_body_part(targets, entry.bytes));
    note_bodies(targets);
}

void Retirement::add(QueueUid queue, ChunkMessage message) {
    const QueueState& state = *states_.at(queue);
    const auto counts = std::lower_bound(
        state.counts.begin(),
        state.counts.end(),
        message.seq,
        [](const QueueState::Counts& c, Seq seq) { return c.seq < seq; });
    if (counts != state.counts.end() && counts->seq == message.seq) {
        message.header.delivery_count = counts->delivery_count;
        message.header.return_count = counts->return_count;
    }
    const auto [touched, first_time] = touched_.try_emplace(queue);
    if (first_time) touched->second = lanes_.get(queue);
    Lane lane{queue, LaneKey{message.header.priority, false}};
    if (message.seq <= touched->second.high(lane.second)) {
        lane.second.late = true;
        ChunkBuilder alone;
        alone.add(message);
        close(lane, alone);
        touched->second.raise(lane.second, message.seq);
        return;
    }
    ChunkBuilder& chunk = open_[lane];
    const bool far = !chunk.empty() && message.seq - chunk.last() > 0xffffffffu;
    if (!chunk.empty() && (far || chunk.size() + message.content.size() > kChunkBytesMax)) {
        pending_bytes_ -= chunk.size();
        close(lane, chunk);
    }
    const std::size_t before = chunk.size();
    chunk.add(message);
    pending_bytes_ += chunk.size() - before;
    touched->second.raise(lane.second, message.seq);
}

void Retirement::close(const Lane& lane, ChunkBuilder& chunk) {
    const Seq first = chunk.first();
    batch_.put(Space::messages, chunk_key(lane.first, lane.second, first), chunk.take());
}

std::vector<Target> Retirement::live_ones(const std::vector<Target>& targets) const {
    std::vector<Target> live;
    for (const Target& target : targets) {
        if (live_.is_live(target)) live.push_back(target);
    }
    return live;
}

void Retirement::note_bodies(const std::vector<Target>& targets) {
    for (const Target& target : targets) {
        const auto [touched, first_time] = touched_.try_emplace(target.queue);
        if (first_time) touched->second = lanes_.get(target.queue);
        touched->second.bodies = true;
    }
}

ChunkDb::Batch Retirement::take_batch() {
    for (auto& [lane, chunk] : open_) close(lane, chunk);
    open_.clear();
    pending_bytes_ = 0;
    for (auto& [queue, lanes] : touched_) lanes_.set(queue, std::move(lanes));
    if (!state_written_) {
        put_state();
        put_deleted();
        state_written_ = true;
    } else {
        for (const auto& [queue, lanes] : touched_) put_queue(*states_.at(queue));
    }
    touched_.clear();
    Bytes applied;
    ByteWriter out(applied);
    out.u64(last_.value());
    out.u64(snapshot_.as_of.value());
    batch_.put(Space::meta, kMetaApplied, std::move(applied));
    return std::exchange(batch_, ChunkDb::Batch());
}

void Retirement::put_queue(const QueueState& state) {
    Bytes value = encode_stored_queue({state, lanes_.get(state.queue), false});
    const std::size_t hash = hash_of(value);
    const auto [at, is_new] = written_.queues.try_emplace(state.queue, hash);
    if (!is_new && at->second == hash) return;
    at->second = hash;
    batch_.put(Space::state, queue_key(state.queue), std::move(value));
}

void Retirement::put_state() {
    for (const QueueState& state : snapshot_.queues) put_queue(state);
    const std::size_t metadata = hash_of(snapshot_.metadata);
    if (metadata == written_.metadata) return;
    written_.metadata = metadata;
    batch_.put(Space::meta, kMetaMetadata, snapshot_.metadata);
}

void Retirement::put_deleted() {
    std::vector<QueueUid> gone;
    for (const auto& [queue, hash] : written_.queues) {
        if (!states_.contains(queue)) gone.push_back(queue);
    }
    for (const QueueUid queue : gone) {
        written_.queues.erase(queue);
        const StoredLanes lanes = lanes_.get(queue);
        if (lanes.empty()) {
            lanes_.erase(queue);
            batch_.erase(Space::state, queue_key(queue));
            continue;
        }
        // Kept until its range is empty: an unknown queue's chunks would be kept for ever.
        StoredQueue tombstone{{.queue = queue}, lanes, true};
        batch_.put(Space::state, queue_key(queue), encode_stored_queue(tombstone));
    }
}

}  // namespace lvt::storage
