#include "tests/storage/store_model.h"

#include "storage/live_index.h"
#include "storage/piece_collector.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lvt::storage {

Bytes content_of(std::uint64_t id, std::size_t size) {
    Bytes content(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        content[i] = static_cast<char>((id * 0x9e3779b97f4a7c15ull + i * (id | 1)) >> 13);
    return content;
}

Seq StoreModel::floor_of(const ModelState& state, QueueUid queue) {
    const auto at = state.queues.find(queue);
    if (at == state.queues.end()) return 0;
    return at->second.live.empty() ? at->second.next_seq : at->second.live.begin()->first;
}

QueueUid StoreModel::pick_queue(ModelState& state) {
    while (state.queues.size() < mix_.queues) state.queues[QueueUid{next_queue_++}];
    return std::next(
               state.queues.begin(),
               static_cast<std::ptrdiff_t>(random_.next() % state.queues.size()))
        ->first;
}

void StoreModel::publish(RecordWriter& out, ModelState& state) {
    ModelState::Message message;
    message.content_id = next_id_++;
    message.header.published_at_ms = 1000 + message.content_id;
    message.header.priority = random_.next() % 8 == 0 ? 5 : 0;
    if (random_.next() % 5 == 0) message.header.expires_at_ms = 99;
    const bool large = mix_.large_one_in != 0 && random_.next() % mix_.large_one_in == 0;
    message.size = large ? kPieceBytes + random_.next() % (2 * kPieceBytes)
                         : random_.next() % mix_.body_bytes_max;
    std::set<QueueUid> queues{pick_queue(state)};
    if (random_.next() % 6 == 0) queues.insert(pick_queue(state));
    std::vector<Target> targets;
    for (const QueueUid queue : queues) targets.push_back({queue, state.queues[queue].next_seq++});
    if (large) {
        large_.push_back({message.content_id, targets, message, 0});
        return;
    }
    const Bytes content = content_of(message.content_id, message.size);
    const ByteView view = content;
    out.message(
        targets, message.header, view.substr(0, view.size() / 3), view.substr(view.size() / 3));
    for (const Target& target : targets) state.queues[target.queue].live[target.seq] = message;
}

void StoreModel::continue_large(RecordWriter& out, ModelState& state) {
    if (large_.empty()) return;
    Large& large = large_.front();
    const std::uint32_t parts = pieces_of(large.message.size);
    if (large.next_part < parts) {
        const Bytes content = content_of(large.message.content_id, large.message.size);
        out.piece(
            large.targets,
            large.body_id,
            large.next_part,
            ByteView(content).substr(large.next_part * kPieceBytes, kPieceBytes));
        ++large.next_part;
        return;
    }
    out.message_in_pieces(large.targets, large.message.header, large.body_id, large.message.size);
    for (const Target& target : large.targets) {
        const auto queue = state.queues.find(target.queue);
        if (queue != state.queues.end()) queue->second.live[target.seq] = large.message;
    }
    large_.erase(large_.begin());
}

void StoreModel::settle(RecordWriter& out, ModelState& state) {
    const QueueUid queue = pick_queue(state);
    auto& live = state.queues[queue].live;
    if (live.empty()) return;
    if (random_.next() % 30 == 0) {
        const Seq floor = state.queues[queue].next_seq;
        for (const Large& large : large_) {
            for (const Target& target : large.targets)
                if (target.queue == queue) return;
        }
        out.floor(queue, floor);
        live.clear();
        return;
    }
    // From the head most often, as consumers do.
    auto at = live.begin();
    if (random_.next() % 4 == 0)
        std::advance(at, static_cast<std::ptrdiff_t>(random_.next() % live.size()));
    std::vector<SeqRun> runs;
    for (std::uint64_t n = 1 + random_.next() % 6; n > 0 && at != live.end(); --n) {
        if (!runs.empty() && runs.back().end() == at->first) {
            ++runs.back().count;
        } else {
            runs.push_back({at->first, 1});
        }
        at = live.erase(at);
    }
    out.settled(queue, runs);
}

void StoreModel::delete_queue(RecordWriter& out, ModelState& state) {
    const QueueUid queue = pick_queue(state);
    for (const Large& large : large_) {
        for (const Target& target : large.targets)
            if (target.queue == queue) return;
    }
    out.metadata(next_id_, "delete " + std::to_string(queue.value()));
    state.metadata = std::to_string(next_id_);
    state.queues.erase(queue);
}

Bytes StoreModel::next_commit() {
    RecordWriter out;
    ModelState state = history_.at(last_);
    for (std::uint64_t n = 1 + random_.next() % 8; n > 0; --n) {
        if (random_.next() % 150 == 0) delete_queue(out, state);
        if (random_.next() % 10 < mix_.settles) {
            settle(out, state);
        } else {
            publish(out, state);
        }
    }
    if (random_.next() % 2 == 0) continue_large(out, state);
    return finish(out, std::move(state));
}

Bytes StoreModel::drain_commit() {
    RecordWriter out;
    ModelState state = history_.at(last_);
    for (auto& [uid, queue] : state.queues) {
        out.floor(uid, queue.next_seq);
        queue.live.clear();
    }
    large_.clear();
    return finish(out, std::move(state));
}

Bytes StoreModel::finish(RecordWriter& out, ModelState state) {
    last_ = Lsn{last_.value() + 1};
    history_[last_] = std::move(state);
    Bytes record = out.take();
    (void)for_each_entry(record, [&](const RecordEntry& entry) -> Result<void> {
        if (const auto* message = std::get_if<MessageEntry>(&entry)) {
            for (const Target& target : message->targets)
                journaled_[{target.queue, target.seq}] = last_;
        }
        return {};
    });
    return record;
}

StateSnapshot StoreModel::snapshot() const {
    const ModelState& state = history_.at(last_);
    StateSnapshot snapshot{last_, state.metadata, {}};
    std::set<std::pair<QueueUid, Seq>> unfinished;
    for (const Large& large : large_) {
        for (const Target& target : large.targets) unfinished.insert({target.queue, target.seq});
    }
    for (const auto& [uid, queue] : state.queues) {
        QueueState out{
            .queue = uid, .next_seq = queue.next_seq, .live_messages = queue.live.size()};
        out.floor = floor_of(state, uid);
        for (const auto& [target, seq] : unfinished)
            if (target == uid) out.floor = std::min(out.floor, seq);
        for (Seq seq = out.floor; seq < queue.next_seq; ++seq) {
            if (queue.live.contains(seq) || unfinished.contains({uid, seq})) continue;
            if (!out.settled.empty() && out.settled.back().end() == seq) {
                ++out.settled.back().count;
            } else {
                out.settled.push_back({seq, 1});
            }
        }
        snapshot.queues.push_back(std::move(out));
    }
    return snapshot;
}

void StoreModel::begin_recovery() {
    recovered_ = {};
    journaled_.clear();
}

Result<void> StoreModel::on_snapshot(StateSnapshot snapshot) {
    recovered_.as_of = snapshot.as_of;
    recovered_.metadata = snapshot.metadata;
    for (QueueState& queue : snapshot.queues) recovered_.queues[queue.queue] = std::move(queue);
    return {};
}

Result<void> StoreModel::on_commit(
    Lsn lsn, ByteView record, const std::map<std::uint64_t, Bytes>& bodies) {
    return for_each_entry(record, [&](const RecordEntry& entry) -> Result<void> {
        apply(lsn, entry, bodies);
        return {};
    });
}

void StoreModel::apply(
    Lsn lsn, const RecordEntry& entry, const std::map<std::uint64_t, Bytes>& bodies) {
    const auto* message = std::get_if<MessageEntry>(&entry);
    if (message == nullptr) return;
    for (const Target& target : message->targets) {
        journaled_[{target.queue, target.seq}] = lsn;
        Bytes& content = recovered_.hot[target.queue][target.seq];
        content = Bytes(message->content);
        if (message->body_id == 0) continue;
        const auto body = bodies.find(message->body_id);
        if (body != bodies.end()) content = body->second;
    }
}

void StoreModel::end_recovery(Lsn last, Lsn durable) {
    EXPECT_GE(last, durable);
    ASSERT_LE(last, last_);
    EXPECT_LE(recovered_.as_of, last);
    history_.erase(history_.upper_bound(last), history_.end());
    last_ = last;
    large_.clear();
    // Unfinished large messages are holes now; nothing of them may be asked for again.
    for (const auto& [uid, queue] : state().queues)
        next_queue_ = std::max(next_queue_, uid.value() + 1);
    if (recovered_.as_of == Lsn{}) return;
    // The snapshot is the model's of that commit.
    const ModelState& then = history_.at(recovered_.as_of);
    EXPECT_EQ(recovered_.metadata, then.metadata);
    EXPECT_EQ(recovered_.queues.size(), then.queues.size());
    for (const auto& [uid, queue] : then.queues) {
        const QueueState& stored = recovered_.queues[uid];
        EXPECT_EQ(stored.next_seq, queue.next_seq);
        EXPECT_EQ(stored.live_messages, queue.live.size());
        for (const auto& [seq, message] : queue.live) {
            EXPECT_GE(seq, stored.floor);
            EXPECT_FALSE(contains(stored.settled, seq));
        }
    }
}

void StoreModel::on_retired(Lsn last) {
    std::erase_if(journaled_, [&](const auto& entry) { return entry.second <= last; });
}

void StoreModel::check_queue(QueueUid uid, const std::vector<StoredMessage>& cold) {
    const ModelState::Queue& queue = state().queues.at(uid);
    std::map<Seq, const StoredMessage*> by_seq;
    Seq before = 0;
    for (const StoredMessage& message : cold) {
        EXPECT_GT(message.seq, before) << "read() is not in order";
        before = message.seq;
        by_seq[message.seq] = &message;
    }
    for (const auto& [seq, message] : queue.live) {
        const Bytes expected = content_of(message.content_id, message.size);
        if (journaled_.contains({uid, seq})) {
            const auto hot = recovered_.hot[uid].find(seq);
            if (hot != recovered_.hot[uid].end()) {
                EXPECT_TRUE(hot->second == expected) << seq;
            }
            continue;
        }
        const auto at = by_seq.find(seq);
        ASSERT_NE(at, by_seq.end())
            << "message " << seq << " of queue " << uid.value() << " is lost";
        EXPECT_TRUE(at->second->content == expected) << seq;
        EXPECT_EQ(at->second->header, message.header);
    }
}

std::vector<QueueUid> StoreModel::queues() const {
    std::vector<QueueUid> all;
    for (const auto& [uid, queue] : state().queues) all.push_back(uid);
    return all;
}

}  // namespace lvt::storage
