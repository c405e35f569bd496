#include "broker/core/queue_machine.h"

#include <algorithm>

namespace lvt::broker {

using storage::Seq;

void QueueMachine::configure(std::uint8_t max_priority, bool single_active_consumer) {
    higher_.resize(max_priority);
    single_active_ = single_active_consumer;
}

Seq QueueMachine::enqueue(QueuedMessage&& entry) {
    entry.seq = next_seq_++;
    ++ready_total_;
    charge(entry.message->charge());
    body_bytes_ += entry.message->body().size();
    const Seq seq = entry.seq;
    if (behind_head_)
        tail_.push_back(std::move(entry));
    else
        put(std::move(entry));
    return seq;
}

PagedRing& QueueMachine::level_of(const QueuedMessage& entry) {
    const std::size_t priority = std::min<std::size_t>(entry.message->priority(), higher_.size());
    return priority == 0 ? head_ : higher_[priority - 1];
}

void QueueMachine::put(QueuedMessage&& entry) {
    if (higher_.empty()) {
        head_.push_back(std::move(entry));
        return;
    }
    PagedRing& level = level_of(entry);
    if (&level != &head_) ++higher_count_;
    level.push_back(std::move(entry));
}

void QueueMachine::requeue(std::vector<QueuedMessage> entries) {
    ready_total_ += entries.size();
    for (const auto& entry : entries) {
        charge(entry.message->charge());
        body_bytes_ += entry.message->body().size();
    }
    if (higher_.empty()) {
        head_.merge(std::move(entries));
        return;
    }
    std::vector<std::vector<QueuedMessage>> levels(higher_.size() + 1);
    for (auto& entry : entries) {
        const std::size_t at = std::min<std::size_t>(entry.message->priority(), higher_.size());
        if (at > 0) ++higher_count_;
        levels[at].push_back(std::move(entry));
    }
    for (std::size_t i = 0; i < levels.size(); ++i) {
        (i == 0 ? head_ : higher_[i - 1]).merge(std::move(levels[i]));
    }
}

const PagedRing* QueueMachine::find_first_level() const {
    if (gathering()) return nullptr;
    const PagedRing* first = &head_;
    if (higher_count_) {
        std::size_t at = higher_.size();
        while (higher_[at - 1].empty()) --at;
        first = &higher_[at - 1];
    }
    return first->has_front() ? first : nullptr;
}

std::optional<QueuedMessage> QueueMachine::take() {
    PagedRing* const level = first_level_to_take();
    if (!level) return std::nullopt;
    return take_from(*level);
}

QueuedMessage QueueMachine::take_from(PagedRing& level) {
    QueuedMessage entry = level.pop_front();
    --ready_total_;
    discharge(entry.message->charge());
    body_bytes_ -= std::min<std::uint64_t>(body_bytes_, entry.message->body().size());
    handed_out_end_ = std::max(handed_out_end_, entry.seq + 1);
    if (&level != &head_)
        --higher_count_;
    else if (behind_head_ && head_.empty() && !cold_.active()) {
        std::swap(head_, tail_);
        behind_head_ = false;
    }
    return entry;
}

std::uint64_t QueueMachine::purge() {
    const std::uint64_t count = ready();
    ready_total_ -= count;
    head_.clear();
    for (auto& level : higher_) level.clear();
    higher_count_ = 0;
    tail_.clear();
    cold_ = {};
    behind_head_ = false;
    discharge(resident_bytes_);
    body_bytes_ = 0;
    paged_bytes_ = 0;
    return count;
}

void QueueMachine::set_cold(ColdRange cold) {
    /// Header, exchange, key and properties of a usual message.
    constexpr std::uint64_t kHead = sizeof(Message) + 32;
    ready_total_ += cold.count - cold_.count;
    cold_ = cold;
    note_what_is_behind();
    body_bytes_ = cold.bytes - std::min(cold.bytes, cold.count * kHead);
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
    if (!higher_.empty() || head_.has_pages()) return 0;
    if (!cold_.active() && !tail_.empty()) return 0;
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
    while (tail_.has_front() && evictable(tail_.front())) swallow(tail_.pop_front());
    note_what_is_behind();
    return before - resident_bytes_;
}

void QueueMachine::page_in(std::vector<QueuedMessage> entries, Seq covered) {
    if (!cold_.active()) return;
    ready_total_ -= ready();
    for (auto& entry : entries) {
        if (entry.seq < cold_.from || entry.seq >= cold_.to) continue;
        const std::uint64_t bytes = entry.message->charge();
        charge(bytes);
        cold_.bytes -= std::min(cold_.bytes, bytes);
        if (cold_.count) --cold_.count;
        put(std::move(entry));
    }
    cold_.from = std::max(cold_.from, covered);
    if (!cold_.active()) cold_ = {};
    ready_total_ += ready();
    if (cold_.active()) return;
    if (head_.empty() && higher_.empty()) std::swap(head_, tail_);
    if (!tail_.has_pages()) {
        while (!tail_.empty()) put(tail_.pop_front());
    }
    note_what_is_behind();
}

std::vector<QueuedMessage> QueueMachine::page_out_to(
    storage::PageId id, std::uint64_t keep_bytes, std::uint64_t page_bytes, bool any) {
    std::vector<QueuedMessage> out;
    if (higher_.empty()) {
        out = tail_.page_out(id, 0, page_bytes, any);
        if (out.empty()) out = head_.page_out(id, keep_bytes, page_bytes, any);
    } else {
        out = head_.page_out(id, keep_bytes, page_bytes, any);
        for (std::size_t i = 0; i < higher_.size() && out.empty(); ++i)
            out = higher_[i].page_out(id, keep_bytes, page_bytes, any);
    }
    for (const QueuedMessage& entry : out) {
        const std::uint64_t bytes = entry.message->charge();
        discharge(bytes);
        paged_bytes_ += bytes;
    }
    return out;
}

std::optional<storage::PageId> QueueMachine::wanted_page() const {
    if (gathering()) return std::nullopt;
    for (std::size_t i = higher_count_ ? higher_.size() : 0; i > 0; --i) {
        if (!higher_[i - 1].empty()) return higher_[i - 1].wanted_page();
    }
    return head_.wanted_page();
}

void QueueMachine::page_in(storage::PageId id, std::vector<QueuedMessage> entries) {
    for (const QueuedMessage& entry : entries) {
        const std::uint64_t bytes = entry.message->charge();
        charge(bytes);
        paged_bytes_ -= std::min(paged_bytes_, bytes);
    }
    if (head_.begins_with(id)) return head_.page_in(std::move(entries));
    if (tail_.begins_with(id)) return tail_.page_in(std::move(entries));
    for (PagedRing& level : higher_) {
        if (level.begins_with(id)) return level.page_in(std::move(entries));
    }
}

void QueueMachine::add(Consumer& consumer) {
    consumers_.push_back(&consumer);
    if (consumer.priority != consumers_.front()->priority) consumer_priorities_ = true;
    if (single_active_ && consumers_.size() > 1) {
        consumer.state = ConsumerState::waiting;
        return;
    }
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
    if (consumers_.empty()) {
        consumer_priorities_ = false;
    } else if (consumers_.front()->state == ConsumerState::waiting) {
        consumers_.front()->state = ConsumerState::active;
        round_.push_back(consumers_.front());
    }
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

bool QueueMachine::eligible(Consumer& consumer) {
    if (!consumer.no_ack) {
        Credit& own = consumer.prefetch;
        if (own.limit == 0 && own.used >= consumer.slow_start.window()) {
            consumer.slow_start.on_full();
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
    if (!consumer.no_ack && !consumer.all_unacked->available() &&
        consumer.unacked.count() >= kUnackedFree) [[unlikely]] {
        park(consumer, *consumer.all_unacked);
        return false;
    }
    // A channel's window holds back its no-ack consumers too, though they take nothing of it.
    if (consumer.no_ack && !consumer.channel_credit->available()) {
        park(consumer, *consumer.channel_credit);
        return false;
    }
    if (consumer.session_credit->available()) return true;
    park(consumer, *consumer.session_credit);
    return false;
}

Consumer& QueueMachine::next_in_round() {
    if (!consumer_priorities_) return *round_.pop_front();
    std::size_t best = 0;
    for (std::size_t i = 1; i < round_.size(); ++i) {
        if (round_[i]->priority > round_[best]->priority) best = i;
    }
    Consumer* const chosen = round_[best];
    for (std::size_t left = round_.size(); left > 0; --left) {
        Consumer* const other = round_.pop_front();
        if (other != chosen) round_.push_back(other);
    }
    return *chosen;
}

bool QueueMachine::would_hand_out() {
    if (ready() > 0) return false;
    while (!round_.empty()) {
        Consumer& consumer = next_in_round();
        if (!eligible(consumer)) continue;
        round_.push_front(&consumer);
        return true;
    }
    return false;
}

Consumer* QueueMachine::next_consumer() {
    while (can_hand_out()) {
        // Alone it is its own successor.
        if (round_.size() == 1 && eligible(*round_.front())) return round_.front();
        Consumer& consumer = next_in_round();
        if (consumer.state == ConsumerState::parked || !eligible(consumer)) continue;
        round_.push_back(&consumer);
        return &consumer;
    }
    return nullptr;
}

QueuedMessage QueueMachine::hand_out(Consumer& consumer) {
    QueuedMessage entry = take_from(*first_level_to_take());
    if (!consumer.no_ack) {
        consumer.prefetch.take(1);
        consumer.channel_credit->take(1);
    }
    consumer.session_credit->take(entry.message->charge());
    return entry;
}

}  // namespace lvt::broker
