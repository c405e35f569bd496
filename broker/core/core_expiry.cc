// What a queue does by itself: drops what has expired or has no room, takes back what is held too long, ends when nobody uses it.
#include "broker/core/core_state.h"

#include <algorithm>

namespace lvt::broker {

namespace {

/// Wall clock; nothing where the message stays for ever.
std::optional<std::uint64_t> expiry_of(const Message& message, const QueueSettings& settings) {
    std::optional<std::uint64_t> ttl = settings.message_ttl_ms;
    if (message.expires()) {
        ttl = ttl ? std::min(*ttl, *message.expiration_ms()) : *message.expiration_ms();
    }
    if (!ttl) return std::nullopt;
    const std::uint64_t end = message.published_at_ms() + *ttl;
    return end < *ttl ? std::nullopt : std::optional(end);
}

/// With so much more than is ready.
bool over_length(const Queue& queue, std::uint64_t messages = 0, std::uint64_t bytes = 0) {
    const QueueSettings& settings = queue.settings;
    return (settings.max_length && queue.machine.ready() + messages > *settings.max_length) ||
           (settings.max_length_bytes &&
            queue.machine.ready_body_bytes() + bytes > *settings.max_length_bytes);
}

}  // namespace

void CoreState::apply_settings(Queue& queue) {
    queue.settings = make_queue_settings(queue.arguments, queue.policy);
    const QueueSettings& settings = queue.settings;
    queue.refuses_when_full = settings.overflow != Overflow::drop_head &&
                              (settings.max_length || settings.max_length_bytes);
    queue.keeps_house = queue.keeps_house || settings.message_ttl_ms || settings.max_length ||
                        settings.max_length_bytes || ack_timeout(queue);
    touch(queue);
    list_to_run(queue);
}

std::optional<Milliseconds> CoreState::ack_timeout(const Queue& queue) const {
    const std::uint64_t ms = queue.settings.consumer_timeout_ms.value_or(
        static_cast<std::uint64_t>(options_.consumer_timeout.count()));
    if (ms == 0) return std::nullopt;
    return Milliseconds(static_cast<std::int64_t>(ms));
}

void CoreState::touch(Queue& queue) {
    if (!queue.settings.expires_ms) return;
    queue.last_used = now_.monotonic;
    arm(queue, now_.monotonic + Milliseconds(*queue.settings.expires_ms));
}

void CoreState::arm(Queue& queue, Milliseconds when) {
    // A timer that fires too early looks again.
    if (queue.timer_at && *queue.timer_at <= when) return;
    if (queue.timer_at) queue_timers_.erase({*queue.timer_at, queue.uid});
    queue.timer_at = when;
    queue_timers_.emplace(when, queue.uid);
}

void CoreState::run_queue_timers() {
    while (!queue_timers_.empty() && queue_timers_.begin()->first <= now_.monotonic) {
        Queue* const queue = topology_.find_queue(queue_timers_.begin()->second);
        queue_timers_.erase(queue_timers_.begin());
        if (!queue) continue;
        queue->timer_at.reset();
        if (queue->settings.expires_ms && queue->machine.consumers().empty()) {
            const Milliseconds end = queue->last_used + Milliseconds(*queue->settings.expires_ms);
            if (end <= now_.monotonic) {
                delete_queue(*queue);
                continue;
            }
            arm(*queue, end);
        }
        take_back_overdue(*queue);
        list_to_run(*queue);
    }
}

/// Design 7.4: one message that a consumer holds too long goes back; its channel stays.
void CoreState::take_back_overdue(Queue& queue) {
    const std::optional<Milliseconds> timeout = ack_timeout(queue);
    if (!timeout) return;
    std::vector<QueuedMessage> overdue;
    for (Consumer* const consumer : queue.machine.consumers()) {
        UnackedList& list = consumer->unacked;
        std::uint64_t count = 0;
        while (const Unacked* const oldest = list.oldest()) {
            if (oldest->handed_out_at + *timeout > now_.monotonic) {
                arm(queue, oldest->handed_out_at + *timeout);
                break;
            }
            list.take_range(oldest->index, oldest->index + 1, [&](Unacked&& unacked) {
                queue.uncount_unacked(*unacked.entry.message);
                ++unacked.entry.return_count;
                overdue.push_back(std::move(unacked.entry));
            });
            ++count;
        }
        release(consumer->prefetch, count);
        release(consumer->channel->credit, count);
    }
    if (overdue.empty()) return;
    give_back(queue, std::move(overdue));
    release(all_unacked_, 0);
}

void CoreState::drop_expired(Queue& queue, std::uint64_t now_ms, std::uint64_t grace_ms) {
    const auto expired = [&](const QueuedMessage& entry) {
        const auto end = expiry_of(*entry.message, queue.settings);
        return end && *end + (entry.delivered ? 0 : grace_ms) <= now_ms;
    };
    while (auto entry = queue.machine.take_first(expired)) {
        discard(queue, std::move(*entry), DeathReason::expired);
    }
}

/// After hand-outs: what a consumer could take at once neither expires nor overflows.
void CoreState::keep_house(Queue& queue) {
    drop_expired(queue, wall_ms());
    if (!queue.refuses_when_full) {
        while (over_length(queue)) {
            auto entry = queue.machine.take();
            if (!entry) break;
            discard(queue, std::move(*entry), DeathReason::maxlen);
        }
    }
    std::optional<std::uint64_t> next;
    queue.machine.for_each_first([&](const Message& message) {
        const auto end = expiry_of(message, queue.settings);
        if (end && (!next || *end < *next)) next = end;
    });
    if (next) {
        const std::uint64_t now = wall_ms();
        arm(queue, now_.monotonic + Milliseconds(static_cast<std::int64_t>(*next - now)));
    }
    if (!queue.machine.has_first()) read_ahead(queue);
}

bool CoreState::refuses(Queue& queue, const Message& message) {
    if (queue.listed_to_run) run_queue(queue);
    if (!over_length(queue, 1, message.body().size())) return false;
    return !may_hand_out(queue) || !queue.machine.would_hand_out();
}

}  // namespace lvt::broker
