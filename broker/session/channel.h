// Channel: the lane's side of one AMQP channel. Frames of the client become commands, effects of the core become frames.
#pragma once

#include "broker/core/effect.h"
#include "broker/session/confirm_tracker.h"
#include "broker/session/delivery_encoder.h"
#include "broker/session/session_context.h"
#include "broker/session/tag_map.h"
#include "protocol/amqp/command_assembler.h"
#include "protocol/amqp/fast_path.h"

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace lvt::broker {

/// A subscription as the lane sees it. It is kept while it lives or has tags that may still be settled.
struct LaneConsumer {
    enum class State : std::uint8_t {
        active,
        cancelling,  // the client's basic.cancel is on its way to the core
        cancelled,
    };
    State state = State::active;
    bool no_ack = false;
    /// The client chose how much it has in hand (basic.qos).
    bool windowed = false;
    /// Cancelling, and what is on its way to it goes out all the same.
    bool keeps = false;
    Bytes tag;
    DeliveryEncoder encoder;
    /// Numbered deliveries that have got a tag, and how many of these are settled.
    DeliveryIndex encoded = 0;
    std::uint64_t settled = 0;
};

/// One channel number of a connection, through all times that it is opened.
///
/// Methods that answer AmqpResult report what the client did wrong; the connection then calls fail() or closes itself, as
/// AmqpError::closes_connection() says. One lane's thread.
class Channel {
public:
    enum class State : std::uint8_t {
        closed,
        open,
        closing_by_client,  // CloseChannel has gone to the core, close-ok waits for its answer
        closing_by_broker,  // channel.close has gone to the client, everything but close-ok is ignored
    };

    Channel(SessionContext& session, std::uint16_t number) : session_(session), number_(number) {}
    ~Channel() { session_.bodies.remove(partial_bytes_); }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    State state() const { return state_; }
    std::uint16_t number() const { return number_; }
    ChannelId id() const { return ChannelId(number_); }
    /// Counts against channel_max.
    bool counts() const { return state_ != State::closed && !crossed_; }
    /// Nothing of it is left, neither here nor on its way to or from the core.
    bool forgettable() const { return state_ == State::closed && unanswered_closes_ == 0; }
    /// May be opened by channel.open.
    bool openable() const { return state_ == State::closed || crossed_; }
    bool in_content() const { return assembler_.in_content(); }
    /// Effects of the core that arrive now concern the channel as it stands, not an earlier one of that number.
    bool hears_core() const {
        return (state_ == State::open && unanswered_closes_ == 0) ||
               (state_ == State::closing_by_client && unanswered_closes_ == 1);
    }

    // From the client.

    /// channel.open.
    void open();
    /// Requires state open.
    amqp::AmqpResult<void> on_frame(const amqp::Frame& frame);
    /// Requires state open and not in_content().
    amqp::AmqpResult<void> on_publish(const amqp::FusedPublish& publish);
    /// basic.ack. The same.
    amqp::AmqpResult<void> on_ack(std::uint64_t delivery_tag, bool multiple);
    /// Requires state closing_by_broker: only channel.close and close-ok are looked at.
    void on_frame_while_closing(const amqp::Frame& frame);

    // Ends.

    /// An error that the lane found, or the core (`core_knows`). Sends channel.close.
    void fail(const amqp::AmqpError& error, bool core_knows);
    /// The core's answer to CloseChannel.
    void on_closed_in_core();
    /// What was encoded of each slot.
    void append_progress(std::vector<SlotProgress>& out) const;

    // From the core. Requires hears_core().

    /// False where the delivery was taken back and is to be dropped.
    bool wants(const Deliver& delivery) const;
    /// Gives it a tag. Requires wants().
    void encode(const Deliver& delivery);
    void on_got_message(const GotMessage& got);
    void on_return(const ReturnMessage& returned);
    void on_confirm(const Confirm& confirm);
    void on_reply(const amqp::Method& method);
    void on_consumer_cancelled(ConsumerSlot slot);

    bool has_confirms() const { return confirms_.dirty(); }
    /// Sends the confirms that have come in.
    void flush_confirms();

private:
    /// A basic.cancel that the core has not answered.
    struct PendingCancel {
        ConsumerSlot slot = 0;
        bool silent = false;
    };

    amqp::AmqpResult<void> on_method(amqp::Method&& method);
    amqp::AmqpResult<void> on_content_header(const amqp::AssemblyStep& step);
    amqp::AmqpResult<void> finish_publish();
    amqp::AmqpResult<void> check_size(std::uint64_t body_size) const;
    /// The core looks at the client's rights first, and fails the channel for these or for `error`.
    void refuse_publish(ByteView exchange, ByteView routing_key, amqp::AmqpError error);
    void emit_publish(MessagePtr message, bool mandatory);
    amqp::AmqpResult<void> consume(amqp::BasicConsume&& method);
    void cancel(amqp::BasicCancel&& method);
    /// The core has answered the oldest pending cancel. False where the client does not want to know.
    bool finish_cancel();
    void recover(bool no_wait);
    /// False where the tag is unknown.
    bool settle(std::uint64_t delivery_tag, bool multiple, Outcome outcome);
    void emit_settle(const DeliveryRun& run, Outcome outcome);
    void count_settled(ConsumerSlot slot, std::uint64_t count);
    /// tx.commit and tx.rollback: what the client settled since the last is settled for good, or its own again.
    void commit_tags();
    void restore_tags();
    void close_by_client();
    void perform(amqp::Method&& method);
    void send_close_ok();

    ConsumerSlot free_slot();
    LaneConsumer* consumer(ConsumerSlot slot) const {
        return slot < consumers_.size() ? consumers_[slot].get() : nullptr;
    }
    void release_if_done(ConsumerSlot slot);
    /// Forgets everything but the state and what is on its way.
    void reset();

    SessionContext& session_;
    std::uint16_t number_;
    State state_ = State::closed;
    /// While closing_by_broker: the client's own channel.close has been answered, so it may open the number again.
    bool crossed_ = false;
    /// Opened again before the client has answered our channel.close.
    bool close_ok_owed_ = false;
    /// While closing_by_client: the core failed it before it saw the close.
    bool failed_meanwhile_ = false;
    std::uint32_t unanswered_closes_ = 0;

    amqp::CommandAssembler assembler_;
    MessageBuilder builder_;
    /// Of its body, while it is not whole.
    std::uint64_t partial_bytes_ = 0;
    /// Why the message being assembled is refused, told when all of it has come.
    std::unique_ptr<amqp::AmqpError> refusal_;
    /// It is refused for its size, which counts before its sender's rights.
    bool too_large_ = false;

    bool confirming_ = false;
    /// basic.qos: for consumers to come, and for the channel.
    std::uint16_t prefetch_ = 0;
    std::uint16_t channel_prefetch_ = 0;
    bool transactional_ = false;
    std::uint64_t last_seqno_ = 0;
    ConfirmTracker confirms_;

    std::uint64_t last_tag_ = 0;
    TagMap tags_;
    /// tx: settled by the client, and not committed.
    std::vector<TagMap::Entry> uncommitted_;
    /// Of basic.get.
    DeliveryIndex got_ = 0;
    /// By slot; slot 0 is never used, others are null where free.
    std::vector<std::unique_ptr<LaneConsumer>> consumers_;
    std::vector<ConsumerSlot> free_slots_;
    std::unordered_map<Bytes, ConsumerSlot> slot_by_tag_;
    std::vector<PendingCancel> pending_cancels_;
};

}  // namespace lvt::broker
