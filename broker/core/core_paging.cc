// Queues that outgrow their memory: what is put out of it, to the store or to pages, and what comes back.
#include "broker/core/core_state.h"
#include "broker/core/message_codec.h"
#include "broker/core/page_codec.h"

#include <algorithm>

namespace lvt::broker {

namespace {

constexpr std::size_t kReadBytes = 1024 * 1024;
/// What a queue keeps in memory at its head when the rest is paged out.
constexpr std::uint64_t kHeadBytes = 256 * 1024;
/// Of messages in a page (storage::Scratch), by Message::charge(); one message may be more.
constexpr std::uint64_t kPageBytes = 512 * 1024;
constexpr std::size_t kPagesAtOnce = 16;
/// So much of durable queues may be in pages before the store is to have it too.
constexpr std::uint64_t kPagedBeforeRetire = 128 * 1024 * 1024;
/// Pages that are not on the disk yet hold memory too.
constexpr std::uint64_t kUnwrittenPagesMax = 16 * 1024 * 1024;

}  // namespace

void CoreState::request_page_in(Queue& queue) {
    if (queue.reading) return;
    queue.reading = true;
    const ColdRange& cold = queue.machine.cold();
    output_.store.push_back(ReadRequest{queue.uid, cold.from, cold.to, kReadBytes});
}

void CoreState::on_read(storage::ColdBatch batch) {
    Queue* const queue = topology_.find_queue(batch.queue);
    if (!queue) return;
    queue->reading = false;
    QueueDurability& disk = queue->disk;
    stats_.disk_reads += batch.messages.size();
    std::vector<QueuedMessage> entries;
    for (storage::StoredMessage& stored : batch.messages) {
        if (disk.settled.contains(stored.seq)) continue;
        auto message = decode_message(pool_, stored.content);
        if (message.has_error()) {
            log_.log(
                LogLevel::critical,
                "queue '{}': stored message {} is unreadable: {}",
                queue->name,
                stored.seq,
                message.error().message);
            continue;
        }
        QueuedMessage entry;
        entry.seq = stored.seq;
        entry.message = std::move(*message);
        entry.message.mutable_get()->set_published_at_ms(stored.header.published_at_ms);
        restore_counts(*queue, stored.header, entry);
        queue->keeps_house = queue->keeps_house || entry.message->expires();
        entries.push_back(std::move(entry));
    }
    queue->machine.page_in(std::move(entries), batch.covered);
    arrived_from_disk(*queue);
}

void CoreState::page_out_if_needed() {
    const std::uint64_t limit = options_.resident_bytes_max;
    if (topology_.resident_bytes() <= limit) return;
    if (now_.monotonic < next_page_out_) return;
    constexpr Milliseconds kPause{20};
    next_page_out_ = now_.monotonic + kPause;
    for_each_large_queue(limit, [&](Queue& queue) {
        if (queue.persistent) queue.machine.page_out(queue.disk.stored_end, kHeadBytes);
    });
    write_pages(limit);
    // A restart would bring back into memory what only the journal has.
    if (paged_persistent_bytes_ > kPagedBeforeRetire && !retire_requested_) {
        retire_requested_ = true;
        paged_persistent_bytes_ = 0;
        output_.store.emplace_back(std::in_place_type<RetireEarlyRequest>);
    }
}

/// Calls visit(Queue&) for those that hold more than their head in memory, while there is more than `limit`.
template <class Visit>
void CoreState::for_each_large_queue(std::uint64_t limit, Visit&& visit) {
    for (const auto& [name, vhost] : topology_.vhosts()) {
        for (const auto& [queue_name, queue] : vhost->queues()) {
            if (topology_.resident_bytes() <= limit) return;
            if (queue->machine.resident_bytes() > 2 * kHeadBytes) visit(*queue);
        }
    }
}

void CoreState::write_pages(std::uint64_t limit) {
    const std::uint64_t enough = limit - limit / 8;
    std::size_t left = kPagesAtOnce;
    for_each_large_queue(enough, [&](Queue& queue) {
        while (left > 0 && unwritten_page_bytes_ < kUnwrittenPagesMax &&
               topology_.resident_bytes() > enough &&
               queue.machine.resident_bytes() > 2 * kHeadBytes) {
            const storage::PageId id(last_page_id_.value() + 1);
            const std::vector<QueuedMessage> entries =
                queue.machine.page_out_to(id, kHeadBytes, kPageBytes, !queue.persistent);
            if (entries.empty()) return;
            last_page_id_ = id;
            if (queue.persistent) paged_persistent_bytes_ += kPageBytes;
            Bytes page = encode_page(entries);
            unwritten_page_bytes_ += page.size();
            output_.store.push_back(WritePageRequest{id, std::move(page)});
            --left;
        }
    });
}

void CoreState::on_pages_settled(std::uint64_t bytes) {
    unwritten_page_bytes_ -= std::min(unwritten_page_bytes_, bytes);
}

/// What consumers will ask for next.
void CoreState::read_ahead(Queue& queue) {
    if (queue.machine.runs_low()) return request_page_in(queue);
    if (queue.loading) return;
    const std::optional<storage::PageId> page = queue.machine.wanted_page();
    if (!page) return;
    queue.loading = page;
    loading_pages_[*page] = queue.uid;
    output_.store.push_back(TakePageRequest{*page});
}

void CoreState::on_page(storage::Page page, Time now) {
    now_ = now;
    const auto loading = loading_pages_.extract(page.id);
    if (!loading) return;
    Queue* const found = topology_.find_queue(loading.mapped());
    if (!found) return;
    Queue& queue = *found;
    queue.loading.reset();
    auto entries = decode_page(pool_, page.bytes);
    ASSERT(entries.has_value());
    queue.machine.page_in(page.id, std::move(*entries));
    arrived_from_disk(queue);
}

void CoreState::arrived_from_disk(Queue& queue) {
    list_to_run(queue);
    for (const ChannelKey& key : std::exchange(queue.waiting_gets, {})) {
        if (ChannelState* const channel = find_channel(key)) resume(*channel);
    }
}

void CoreState::settle_page(Queue& queue, const QueuePage& page) {
    QueueDurability& disk = queue.disk;
    for (const storage::SeqRun& run : page.persistent) {
        disk.settled.insert_run(run);
        disk.unwritten.push_back(run);
        disk.live_messages -= std::min(disk.live_messages, run.count);
    }
    disk.live_bytes -= std::min(disk.live_bytes, page.persistent_bytes);
    commits_.add_dirty(queue, now_.monotonic + options_.state_interval);
}

void CoreState::drop_pages(const Queue& queue) {
    queue.machine.for_each_page([&](const QueuePage& page) {
        // One that is on its way here finds nobody waiting.
        if (loading_pages_.erase(page.id) == 0) output_.store.push_back(DropPageRequest{page.id});
    });
}

void CoreState::on_retired(storage::Lsn last) {
    retire_requested_ = false;
    next_page_out_ = Milliseconds{0};
    for (const auto& [name, vhost] : topology_.vhosts()) {
        for (const auto& [queue_name, queue] : vhost->queues()) {
            auto& marks = queue->disk.commit_marks;
            auto mark = marks.begin();
            while (mark != marks.end() && mark->first <= last) {
                queue->disk.stored_end = (mark++)->second;
            }
            marks.erase(marks.begin(), mark);
        }
    }
}

void CoreState::reclaim(Queue& queue) {
    if (queue.disk.stored_end <= queue.disk.reclaimed_end) return;
    queue.disk.reclaimed_end = queue.disk.stored_end;
    wait(
        {commits_.ticket(),
         {},
         Waiter::Reclaim{ReclaimRequest{queue.uid, queue.disk.settled.floor()}}});
}

}  // namespace lvt::broker
