// x-delayed-message exchanges: a message with an x-delay header waits in the exchange's delay queue, which is as durable as the
// exchange, and is confirmed when it is stored there. Nobody consumes that queue: the broker takes the messages out, holds them in the
// order in which they are due, and routes a copy of each when its time has come.
#include "broker/core/core_state.h"
#include "broker/core/delay.h"

namespace lvt::broker {

void CoreState::make_delay_queue(const Exchange& exchange, const Bytes& vhost) {
    if (!exchange.delays || exchange.delay_queue) return;
    // Of a cluster's nodes each has its own.
    const storage::QueueUid uid =
        clustered() ? storage::QueueUid(Topology::kPrivateQueueUid | random_.next())
                    : topology_.next_queue_uid();
    change(PutDelayQueue{vhost, exchange.name(), uid}, exchange.durable);
}

void CoreState::forget_delay_queue(const Exchange& exchange) {
    if (exchange.delay_queue) forget(*exchange.delay_queue);
}

void CoreState::run_delay_queue(Queue& queue) {
    auto& messages = queue.delayed->messages;
    while (auto entry = queue.machine.take()) {
        const std::uint64_t due = entry->message->published_at_ms() + delay_of(*entry->message);
        messages.emplace(std::pair(due, entry->seq), std::move(*entry));
    }
    if (queue.machine.wants_page_in()) request_page_in(queue);
    const std::uint64_t now = wall_ms();
    while (!messages.empty() && messages.begin()->first.first <= now) {
        release_delayed(queue, messages.extract(messages.begin()).mapped());
    }
    if (messages.empty()) return;
    const std::uint64_t wait = messages.begin()->first.first - now;
    arm(queue, now_.monotonic + Milliseconds(static_cast<std::int64_t>(wait)));
}

/// The copy and the settle of the original stand in one commit (design rule 10).
void CoreState::release_delayed(Queue& queue, const QueuedMessage& entry) {
    const auto accepts = [&](Queue& target, const Message& message) {
        return !target.refuses_when_full || !refuses(target, message);
    };
    Exchange* const exchange = queue.delayed->exchange;
    forward(*queue.vhost, exchange, after_delay(pool_, *entry.message), accepts);
    if (!settles_later(queue, entry.seq, entry.message))
        settle_on_disk(queue, entry.seq, *entry.message);
}

}  // namespace lvt::broker
