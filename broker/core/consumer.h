// Consumer: a subscription, with the messages that it has in hand. Unacked: such a message.
#pragma once

#include "broker/core/command.h"
#include "broker/core/credit.h"
#include "broker/core/ring.h"
#include "protocol/base/clock.h"
#include "storage/types.h"

#include <limits>

namespace lvt::broker {

struct ChannelState;
struct Queue;
class QueueMachine;

/// A message in a queue, ready or in hand.
struct QueuedMessage {
    storage::Seq seq = 0;
    MessagePtr message;
    /// Hand-outs so far.
    std::uint32_t delivery_count = 0;
    /// Hand-outs that count as failed (design 7.3).
    std::uint16_t return_count = 0;
    /// It may have been handed out before: the redelivered flag.
    bool delivered = false;
};

/// A message that a client has in hand.
struct Unacked {
    QueuedMessage entry;
    storage::QueueUid queue;
    DeliveryIndex index = 0;
    /// Counts the hand-outs of the channel: tells what was later.
    std::uint64_t ordinal = 0;
    /// Monotonic.
    Milliseconds handed_out_at{0};
    /// `delivered` as it was before this hand-out, for taking it back.
    bool was_delivered = false;
    bool settled = true;
};

/// The hand-outs of one (channel, slot), by DeliveryIndex. Its memory follows what is in hand, not how far apart it lies.
class UnackedList {
public:
    /// `gauge` counts the octets of all lists; null: nowhere. It must outlive the list.
    explicit UnackedList(std::uint64_t* gauge = nullptr) : gauge_(gauge) {}
    ~UnackedList() { take_range(0, next_index_, [](Unacked&&) {}); }
    UnackedList(const UnackedList&) = delete;
    UnackedList& operator=(const UnackedList&) = delete;

    /// The index that the next push() gets.
    DeliveryIndex next_index() const { return next_index_; }
    DeliveryIndex push(Unacked unacked);
    /// Leaves one index out: it is in hand elsewhere.
    DeliveryIndex skip() { return next_index_++; }
    /// Takes out what is not settled of [first, end), ascending: take(Unacked&&) for each. It must not call back.
    template <class Take>
    void take_range(DeliveryIndex first, DeliveryIndex end, Take&& take) {
        std::uint64_t freed = 0;
        for (std::size_t at = position(first); at < ring_.size() && ring_[at].index < end; ++at) {
            if (ring_[at].settled) continue;
            Unacked out = std::move(ring_[at]);
            ring_[at].settled = true;
            --count_;
            freed += charge_of(out);
            take(std::move(out));
        }
        while (!ring_.empty() && ring_.front().settled) ring_.pop_front();
        if (gauge_) *gauge_ -= freed;
    }
    std::uint64_t count() const { return count_; }
    /// Null where nothing is in hand.
    const Unacked* oldest() const {
        // Holes never stand at the front.
        return ring_.empty() ? nullptr : &ring_.front();
    }

private:
    /// Of memory, what its message pins and its own.
    static std::uint64_t charge_of(const Unacked& unacked) {
        return sizeof(Unacked) + (unacked.entry.message ? unacked.entry.message->charge() : 0);
    }
    /// Of the first entry whose index is not below.
    std::size_t position(DeliveryIndex index) const;

    /// Ascending by index; settled ones are holes until they come to the front or are swept out.
    Ring<Unacked> ring_;
    DeliveryIndex next_index_ = 0;
    std::uint64_t count_ = 0;
    std::uint64_t* gauge_;
};

/// How many messages an ack-mode consumer without basic.qos may have in hand (design 7.2). It starts small and doubles when
/// the client shows that it works in bulk: it has acked a whole window and had nothing left, or it acks nothing at all for so long
/// that it waits for more. The wait is counted in ticks of the core's timer, not by the clock: where the whole machine is late, the
/// client is too, and that says nothing of how it works.
class SlowStart {
public:
    SlowStart() = default;
    /// `first_window` 0: unlimited at once.
    explicit SlowStart(std::uint32_t first_window) : window_(first_window) {}

    bool limited() const { return window_ != 0; }
    std::uint64_t window() const {
        return window_ ? window_ : std::numeric_limits<std::uint64_t>::max();
    }
    /// The window has just become full.
    void on_full() { full_ = true; }
    bool full() const { return full_; }
    /// `count` were acked; `in_hand` are left.
    void on_settled(std::uint64_t count, std::uint64_t in_hand) {
        full_ = in_bulk_ = false;
        ticks_ = 0;
        settled_ += count;
        if (in_hand == 0 && settled_ >= window_) grow(2);
    }
    /// True where the window has been full without any ack for long enough: it has grown.
    bool on_tick() {
        if (!full_ || (!in_bulk_ && ++ticks_ < kPatienceTicks)) return false;
        // The first proof is the dear one: a client that is busy with what it has must not look like one that waits.
        grow(in_bulk_ ? 4 : 2);
        in_bulk_ = true;
        return true;
    }

private:
    static constexpr std::uint8_t kPatienceTicks = 4;

    void grow(std::uint64_t factor) {
        constexpr std::uint64_t kWindowMax = std::uint64_t{1} << 40;
        if (window_ < kWindowMax) window_ *= factor;
        settled_ = 0;
        full_ = false;
        ticks_ = 0;
    }

    std::uint64_t window_ = 0;
    std::uint64_t settled_ = 0;
    bool full_ = false;
    /// It grew by time, and no ack has come since.
    bool in_bulk_ = false;
    std::uint8_t ticks_ = 0;
};

/// See Consumer::all_unacked.
inline constexpr std::uint64_t kUnackedFree = 16;

enum class ConsumerState : std::uint8_t {
    active,     // in its queue's round
    parked,     // waits for a credit
    waiting,    // another one is the queue's single active consumer
    cancelled,  // hands out nothing any more; what is in hand stays
};

struct Consumer {
    /// `all_unacked`: see there.
    explicit Consumer(Credit& all_unacked)
        : all_unacked(&all_unacked), unacked(&all_unacked.used) {}

    ChannelState* channel = nullptr;
    /// Null once the queue is gone or the consumer is cancelled.
    Queue* queue = nullptr;
    ConsumerSlot slot = 0;
    Bytes tag;
    /// Of basic.consume.
    amqp::Table arguments;
    bool no_ack = false;
    bool exclusive = false;
    /// x-priority: the highest with credit come first.
    std::int64_t priority = 0;
    /// basic.qos, per consumer; limit 0 = none.
    Credit prefetch;
    SlowStart slow_start;
    /// A timer will look at slow_start.
    bool slow_start_armed = false;
    /// basic.qos with global: one window for the channel. Ack mode only.
    Credit* channel_credit = nullptr;
    /// Octets on their way to the connection (kDeliveryWindowBytes).
    Credit* session_credit = nullptr;
    /// Octets that all clients have in hand. Where they are too many, who has kUnackedFree messages or more gets nothing.
    Credit* all_unacked;
    UnackedList unacked;
    ConsumerState state = ConsumerState::cancelled;
    /// Which of the core's hand-outs was its last one.
    std::uint64_t served_at = 0;
    /// The credit that it is parked on, if any.
    Credit* parked_on = nullptr;
    /// Never reused in a process; timers hold it.
    std::uint64_t id = 0;
};

}  // namespace lvt::broker
