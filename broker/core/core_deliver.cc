// Hand-outs, settles and returns.
#include "broker/core/core_state.h"

#include <algorithm>
#include <limits>

namespace lvt::broker {

using storage::Seq;

namespace {

/// Design 7.3: without any ack, so many hand-outs of a closing channel count as tried.
constexpr std::uint64_t kTriedWithoutAck = 8;
/// With so many messages ready a consumer is behind, and about so many are read from a publisher at once then.
constexpr std::uint64_t kMessagesBehind = 128;
/// What a publish takes beside its body, about.
constexpr std::uint64_t kFramingBytes = 96;
constexpr std::size_t kReadBytesMin = 16 * 1024;
constexpr Milliseconds kBehindFor{20};

}  // namespace

void CoreState::list_to_run(Queue& queue) {
    if (queue.listed_to_run) return;
    queue.listed_to_run = true;
    to_run_.push_back(queue.uid);
}

void CoreState::run_queues() {
    while (!to_run_.empty()) {
        running_.swap(to_run_);
        for (const storage::QueueUid uid : running_) {
            Queue* const queue = topology_.find_queue(uid);
            if (!queue) continue;
            queue->listed_to_run = false;
            run_queue(*queue);
        }
        running_.clear();
    }
}

bool CoreState::may_hand_out(const Queue& queue) const {
    return !commits_.enabled() || !queue.persistent ||
           queue.disk.delivering == QueueDurability::Delivering::durable;
}

void CoreState::open_for_delivery(Queue& queue) {
    if (may_hand_out(queue) || queue.disk.delivering != QueueDurability::Delivering::no) return;
    queue.disk.delivering = QueueDurability::Delivering::requested;
    commits_.add_delivering(queue.uid);
    commits_.request();
    wait({commits_.ticket(), {}, Waiter::QueueOpened{queue.uid}});
}

void CoreState::run_queue(Queue& queue) {
    if (!queue.keeps_house) return hand_out(queue);
    if (queue.delayed) return run_delay_queue(queue);
    drop_expired_before_turn(queue);
    hand_out(queue);
    keep_house(queue);
}

/// What came in this turn is handed out first, whatever its time.
void CoreState::drop_expired_before_turn(Queue& queue) {
    const Milliseconds began = turn_began_.value_or(now_.wall);
    drop_expired(queue, static_cast<std::uint64_t>(began.count()), 1);
}

void CoreState::hand_out(Queue& queue) {
    if (!may_hand_out(queue)) return;
    const bool counted = queue.settings.type == QueueType::quorum;
    while (Consumer* const consumer = queue.machine.next_consumer()) {
        QueuedMessage entry = queue.machine.hand_out(*consumer);
        ChannelState& channel = *consumer->channel;
        SessionState& session = *channel.session;
        consumer->served_at = ++hand_outs_;
        const bool was_delivered = entry.delivered;
        count_consumed(queue, channel, consumer->no_ack, was_delivered);
        if (any_traced_) trace_delivered(channel, queue, *entry.message, was_delivered);
        const std::uint64_t ordinal = channel.next_ordinal++;
        DeliveryIndex index = 0;
        MessagePtr shown;
        if (counted && entry.delivery_count > 0) [[unlikely]]
            shown = with_delivery_count(entry);
        else if (entry.message->hides_bcc()) [[unlikely]]
            shown = as_seen(entry.message);
        if (consumer->no_ack) {
            settle_on_disk(queue, entry.seq, *entry.message);
            if (!shown) shown = std::move(entry.message);
        } else {
            if (!shown) shown = entry.message;
            queue.count_unacked(*entry.message);
            entry.delivered = true;
            ++entry.delivery_count;
            index = consumer->unacked.push(
                {std::move(entry), queue.uid, 0, ordinal, now_.monotonic, was_delivered});
        }
        effects(session.lane)
            .emplace_back(
                std::in_place_type<Deliver>,
                session.id,
                channel.id,
                was_delivered,
                consumer->no_ack,
                consumer->slot,
                index,
                std::move(shown));
        // It may have stood in front of others that had less time.
        if (queue.keeps_house) drop_expired_before_turn(queue);
    }
    for (Consumer* const consumer : queue.machine.take_filled()) arm_slow_start(*consumer);
    if (queue.keeps_house && queue.unacked > 0) {
        if (const auto timeout = ack_timeout(queue)) arm(queue, now_.monotonic + *timeout);
    }
    if (!queue.machine.all_in_memory() && !queue.machine.consumers().empty()) read_ahead(queue);
}

void CoreState::perform(Settle& command) {
    ChannelState* const channel = addressed(command.session, command.channel);
    if (!channel || deferred(*channel, command)) return;
    if (channel->mode == ChannelMode::transaction) {
        channel->transaction.settles.push_back(command);
        return;
    }
    settle(*channel, command);
}

void CoreState::settle(ChannelState& channel, Settle& command) {
    if (channel.remote && settle_elsewhere(channel, command)) return;
    Consumer* const consumer = command.slot ? channel.consumer(command.slot) : nullptr;
    if (command.slot && !consumer) return;
    UnackedList& list = consumer ? consumer->unacked : channel.gets;
    Queue* queue = nullptr;
    std::vector<QueuedMessage> returned;
    std::uint64_t count = 0;
    std::uint64_t acked = 0;
    const auto flush_acked = [&] {
        if (queue && acked) count_acked(*queue, channel, std::exchange(acked, 0));
    };
    const auto flush_returned = [&] {
        if (queue && !returned.empty()) give_back(*queue, std::exchange(returned, {}));
    };
    list.take_range(command.first, command.first + command.count, [&](Unacked&& unacked) {
        ++count;
        if (!queue || queue->uid != unacked.queue) {
            flush_returned();
            flush_acked();
            queue = topology_.find_queue(unacked.queue);
        }
        if (command.outcome == Outcome::ack) {
            channel.last_acked_ordinal =
                std::max(channel.last_acked_ordinal.value_or(0), unacked.ordinal);
        }
        if (!queue) return;
        if (command.outcome == Outcome::requeue) {
            ++unacked.entry.return_count;
            queue->uncount_unacked(*unacked.entry.message);
            returned.push_back(std::move(unacked.entry));
        } else if (command.outcome == Outcome::discard) {
            queue->uncount_unacked(*unacked.entry.message);
            discard(*queue, std::move(unacked.entry), DeathReason::rejected);
        } else {
            ++acked;
            done_with(*queue, unacked.entry);
        }
        if (queue->persistent) channel.last_ticket = commits_.ticket();
    });
    flush_returned();
    flush_acked();
    if (!all_unacked_.parked.empty()) release(all_unacked_, 0);
    if (!consumer) return;
    if (queue) note_backlog(*queue);
    consumer->prefetch.give_back(count);
    consumer->slow_start.on_settled(count, consumer->prefetch.used);
    release(consumer->prefetch, 0);
    release(channel.credit, count);
}

void CoreState::note_backlog(const Queue& queue) {
    const std::uint64_t ready = queue.machine.ready();
    const Milliseconds until = now_.monotonic + kBehindFor;
    if (ready <= kMessagesBehind || behind_until_ == until) return;  // known since this turn began
    const std::uint64_t each = queue.machine.ready_body_bytes() / ready + kFramingBytes;
    read_bytes_behind_ = std::max<std::size_t>(kMessagesBehind * each, kReadBytesMin);
    behind_until_ = until;
}

std::size_t CoreState::read_bytes_max() const {
    return now_.monotonic < behind_until_ ? read_bytes_behind_
                                          : std::numeric_limits<std::size_t>::max();
}

void CoreState::done_with(Queue& queue, const QueuedMessage& entry) {
    queue.uncount_unacked(*entry.message);
    settle_on_disk(queue, entry.seq, *entry.message);
}

void CoreState::settle_on_disk(Queue& queue, Seq seq, const Message& message) {
    if (!commits_.enabled() || !queue.persistent || !message.persistent()) return;
    QueueDurability& disk = queue.disk;
    if (!disk.settled.insert(seq)) return;
    --disk.live_messages;
    disk.live_bytes -= std::min<std::uint64_t>(disk.live_bytes, message.charge());
    if (!disk.unwritten.empty() && disk.unwritten.back().end() == seq)
        ++disk.unwritten.back().count;
    else
        disk.unwritten.push_back({seq, 1});
    disk.unwritten_counts.erase(seq);
    commits_.add_dirty(queue, now_.monotonic + options_.state_interval);
    if (disk.live_messages == 0 && disk.stored_end > 1) reclaim(queue);
}

/// Design 7.3: what failed too often goes to the tail, so that it cannot stand in the way of the others.
void CoreState::give_back(Queue& queue, std::vector<QueuedMessage> entries) {
    std::vector<QueuedMessage> in_place;
    std::vector<QueuedMessage> to_tail;
    const auto& limit = queue.settings.delivery_limit;
    // Where quorum queues of 3.10 put what comes back, if it was handed out.
    const bool to_the_tail = queue.settings.type == QueueType::quorum;
    const std::uint64_t returns_max =
        limit ? 0 : queue.settings.poison_returns_max.value_or(options_.poison_returns_max);
    for (QueuedMessage& entry : entries) {
        if (limit && entry.delivery_count > *limit) {
            discard(queue, std::move(entry), DeathReason::delivery_limit);
            continue;
        }
        const bool poison = (returns_max && entry.return_count >= returns_max) ||
                            (to_the_tail && entry.delivery_count > 0);
        (poison ? to_tail : in_place).push_back(std::move(entry));
    }
    const bool on_disk = commits_.enabled() && queue.persistent;
    for (const QueuedMessage& entry : in_place) {
        if (!on_disk || !entry.message->persistent()) continue;
        if (entry.return_count == 0 && !limit) continue;
        queue.disk.unwritten_counts[entry.seq] = {
            entry.seq, entry.delivery_count, entry.return_count};
        commits_.add_dirty(queue, now_.monotonic + options_.state_interval);
    }
    queue.machine.requeue(std::move(in_place));
    for (QueuedMessage& entry : to_tail) {
        entry.return_count = 0;
        QueuedMessage moved = entry;
        settle_on_disk(queue, entry.seq, *entry.message);
        moved.seq = queue.machine.enqueue(std::move(entry));
        if (!on_disk) continue;
        if (moved.message->persistent()) {
            ++queue.disk.live_messages;
            queue.disk.live_bytes += moved.message->charge();
            commits_.add_moved(moved, queue.uid, now_.monotonic + options_.publish_interval);
        } else {
            queue.disk.settled.insert(moved.seq);
        }
    }
    list_to_run(queue);
}

/// Evidence that the client had it in hand and did not manage: it acked something later, or it acked nothing and this was among the
/// first that it got.
bool CoreState::counts_as_failed(const ChannelState& channel, const Unacked& unacked) const {
    if (channel.last_acked_ordinal) return unacked.ordinal < *channel.last_acked_ordinal;
    return unacked.ordinal < kTriedWithoutAck;
}

void CoreState::return_all(ChannelState& channel, UnackedList& list, DeliveryIndex encoded) {
    take_back(list, {0, list.next_index()}, [&](Queue& queue, Unacked& unacked) {
        if (unacked.index >= encoded) {
            count_taken_back(queue, channel, unacked.was_delivered);
            unacked.entry.delivered = unacked.was_delivered;
            --unacked.entry.delivery_count;
        } else if (counts_as_failed(channel, unacked)) {
            ++unacked.entry.return_count;
        }
    });
}

void CoreState::return_range(UnackedList& list, DeliveryRange range) {
    take_back(list, range, [](Queue&, Unacked&) {});
}

template <class Adjust>
void CoreState::take_back(UnackedList& list, DeliveryRange range, Adjust&& adjust) {
    std::map<storage::QueueUid, std::vector<QueuedMessage>> returned;
    list.take_range(range.first, range.end, [&](Unacked&& unacked) {
        Queue* const queue = topology_.find_queue(unacked.queue);
        if (!queue) return;
        queue->uncount_unacked(*unacked.entry.message);
        adjust(*queue, unacked);
        returned[queue->uid].push_back(std::move(unacked.entry));
    });
    for (auto& [uid, entries] : returned) give_back(*topology_.find_queue(uid), std::move(entries));
    release(all_unacked_, 0);
}

void CoreState::release(Credit& credit, std::uint64_t amount) {
    credit.give_back(amount);
    if (credit.parked.empty() || !credit.available()) return;
    std::vector<Consumer*> waiting = std::exchange(credit.parked, {});
    if (waiting.size() > 1) {
        std::stable_sort(waiting.begin(), waiting.end(), [](const auto* a, const auto* b) {
            return a->served_at < b->served_at;
        });
    }
    for (Consumer* const consumer : waiting) {
        consumer->queue->machine.unpark(*consumer);
        list_to_run(*consumer->queue);
    }
}

void CoreState::warn_of_unacked() {
    if (now_.monotonic < next_unacked_warning_) return;
    constexpr Milliseconds kPause{60'000};
    next_unacked_warning_ = now_.monotonic + kPause;
    const Consumer& consumer = *all_unacked_.parked.front();
    log_.log(
        LogLevel::warning,
        "clients hold {} bytes without an ack, the limit is {} (unacked_memory_ratio): {} consumers "
        "get nothing more until there are acks; '{}' of {} holds {} messages of queue '{}'",
        all_unacked_.used,
        all_unacked_.limit,
        all_unacked_.parked.size(),
        consumer.tag,
        consumer.channel->session->peer,
        consumer.unacked.count(),
        consumer.queue->name);
}

void CoreState::arm_slow_start(Consumer& consumer) {
    consumer.slow_start_armed = true;
    slow_starts_.emplace_back(now_.monotonic + options_.slow_start_interval, consumer.id);
}

void CoreState::run_slow_start() {
    while (!slow_starts_.empty() && slow_starts_.front().first <= now_.monotonic) {
        const auto found = consumers_.find(slow_starts_.front().second);
        slow_starts_.pop_front();
        if (found == consumers_.end()) continue;
        Consumer& consumer = *found->second;
        consumer.slow_start_armed = false;
        if (consumer.slow_start.on_tick()) {
            release(consumer.prefetch, 0);
        } else if (consumer.slow_start.full()) {
            arm_slow_start(consumer);
        }
    }
}

}  // namespace lvt::broker
