#include "broker/core/queue_machine.h"

#include <algorithm>

namespace lvt::broker {

using storage::Seq;

Seq QueueMachine::enqueue(QueuedMessage entry) {
    entry.seq = next_seq_++;
    charge(entry.message->charge());
    const Seq seq = entry.seq;
    (cold_.active() ? tail_ : head_).push_back(std::move(entry));
    return seq;
}

/// Merges from the front: returned messages are nearly always in front of all that is ready.
void QueueMachine::requeue(std::vector<QueuedMessage> entries) {
    if (entries.empty()) return;
    const auto by_seq = [](const QueuedMessage& a, const QueuedMessage& b) {
        return a.seq < b.seq;
    };
    if (!std::is_sorted(entries.begin(), entries.end(), by_seq)) {
        std::sort(entries.begin(), entries.end(), by_seq);
    }
    for (const auto& entry : entries) charge(entry.message->charge());
    std::vector<QueuedMessage> in_front;
    while (!head_.empty() && head_.front().seq < entries.back().seq) {
        in_front.push_back(head_.pop_front());
    }
    auto a = in_front.rbegin();
    auto b = entries.rbegin();
    while (a != in_front.rend() || b != entries.rend()) {
        const bool from_front = b == entries.rend() || (a != in_front.rend() && a->seq > b->seq);
        head_.push_front(std::move(from_front ? *a++ : *b++));
    }
}

std::optional<QueuedMessage> QueueMachine::take() {
    if (head_.empty()) return std::nullopt;
    QueuedMessage entry = head_.pop_front();
    discharge(entry.message->charge());
    handed_out_end_ = std::max(handed_out_end_, entry.seq + 1);
    if (head_.empty() && !cold_.active() && !tail_.empty()) std::swap(head_, tail_);
    return entry;
}

std::uint64_t QueueMachine::purge() {
    const std::uint64_t count = ready();
    head_.clear();
    tail_.clear();
    cold_ = {};
    discharge(resident_bytes_);
    return count;
}

void QueueMachine::swallow(const QueuedMessage& entry) {
    const std::uint64_t bytes = entry.message->charge();
    if (!cold_.active()) cold_.from = entry.seq;
    cold_.to = entry.seq + 1;
    ++cold_.count;
    cold_.bytes += bytes;
    discharge(bytes);
}

std::uint64_t QueueMachine::page_out(Seq stored_end, std::uint64_t keep_bytes) {
    const std::uint64_t before = resident_bytes_;
    const auto evictable = [&](const QueuedMessage& entry) {
        return entry.seq < stored_end && entry.seq >= handed_out_end_ &&
               entry.message->persistent();
    };
    if (!cold_.active()) {
        std::uint64_t kept = 0;
        std::size_t keep = 0;
        while (keep < head_.size() && (kept < keep_bytes || !evictable(head_[keep]))) {
            kept += head_[keep].message->charge();
            ++keep;
        }
        std::size_t end = keep;
        while (end < head_.size() && evictable(head_[end])) ++end;
        if (end == keep) return 0;
        // What stands behind the part that goes becomes the tail.
        while (head_.size() > end) tail_.push_front(head_.pop_back());
        for (std::size_t i = keep; i < end; ++i) swallow(head_[i]);
        while (head_.size() > keep) head_.pop_back();
    }
    while (!tail_.empty() && evictable(tail_.front())) swallow(tail_.pop_front());
    return before - resident_bytes_;
}

void QueueMachine::page_in(std::vector<QueuedMessage> entries, Seq covered) {
    if (!cold_.active()) return;
    for (auto& entry : entries) {
        if (entry.seq < cold_.from || entry.seq >= cold_.to) continue;
        const std::uint64_t bytes = entry.message->charge();
        charge(bytes);
        cold_.bytes -= std::min(cold_.bytes, bytes);
        if (cold_.count) --cold_.count;
        head_.push_back(std::move(entry));
    }
    cold_.from = std::max(cold_.from, covered);
    if (cold_.active()) return;
    cold_ = {};
    if (head_.empty()) std::swap(head_, tail_);
    while (!tail_.empty()) head_.push_back(tail_.pop_front());
}

void QueueMachine::add(Consumer& consumer) {
    consumers_.push_back(&consumer);
    consumer.state = ConsumerState::active;
    round_.push_back(&consumer);
}

void QueueMachine::remove(Consumer& consumer) {
    std::erase(consumers_, &consumer);
    if (consumer.state == ConsumerState::active) {
        for (std::size_t left = round_.size(); left > 0; --left) {
            Consumer* const other = round_.pop_front();
            if (other != &consumer) round_.push_back(other);
        }
    }
    if (consumer.parked_on) std::erase(consumer.parked_on->parked, &consumer);
    consumer.parked_on = nullptr;
    consumer.state = ConsumerState::cancelled;
}

void QueueMachine::unpark(Consumer& consumer) {
    if (consumer.state != ConsumerState::parked) return;
    consumer.parked_on = nullptr;
    consumer.state = ConsumerState::active;
    round_.push_back(&consumer);
}

void QueueMachine::park(Consumer& consumer, Credit& on) {
    consumer.state = ConsumerState::parked;
    consumer.parked_on = &on;
    on.parked.push_back(&consumer);
}

bool QueueMachine::eligible(Consumer& consumer, Time now) {
    if (!consumer.no_ack) {
        Credit& own = consumer.prefetch;
        if (own.limit == 0 && own.used >= consumer.slow_start.window()) {
            consumer.slow_start.on_full(now.monotonic);
            if (!consumer.slow_start_armed) filled_.push_back(&consumer);
            park(consumer, own);
            return false;
        }
        for (Credit* const credit : {&own, consumer.channel_credit}) {
            if (credit->available()) continue;
            park(consumer, *credit);
            return false;
        }
    }
    if (consumer.session_credit->available()) return true;
    park(consumer, *consumer.session_credit);
    return false;
}

std::optional<HandOut> QueueMachine::hand_out(Time now) {
    while (can_hand_out()) {
        Consumer& consumer = *round_.pop_front();
        if (!eligible(consumer, now)) continue;
        round_.push_back(&consumer);
        HandOut out{&consumer, *take()};
        if (!consumer.no_ack) {
            consumer.prefetch.take(1);
            consumer.channel_credit->take(1);
        }
        consumer.session_credit->take(out.entry.message->charge());
        return out;
    }
    return std::nullopt;
}

}  // namespace lvt::broker
