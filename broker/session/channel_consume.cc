// Channel: consumers, deliveries and what becomes of them.
#include "broker/session/channel.h"
#include "protocol/base/assert.h"

#include <fmt/format.h>

#include <utility>

namespace lvt::broker {
namespace {

using amqp::AmqpError;
using amqp::AmqpResult;
using amqp::ReplyCode;

/// Adds the run to a command that is not on its way yet, where it follows on from it.
bool extend_last(CommandBatch& commands, const Settle& settle) {
    if (commands.empty()) return false;
    Settle* const last = std::get_if<Settle>(&commands.back());
    if (!last || !(last->session == settle.session) || last->channel != settle.channel ||
        last->slot != settle.slot || last->outcome != settle.outcome ||
        last->first + last->count != settle.first) {
        return false;
    }
    last->count += settle.count;
    return true;
}

}  // namespace

// Consumers.

AmqpResult<void> Channel::consume(amqp::BasicConsume&& method) {
    if (method.consumer_tag.empty()) {
        method.consumer_tag = "amq.ctag-" + session_.random.name();
    } else if (slot_by_tag_.contains(method.consumer_tag)) {
        return AmqpError{
            ReplyCode::not_allowed,
            fmt::format("attempt to reuse consumer tag '{}'", method.consumer_tag),
            amqp::BasicConsume::kClassId,
            amqp::BasicConsume::kMethodId};
    }
    const ConsumerSlot slot = free_slot();
    auto consumer = std::make_unique<LaneConsumer>();
    consumer->no_ack = method.no_ack;
    consumer->windowed = prefetch_ != 0;
    consumer->tag = method.consumer_tag;
    consumer->encoder = DeliveryEncoder(number_, method.consumer_tag);
    consumers_[slot] = std::move(consumer);
    slot_by_tag_.emplace(method.consumer_tag, slot);
    session_.commands.emplace_back(
        Consume{session_.id, id(), slot, std::make_unique<amqp::BasicConsume>(std::move(method))});
    return {};
}

ConsumerSlot Channel::free_slot() {
    if (!free_slots_.empty()) {
        const ConsumerSlot slot = free_slots_.back();
        free_slots_.pop_back();
        return slot;
    }
    if (consumers_.empty()) consumers_.emplace_back();
    consumers_.emplace_back();
    return static_cast<ConsumerSlot>(consumers_.size() - 1);
}

/// The core is always asked for an answer: with it, the last delivery of the slot has come and the slot may be used again.
void Channel::cancel(amqp::BasicCancel&& method) {
    Cancel command;
    command.session = session_.id;
    command.channel = id();
    const auto found = slot_by_tag_.find(method.consumer_tag);
    if (found != slot_by_tag_.end()) {
        const ConsumerSlot slot = found->second;
        LaneConsumer& cancelled = *consumer(slot);
        cancelled.state = LaneConsumer::State::cancelling;
        command.slot = slot;
        command.encoded = cancelled.encoded;
        slot_by_tag_.erase(found);
        // What a no-ack consumer was handed is not the core's any more and cannot be taken back; a window that the client chose
        // is not much.
        cancelled.keeps = command.keep =
            cancelled.no_ack || cancelled.windowed || channel_prefetch_ != 0;
        if (!cancelled.keeps) session_.pending.drop_slot(id(), slot);
    }
    pending_cancels_.push_back({command.slot, method.no_wait});
    *command.consumer_tag = std::move(method.consumer_tag);
    session_.commands.emplace_back(std::move(command));
}

bool Channel::finish_cancel() {
    ASSERT(!pending_cancels_.empty());
    const PendingCancel done = pending_cancels_.front();
    pending_cancels_.erase(pending_cancels_.begin());
    if (done.slot != 0) {
        for (const Deliver& delivery : session_.pending.take_slot(id(), done.slot)) {
            session_.pending.count_taken(delivery);
            if (wants(delivery)) encode(delivery);
        }
        consumer(done.slot)->state = LaneConsumer::State::cancelled;
        release_if_done(done.slot);
    }
    return !done.silent;
}

void Channel::on_reply(const amqp::Method& method) {
    if (std::holds_alternative<amqp::BasicCancelOk>(method) && !finish_cancel()) return;
    session_.send(number_, method);
}

void Channel::on_consumer_cancelled(ConsumerSlot slot) {
    LaneConsumer* const cancelled = consumer(slot);
    // Where the client's own cancel is under way, its answer settles the matter.
    if (!cancelled || cancelled->state != LaneConsumer::State::active) return;
    cancelled->state = LaneConsumer::State::cancelled;
    session_.pending.drop_slot(id(), slot);
    slot_by_tag_.erase(cancelled->tag);
    if (session_.capabilities.consumer_cancel_notify) {
        amqp::BasicCancel notice;
        notice.consumer_tag = cancelled->tag;
        notice.no_wait = true;
        session_.send(number_, notice);
    }
    release_if_done(slot);
}

void Channel::release_if_done(ConsumerSlot slot) {
    LaneConsumer& done = *consumer(slot);
    if (done.state != LaneConsumer::State::cancelled || done.settled != done.encoded) return;
    consumers_[slot].reset();
    free_slots_.push_back(slot);
}

// Deliveries.

bool Channel::wants(const Deliver& delivery) const {
    const LaneConsumer* const to = consumer(delivery.slot);
    if (!to || state_ != State::open) return false;
    return to->state == LaneConsumer::State::active ||
           (to->state == LaneConsumer::State::cancelling && to->keeps);
}

void Channel::encode(const Deliver& delivery) {
    LaneConsumer& to = *consumer(delivery.slot);
    const std::uint64_t tag = ++last_tag_;
    to.encoder.encode(
        session_.output, *delivery.message, tag, delivery.redelivered, session_.frame_max);
    if (delivery.no_ack) {
        if (delivery.index == kReplyIndex) --last_tag_;
        return;
    }
    ASSERT(delivery.index == to.encoded);
    ++to.encoded;
    tags_.push(tag, delivery.slot, delivery.index);
}

void Channel::on_got_message(const GotMessage& got) {
    // After a close what is still on its way is taken back.
    if (state_ != State::open) return;
    amqp::BasicGetOk method;
    method.delivery_tag = ++last_tag_;
    method.redelivered = got.redelivered;
    method.exchange = Bytes(got.message->exchange());
    method.routing_key = Bytes(got.message->routing_key());
    method.message_count = got.message_count;
    encode_with_content(session_.output, number_, method, *got.message, session_.frame_max);
    if (got.no_ack) return;
    ASSERT(got.index == got_);
    ++got_;
    tags_.push(method.delivery_tag, 0, got.index);
}

// Settling.

bool Channel::settle(std::uint64_t delivery_tag, bool multiple, Outcome outcome) {
    if (transactional_) tags_.list(delivery_tag, multiple, uncommitted_);
    const auto emit = [&](const DeliveryRun& run) { emit_settle(run, outcome); };
    return multiple ? tags_.settle_through(delivery_tag, emit)
                    : tags_.settle_one(delivery_tag, emit);
}

void Channel::emit_settle(const DeliveryRun& run, Outcome outcome) {
    Settle settle{session_.id, id(), run.slot, outcome, run.first, run.count};
    if (!extend_last(session_.commands, settle)) session_.commands.emplace_back(settle);
    // In a transaction the core settles at the commit, and the client may take it back until then.
    if (transactional_) return;
    count_settled(run.slot, run.count);
}

void Channel::count_settled(ConsumerSlot slot, std::uint64_t count) {
    if (slot == 0) return;
    consumer(slot)->settled += count;
    release_if_done(slot);
}

void Channel::commit_tags() {
    for (const TagMap::Entry& entry : std::exchange(uncommitted_, {})) count_settled(entry.slot, 1);
}

void Channel::restore_tags() {
    for (const TagMap::Entry& entry : std::exchange(uncommitted_, {})) tags_.restore(entry);
}

void Channel::recover(bool no_wait) {
    Recover command{session_.id, id(), no_wait, {}};
    append_progress(command.progress);
    session_.commands.emplace_back(std::move(command));
    tags_.clear();
    for (const auto& consumer : consumers_)
        if (consumer) consumer->settled = consumer->encoded;
    // What a transaction settles stays where it is.
    for (const TagMap::Entry& entry : uncommitted_)
        if (entry.slot != 0) --consumers_[entry.slot]->settled;
    for (ConsumerSlot slot = 1; slot < consumers_.size(); ++slot)
        if (consumers_[slot]) release_if_done(slot);
}

}  // namespace lvt::broker
