// What the store tells at start, what it is told while it retires, and what a clean stop leaves behind.
#include "broker/core/core_state.h"
#include "broker/core/message_codec.h"
#include "protocol/base/byte_writer.h"

#include <algorithm>

namespace lvt::broker {

using storage::Lsn;
using storage::Seq;

namespace {

// Metadata in a snapshot, frozen on disk:
//   u8 format version (1) | metadata version u64 | next queue uid u64 | { u32 length, command } *
constexpr std::uint8_t kMetadataFormat = 1;

}  // namespace

Result<void> CoreState::on_snapshot(storage::StateSnapshot snapshot) {
    ByteReader in(snapshot.metadata);
    const std::uint8_t format = in.u8();
    if (format != kMetadataFormat) {
        return Error{ErrorKind::unsupported, fmt::format("metadata of version {}", format)};
    }
    commits_.set_metadata_version(in.u64());
    topology_.reserve_queue_uids(storage::QueueUid(in.u64()));
    const auto commands = read_commands(in, "metadata");
    if (commands.has_error()) return commands.error();
    for (const MetadataCommand& command : *commands) LVT_TRY(topology_.apply(command));
    snapshot_as_of_ = snapshot.as_of;
    for (storage::QueueState& state : snapshot.queues) {
        Queue* const queue = topology_.find_queue(state.queue);
        if (!queue) continue;
        QueueDurability& disk = queue->disk;
        queue->machine.set_next_seq(state.next_seq);
        disk.settled.raise_floor(state.floor);
        for (const storage::SeqRun& run : state.settled) disk.settled.insert_run(run);
        disk.live_messages = state.live_messages;
        disk.live_bytes = state.live_bytes;
        if (state.delivering) disk.recovered_delivered_end = ~Seq{0};
        for (const storage::SeqRun& run : state.delivered) disk.recovered_delivered.insert_run(run);
        for (const auto& counts : state.counts) disk.counts[counts.seq] = counts;
    }
    return {};
}

Result<void> CoreState::on_commit(
    Lsn lsn, ByteView record, const std::map<std::uint64_t, Bytes>& bodies) {
    storage::RecordReader reader(record);
    for (;;) {
        auto entry = reader.next();
        if (entry.has_error()) return std::move(entry).error();
        if (!entry->has_value()) return {};
        auto done =
            std::visit([&](const auto& e) { return recover_entry(lsn, e, bodies); }, **entry);
        LVT_TRY(std::move(done));
    }
}

Result<void> CoreState::recover_entry(Lsn, const storage::MetadataEntry& entry, const Bodies&) {
    if (entry.version <= commits_.metadata_version()) return {};
    const auto command = decode_metadata(entry.command);
    if (command.has_error()) return command.error();
    commits_.set_metadata_version(entry.version);
    if (const auto* const gone = std::get_if<DeleteQueue>(&*command)) {
        const VirtualHost* const vhost = topology_.find_vhost(gone->vhost);
        const Queue* const queue = vhost ? vhost->find_queue(gone->name) : nullptr;
        if (queue) recovered_.erase(queue->uid);
    }
    return topology_.apply(*command);
}

Result<void> CoreState::recover_entry(Lsn, const storage::GroupEntry& entry, const Bodies&) {
    if (cluster::GroupId(entry.group) != cluster::kMetadataGroup) {
        return Error{
            ErrorKind::unsupported,
            fmt::format("the data directory knows of a group {} of a later version", entry.group)};
    }
    if (!group_log_) group_log_.emplace();
    return group_log_->replay(entry.record);
}

/// Seqs are written in order: what was left out was transient, or settled before its commit.
void CoreState::skip_to(Queue& queue, Seq seq) {
    const Seq next = queue.machine.next_seq();
    if (seq < next) return;
    queue.disk.settled.insert_run({next, seq - next});
    queue.machine.set_next_seq(seq + 1);
}

Result<void> CoreState::recover_entry(
    Lsn lsn, const storage::MessageEntry& entry, const Bodies& bodies) {
    ByteView content = entry.content;
    if (entry.body_id) {
        const auto found = bodies.find(entry.body_id);
        if (found == bodies.end()) {
            // Its pieces were retired and not kept: somebody has settled it in what follows.
            for (const storage::Target& target : entry.targets) {
                if (Queue* const queue = topology_.find_queue(target.queue)) {
                    skip_to(*queue, target.seq);
                    queue->disk.settled.insert(target.seq);
                }
            }
            return {};
        }
        content = found->second;
    }
    MessagePtr message;
    for (const storage::Target& target : entry.targets) {
        Queue* const queue = topology_.find_queue(target.queue);
        if (!queue) continue;
        QueueDurability& disk = queue->disk;
        skip_to(*queue, target.seq);
        if (disk.settled.contains(target.seq)) continue;
        if (!message) {
            auto decoded = decode_message(pool_, content);
            if (decoded.has_error()) return std::move(decoded).error();
            message = std::move(*decoded);
            message.mutable_get()->set_published_at_ms(entry.header.published_at_ms);
        }
        if (lsn > snapshot_as_of_) {
            ++disk.live_messages;
            disk.live_bytes += message->charge();
        }
        QueuedMessage queued;
        queued.seq = target.seq;
        queued.message = message;
        queued.delivery_count = entry.header.delivery_count;
        queued.return_count = static_cast<std::uint16_t>(entry.header.return_count);
        recovered_[queue->uid].emplace(target.seq, std::move(queued));
        if (disk.commit_marks.empty() || disk.commit_marks.back().first != lsn) {
            disk.commit_marks.emplace_back(lsn, target.seq + 1);
        } else {
            disk.commit_marks.back().second = target.seq + 1;
        }
    }
    return {};
}

Result<void> CoreState::recover_entry(Lsn, const storage::PieceEntry&, const Bodies&) { return {}; }

Result<void> CoreState::recover_entry(Lsn lsn, const storage::SettledEntry& entry, const Bodies&) {
    Queue* const queue = topology_.find_queue(entry.queue);
    if (!queue) return {};
    for (const storage::SeqRun& run : entry.runs) recover_settled(lsn, *queue, run);
    return {};
}

Result<void> CoreState::recover_entry(Lsn lsn, const storage::FloorEntry& entry, const Bodies&) {
    Queue* const queue = topology_.find_queue(entry.queue);
    if (queue) recover_settled(lsn, *queue, {1, entry.floor - 1});
    return {};
}

/// A run may name messages that never reached the disk, and ones that the snapshot has settled already.
void CoreState::recover_settled(Lsn lsn, Queue& queue, storage::SeqRun run) {
    QueueDurability& disk = queue.disk;
    const Seq next = queue.machine.next_seq();
    const std::uint64_t beyond = run.end() > next ? run.end() - std::max(next, run.first) : 0;
    const std::uint64_t fresh = disk.settled.insert_run(run);
    if (run.end() > next) {
        if (run.first > next) disk.settled.insert_run({next, run.first - next});
        queue.machine.set_next_seq(run.end());
    }
    // Only what stood in a commit counts as a message.
    if (lsn > snapshot_as_of_) {
        disk.live_messages -= std::min(disk.live_messages, fresh - std::min(fresh, beyond));
    }
    const auto found = recovered_.find(queue.uid);
    if (found == recovered_.end()) return;
    auto& entries = found->second;
    for (auto at = entries.lower_bound(run.first); at != entries.end() && at->first < run.end();) {
        disk.live_bytes -= std::min<std::uint64_t>(disk.live_bytes, at->second.message->charge());
        at = entries.erase(at);
    }
}

Result<void> CoreState::recover_entry(Lsn, const storage::CountsEntry& entry, const Bodies&) {
    if (Queue* const queue = topology_.find_queue(entry.queue)) {
        queue->disk.counts[entry.seq] = {entry.seq, entry.delivery_count, entry.return_count};
    }
    return {};
}

Result<void> CoreState::recover_entry(Lsn, const storage::DeliveringEntry& entry, const Bodies&) {
    if (Queue* const queue = topology_.find_queue(entry.queue)) {
        queue->disk.recovered_delivered_end = ~Seq{0};
    }
    return {};
}

Result<void> CoreState::recover_entry(
    Lsn, const storage::DeliveredAtStopEntry& entry, const Bodies&) {
    Queue* const queue = topology_.find_queue(entry.queue);
    if (!queue) return {};
    queue->disk.recovered_delivered_end = 0;
    queue->disk.recovered_delivered.clear();
    for (const storage::SeqRun& run : entry.runs) queue->disk.recovered_delivered.insert_run(run);
    return {};
}

Result<void> CoreState::finish_recovery(Lsn last, Time now) {
    now_ = now;
    commits_.set_last(last);
    apply_changed_policies();
    topology_.for_each_queue([&](Queue& queue) { restore_queue(queue); });
    recovered_.clear();
    if (!clustered() && topology_.applied().index > 0) {
        return Error{
            ErrorKind::invalid,
            "cluster.listener: the data directory belongs to a node of a cluster; the key must be "
            "set"};
    }
    if (!clustered() && topology_.vhosts().empty() && !options_.default_vhost.empty()) {
        for (const MetadataCommand& command : default_commands()) change(command, true);
    }
    topology_.for_each_queue([&](Queue& queue) { apply_settings(queue); });
    // A crash may have come between an exchange and its delay queue.
    for (const auto& [vhost_name, vhost] : topology_.vhosts()) {
        for (const auto& [name, exchange] : vhost->exchanges()) {
            make_delay_queue(*exchange, vhost_name);
        }
    }
    return {};
}

void CoreState::restore_queue(Queue& queue) {
    QueueDurability& disk = queue.disk;
    const Seq next = queue.machine.next_seq();
    disk.recovered_delivered_end = std::min(disk.recovered_delivered_end, next);
    // The mark of an earlier process goes on: what is handed out now needs no new one.
    if (disk.recovered_delivered_end) disk.delivering = QueueDurability::Delivering::durable;
    const auto found = recovered_.find(queue.uid);
    std::map<Seq, QueuedMessage> none;
    auto& entries = found == recovered_.end() ? none : found->second;
    const Seq first = entries.empty() ? next : entries.begin()->first;
    disk.stored_end = first;
    if (disk.live_messages > entries.size()) {
        ColdRange cold;
        cold.from = disk.settled.floor();
        cold.to = first;
        cold.count = disk.live_messages - entries.size();
        cold.bytes = disk.live_bytes;
        for (const auto& [seq, entry] : entries) {
            cold.bytes -= std::min<std::uint64_t>(cold.bytes, entry.message->charge());
        }
        queue.machine.set_cold(cold);
    } else {
        disk.live_messages = entries.size();
    }
    for (auto& [seq, entry] : entries) {
        storage::MessageHeader header;
        header.delivery_count = entry.delivery_count;
        header.return_count = entry.return_count;
        restore_counts(queue, header, entry);
        queue.keeps_house = queue.keeps_house || entry.message->expires();
        queue.machine.set_next_seq(seq);
        queue.machine.enqueue(std::move(entry));
    }
    queue.machine.set_next_seq(next);
}

void CoreState::restore_counts(
    const Queue& queue, const storage::MessageHeader& header, QueuedMessage& entry) const {
    const QueueDurability& disk = queue.disk;
    entry.delivery_count = header.delivery_count;
    entry.return_count = static_cast<std::uint16_t>(header.return_count);
    if (const auto counts = disk.counts.find(entry.seq); counts != disk.counts.end()) {
        entry.delivery_count = counts->second.delivery_count;
        entry.return_count = static_cast<std::uint16_t>(counts->second.return_count);
    }
    entry.delivered = entry.delivery_count > 0 || entry.seq < disk.recovered_delivered_end ||
                      disk.recovered_delivered.contains(entry.seq);
}

/// What retires may hold all that there is of the group's log: that is written anew first.
void CoreState::on_want_snapshot() {
    if (clustered())
        output_.checkpoint_wanted = true;
    else
        snapshot_wanted_ = true;
}

std::unique_ptr<storage::StateSnapshot> CoreState::make_snapshot(Lsn as_of) const {
    auto snapshot = std::make_unique<storage::StateSnapshot>();
    snapshot->as_of = as_of;
    ByteWriter out(snapshot->metadata);
    out.u8(kMetadataFormat);
    out.u64(commits_.metadata_version());
    out.u64(topology_.next_queue_uid().value() - 1);
    for (const MetadataCommand& command :
         clustered() ? topology_.cluster_commands() : topology_.durable_commands()) {
        out.long_string(encode_metadata(command));
    }
    topology_.for_each_queue([&](const Queue& queue) {
        if (!queue.persistent || !is_here(queue)) return;
        const QueueDurability& disk = queue.disk;
        const QueueSettings& queue_settings = queue.settings;
        storage::QueueState state;
        state.queue = queue.uid;
        state.next_seq = queue.machine.next_seq();
        state.floor = disk.settled.floor();
        state.settled = disk.settled.runs();
        state.live_messages = disk.live_messages;
        state.live_bytes = disk.live_bytes;
        state.delivering = disk.delivering != QueueDurability::Delivering::no;
        state.delivered = disk.recovered_delivered.all_runs();
        queue.machine.for_each_resident([&](const QueuedMessage& entry) {
            if (!entry.message->persistent()) return;
            if (entry.return_count == 0 && !queue_settings.delivery_limit) return;
            state.counts.push_back({entry.seq, entry.delivery_count, entry.return_count});
        });
        snapshot->queues.push_back(std::move(state));
    });
    return snapshot;
}

/// When the last connection has gone: exactly which of the waiting messages were handed out before.
void CoreState::write_clean_stop() {
    for (const auto& lane : sessions_) {
        for (const auto& session : lane) {
            if (session) return;
        }
    }
    if (!commits_.enabled()) {
        stop_ticket_ = commits_.ticket();
        return;
    }
    topology_.for_each_queue([&](const Queue& queue) {
        if (!queue.persistent || !is_here(queue)) return;
        const QueueDurability& disk = queue.disk;
        SeqSet delivered;
        const ColdRange& cold = queue.machine.cold();
        const Seq cold_end = std::min(cold.to, disk.recovered_delivered_end);
        if (cold.active() && cold_end > cold.from) {
            delivered.insert_run({cold.from, cold_end - cold.from});
        }
        for (const storage::SeqRun& run : disk.recovered_delivered.all_runs()) {
            if (cold.active()) delivered.insert_run(run);
        }
        queue.machine.for_each_resident([&](const QueuedMessage& entry) {
            if (entry.delivered) delivered.insert(entry.seq);
        });
        commits_.add_delivered_at_stop(queue.uid, delivered.all_runs());
    });
    stop_ticket_ = commits_.ticket();
    commits_.build(output_.store, topology_);
}

}  // namespace lvt::broker
