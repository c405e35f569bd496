// QueueMachine: the order of one queue and who gets what; pure, time comes in, hand-outs go out.
//
//   head (in memory) | cold (on disk only) | tail (in memory)       all ascending by seq
//
// Of the head and of the tail, pages may lie in the scratch file (PagedRing): what the store does not have.
//
// Messages are taken from the head. A queue with priorities has a head for each, and takes from the highest that has any.
// New messages go to the head too while nothing is cold, else to the tail. A returned message goes back to the place its seq gives it,
// which is always in the head: what is cold was never handed out.
#pragma once

#include "broker/core/paged_ring.h"

#include <optional>
#include <vector>

namespace lvt::broker {

/// The part of the queue that is on disk only: `count` messages with seqs in [from, to).
struct ColdRange {
    storage::Seq from = 0;
    storage::Seq to = 0;
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;

    bool active() const { return from < to; }
};

class QueueMachine {
public:
    /// `gauge` counts the octets that all queues hold in memory, `ready_total` the messages that are ready; both must outlive the machine.
    QueueMachine(std::uint64_t& gauge, std::uint64_t& ready_total)
        : gauge_(gauge), ready_total_(ready_total) {}
    ~QueueMachine() {
        gauge_ -= resident_bytes_;
        ready_total_ -= ready();
    }
    QueueMachine(const QueueMachine&) = delete;
    QueueMachine& operator=(const QueueMachine&) = delete;

    /// Before anything is enqueued.
    void configure(std::uint8_t max_priority, bool single_active_consumer);

    // What is ready.

    /// The seq of the next message.
    storage::Seq next_seq() const { return next_seq_; }
    void set_next_seq(storage::Seq seq) { next_seq_ = seq; }
    /// Appends; gives it the next seq.
    storage::Seq enqueue(MessagePtr&& message) {
        QueuedMessage entry;
        entry.message = std::move(message);
        return enqueue(std::move(entry));
    }
    storage::Seq enqueue(QueuedMessage&& entry);
    /// Puts back what was handed out, each to its place. Any order.
    void requeue(std::vector<QueuedMessage> entries);
    /// The first ready message, if it is in memory.
    std::optional<QueuedMessage> take();
    /// Of the first messages of all priorities, one that `wanted(const QueuedMessage&)` accepts.
    template <class Wanted>
    std::optional<QueuedMessage> take_first(Wanted&& wanted) {
        if (head_.has_front() && wanted(head_.front())) return take_from(head_);
        for (auto& level : higher_) {
            if (level.has_front() && wanted(level.front())) return take_from(level);
        }
        return std::nullopt;
    }
    /// Calls visit(const Message&) for the first message of each priority.
    template <class Visit>
    void for_each_first(Visit&& visit) const {
        if (head_.has_front()) visit(*head_.front().message);
        for (const auto& level : higher_) {
            if (level.has_front()) visit(*level.front().message);
        }
    }
    /// Drops all that is ready. Answers how many.
    std::uint64_t purge();
    /// Calls visit(const QueuedMessage&) for what is ready and in memory, ascending within a priority.
    template <class Visit>
    void for_each_resident(Visit&& visit) const {
        head_.for_each_resident(visit);
        for (const auto& level : higher_) level.for_each_resident(visit);
        tail_.for_each_resident(visit);
    }

    std::uint64_t ready() const {
        return head_.size() + higher_count_ + cold_.count + tail_.size();
    }
    std::uint64_t ready_bytes() const { return resident_bytes_ + cold_.bytes + paged_bytes_; }
    /// Of ready messages that are not in memory, in the store or in pages.
    std::uint64_t absent_count() const {
        std::uint64_t count = cold_.count + head_.paged_count() + tail_.paged_count();
        for (const auto& level : higher_) count += level.paged_count();
        return count;
    }
    std::uint64_t absent_bytes() const { return cold_.bytes + paged_bytes_; }
    /// Of their bodies alone. After a restart an estimate for what has not been read yet.
    std::uint64_t ready_body_bytes() const { return body_bytes_; }
    /// Of ready messages in memory, by Message::charge().
    std::uint64_t resident_bytes() const { return resident_bytes_; }
    const ColdRange& cold() const { return cold_; }
    /// The first ready message, if there is one, can be taken.
    bool has_first() const { return first_level() != nullptr; }
    /// Nothing of it is on disk only.
    bool all_in_memory() const { return !behind_head_ && paged_bytes_ == 0; }

    // What is on disk only.

    /// From recovery: so many messages with seqs below `to` are on disk only. Before anything is enqueued.
    void set_cold(ColdRange cold);
    /// Forgets the content of ready messages that the store can give back: durable ones below `stored_end` that were never handed
    /// out, but for the first `keep_bytes`. Answers the octets that it freed.
    std::uint64_t page_out(storage::Seq stored_end, std::uint64_t keep_bytes);
    /// Messages from the store, ascending, none settled, for the cold range up to `covered`.
    void page_in(std::vector<QueuedMessage> entries, storage::Seq covered);

    /// Takes out messages for the page `id`, of what would be taken last. Nothing where there is not enough for one. `any`: also
    /// messages that were handed out before.
    std::vector<QueuedMessage> page_out_to(
        storage::PageId id, std::uint64_t keep_bytes, std::uint64_t page_bytes, bool any);
    /// The page that is needed next, or soon.
    std::optional<storage::PageId> wanted_page() const;
    void page_in(storage::PageId id, std::vector<QueuedMessage> entries);
    /// Calls visit(const QueuePage&).
    template <class Visit>
    void for_each_page(Visit&& visit) const {
        head_.for_each_page(visit);
        tail_.for_each_page(visit);
        for (const auto& level : higher_) level.for_each_page(visit);
    }

    // Who gets it.

    /// Joins the round at its end.
    void add(Consumer& consumer);
    /// Leaves the round. What it has in hand is not touched.
    void remove(Consumer& consumer);
    /// A credit that it was parked on is available again.
    void unpark(Consumer& consumer);
    const std::vector<Consumer*>& consumers() const { return consumers_; }
    /// False for those of a queue with a single active consumer that wait for their turn.
    static bool is_active(const Consumer& consumer) {
        return consumer.state != ConsumerState::waiting;
    }
    /// Strict round robin among those of the highest priority with credit; parks those without. Null where no message is at hand or nobody
    /// may have one.
    Consumer* next_consumer();
    /// The message for the consumer that next_consumer() has just named, at the cost of its credit.
    QueuedMessage hand_out(Consumer& consumer);
    /// Consumers whose slow start window has become full since the last call: they want a look at SlowStart::full_since().
    std::vector<Consumer*> take_filled() { return std::exchange(filled_, {}); }
    /// True where a ready message and a consumer in the round exist.
    bool can_hand_out() const { return !round_.empty() && has_first(); }
    /// True where a message that came now would be handed out at once.
    bool would_hand_out();
    /// A consumer in the round could take more than there is at hand.
    bool consumer_waits() const { return !round_.empty(); }
    bool wants_page_in() const { return cold_.active() && (head_.empty() || !higher_.empty()); }
    /// There is more in the store, and less than about kLowBytes in front of it.
    bool runs_low() const {
        if (!cold_.active()) return false;
        if (gathering()) return true;
        if (head_.has_pages()) return false;
        const std::uint64_t of_each = cold_.bytes / std::max<std::uint64_t>(1, cold_.count);
        return head_.empty() || head_.size() * of_each < kLowBytes;
    }

private:
    static constexpr std::uint64_t kLowBytes = 512 * 1024;

    /// With priorities, what is on disk must be known before anything is taken.
    bool gathering() const { return !higher_.empty() && cold_.active(); }
    PagedRing& level_of(const QueuedMessage& entry);
    QueuedMessage take_from(PagedRing& level);
    /// The level that the first ready message stands in; null: it is not in memory.
    const PagedRing* first_level() const {
        if (behind_head_ || higher_count_) return find_first_level();
        return head_.has_front() ? &head_ : nullptr;
    }
    PagedRing* first_level_to_take() { return const_cast<PagedRing*>(first_level()); }
    const PagedRing* find_first_level() const;
    void note_what_is_behind() { behind_head_ = cold_.active() || !tail_.empty(); }
    void put(QueuedMessage&& entry);
    Consumer& next_in_round();
    bool eligible(Consumer& consumer);
    void park(Consumer& consumer, Credit& on);
    void swallow(const QueuedMessage& entry);
    void charge(std::uint64_t bytes) {
        resident_bytes_ += bytes;
        gauge_ += bytes;
    }
    void discharge(std::uint64_t bytes) {
        resident_bytes_ -= bytes;
        gauge_ -= bytes;
    }

    std::uint64_t& gauge_;
    std::uint64_t& ready_total_;
    PagedRing head_;  // with priorities: priority 0
    ColdRange cold_;
    PagedRing tail_;  // with priorities: in no page, and only while something is cold
    /// Something is cold, or in the tail.
    bool behind_head_ = false;
    storage::Seq next_seq_ = 1;
    /// Every seq that was ever handed out is below.
    storage::Seq handed_out_end_ = 0;
    std::uint64_t resident_bytes_ = 0;
    std::uint64_t body_bytes_ = 0;
    /// In pages, by Message::charge().
    std::uint64_t paged_bytes_ = 0;
    /// Priorities from 1 on; none where the queue has no priorities.
    std::vector<PagedRing> higher_;
    std::uint64_t higher_count_ = 0;
    bool single_active_ = false;
    /// Not all consumers have the same priority.
    bool consumer_priorities_ = false;
    std::vector<Consumer*> consumers_;
    Ring<Consumer*> round_;
    std::vector<Consumer*> filled_;
};

}  // namespace lvt::broker
