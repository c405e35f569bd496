#include "storage/memory_store.h"

#include "protocol/base/assert.h"
#include "storage/piece_collector.h"

#include <algorithm>

namespace lvt::storage {

Result<Lsn> MemoryStore::recover(RecoveryVisitor& visitor) {
    ASSERT(!running_);
    if (snapshot_) LVT_TRY(visitor.on_snapshot(*snapshot_));
    PieceCollector pieces([this](std::uint64_t body_id, std::uint32_t part) {
        const auto body = bodies_.find(body_id);
        if (body == bodies_.end() || !body->second.parts.contains(part))
            return Result<std::optional<Bytes>>(std::optional<Bytes>());
        return Result<std::optional<Bytes>>(std::optional<Bytes>(body->second.parts[part]));
    });
    for (const Commit& commit : journal_) {
        auto bodies = pieces.take_in(commit.record);
        if (bodies.has_error()) return std::move(bodies).error();
        LVT_TRY(visitor.on_commit(commit.lsn, commit.record, *bodies));
    }
    return last_;
}

Result<void> MemoryStore::start(StoreEvents events) {
    events_ = std::move(events);
    running_ = true;
    return {};
}

void MemoryStore::append(Lsn lsn, Bytes record) {
    ASSERT(running_ && lsn.value() == last_.value() + 1);
    last_ = lsn;
    unsynced_.push_back({lsn, std::move(record)});
}

void MemoryStore::sync() { sync(unsynced_.size()); }

void MemoryStore::sync(std::size_t commits) {
    commits = std::min(commits, unsynced_.size());
    if (commits == 0) return;
    for (; commits > 0; --commits) {
        durable_ = unsynced_.front().lsn;
        journal_bytes_ += unsynced_.front().record.size();
        journal_.push_back(std::move(unsynced_.front()));
        unsynced_.pop_front();
    }
    apply_reclaims();
    retire_if_durable();
    events_queued_.push_back([this, lsn = durable_] { events_.on_durable(lsn); });
    if (journal_bytes_max_ != 0 && journal_bytes_ > journal_bytes_max_ && !wanted_) {
        std::uint64_t bytes = 0;
        auto last = journal_.begin();
        while (bytes += last->record.size(), bytes < journal_bytes_ / 2) ++last;
        queue_want(last->lsn);
    }
}

bool MemoryStore::step() {
    if (events_queued_.empty()) return false;
    const std::function<void()> event = std::move(events_queued_.front());
    events_queued_.pop_front();
    event();
    return true;
}

void MemoryStore::crash(std::size_t kept) {
    sync(kept);
    running_ = false;
    events_ = {};
    events_queued_.clear();
    unsynced_.clear();
    last_ = durable_;
    wanted_.reset();
    provided_.reset();
    reclaims_.clear();
    pages_.clear();
}

Result<void> MemoryStore::close() {
    sync();
    crash();
    return {};
}

void MemoryStore::queue_want(Lsn last) {
    wanted_ = last;
    events_queued_.push_back([this, last] { events_.on_want_snapshot(last); });
}

void MemoryStore::retire_early() {
    if (!wanted_ && durable_ > applied_) queue_want(durable_);
}

void MemoryStore::provide_snapshot(StateSnapshot snapshot) {
    ASSERT(wanted_ && snapshot.as_of >= *wanted_ && snapshot.as_of <= last_);
    provided_ = std::move(snapshot);
    retire_if_durable();
}

void MemoryStore::retire_if_durable() {
    if (!provided_ || provided_->as_of > durable_) return;
    events_queued_.push_back([this, last = *wanted_, taken = std::move(*provided_)]() mutable {
        retire(last, std::move(taken));
        events_.on_retired(last);
    });
    provided_.reset();
}

void MemoryStore::retire(Lsn last, StateSnapshot snapshot) {
    live_ = LiveIndex(snapshot.queues);
    for (const auto& [queue, reclaim] : reclaims_) {
        if (reclaim.after <= durable_) live_.raise_floor(queue, reclaim.floor);
    }
    while (!journal_.empty() && journal_.front().lsn <= last) {
        retire_record(journal_.front().record, live_);
        journal_bytes_ -= journal_.front().record.size();
        journal_.pop_front();
    }
    applied_ = last;
    wanted_.reset();
    snapshot_ = std::move(snapshot);
    for (auto queue = cold_.begin(); queue != cold_.end();) {
        const bool gone = live_.floor_of(queue->first) == 0;
        queue = gone ? cold_.erase(queue) : std::next(queue);
    }
    drop_dead();
}

void MemoryStore::retire_record(ByteView record, const LiveIndex& live) {
    const auto take = [&](const RecordEntry& entry) -> Result<void> {
        if (const auto* piece = std::get_if<PieceEntry>(&entry)) {
            if (!live.any_live(piece->targets)) return {};
            Body& body = bodies_[piece->body_id];
            body.targets = piece->targets;
            body.parts[piece->part] = Bytes(piece->bytes);
        } else if (const auto* message = std::get_if<MessageEntry>(&entry)) {
            for (const Target& target : message->targets) {
                if (!live.is_live(target)) continue;
                cold_[target.queue][target.seq] = ColdMessage{
                    message->header,
                    Bytes(message->content),
                    message->body_id,
                    message->content_bytes};
            }
        }
        return {};
    };
    ASSERT(for_each_entry(record, take).has_value());
}

void MemoryStore::drop_dead() {
    for (auto& [queue, messages] : cold_) {
        std::erase_if(messages, [&, uid = queue](const auto& message) {
            return live_.is_dead({uid, message.first});
        });
    }
    std::erase_if(
        bodies_, [this](const auto& body) { return !live_.any_live(body.second.targets); });
}

void MemoryStore::reclaim(QueueUid queue, Seq floor) {
    reclaims_[queue] = Reclaim{floor, last_};
    apply_reclaims();
}

void MemoryStore::apply_reclaims() {
    bool any = false;
    for (const auto& [queue, reclaim] : reclaims_) {
        if (reclaim.after > durable_) continue;
        live_.raise_floor(queue, reclaim.floor);
        any = true;
    }
    std::erase_if(reclaims_, [this](const auto& r) { return r.second.after <= durable_; });
    if (any) drop_dead();
}

void MemoryStore::write_page(PageId id, Bytes bytes) {
    events_queued_.push_back([this, size = bytes.size()] { events_.on_pages_settled(size); });
    pages_[id] = std::move(bytes);
}

void MemoryStore::take_page(PageId id) {
    events_queued_.push_back([this, id] {
        auto page = pages_.extract(id);
        ASSERT(page);
        events_.on_page({id, std::move(page.mapped())});
    });
}

void MemoryStore::drop_page(PageId id) { ASSERT(pages_.erase(id) == 1); }

void MemoryStore::read(QueueUid queue, Seq from, Seq to, std::size_t bytes_max) {
    events_queued_.push_back([this, queue, from, to, bytes_max] {
        events_.on_read(cold_batch(queue, from, to, bytes_max));
    });
}

ColdBatch MemoryStore::cold_batch(QueueUid queue, Seq from, Seq to, std::size_t bytes_max) const {
    ColdBatch batch{queue, from, {}, to};
    const auto messages = cold_.find(queue);
    if (messages == cold_.end()) return batch;
    std::size_t bytes = 0;
    const auto& all = messages->second;
    for (auto at = all.lower_bound(from); at != all.end() && at->first < to; ++at) {
        const ColdMessage& cold = at->second;
        Bytes content = cold.content;
        if (cold.body_id != 0) {
            const auto body = bodies_.find(cold.body_id);
            ASSERT(body != bodies_.end());
            for (const auto& [part, bytes_of_part] : body->second.parts) content += bytes_of_part;
        }
        bytes += content.size();
        batch.messages.push_back({at->first, cold.header, std::move(content)});
        if (bytes >= bytes_max && std::next(at) != all.end()) {
            batch.covered = at->first + 1;
            break;
        }
    }
    return batch;
}

std::size_t MemoryStore::cold_messages() const {
    std::size_t count = 0;
    for (const auto& [queue, messages] : cold_) count += messages.size();
    return count;
}

}  // namespace lvt::storage
