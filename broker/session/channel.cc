#include "broker/session/channel.h"

#include <fmt/format.h>

#include <type_traits>
#include <utility>

#include "protocol/base/assert.h"
#include "protocol/base/utf8.h"

namespace lvt::broker {
namespace {

using amqp::AmqpError;
using amqp::AmqpResult;
using amqp::ReplyCode;

/// The methods of a client that only the core can carry out.
template <class M>
inline constexpr bool kForCore =
    std::is_same_v<M, amqp::AccessRequest> || std::is_same_v<M, amqp::ChannelFlow> ||
    std::is_same_v<M, amqp::ExchangeDeclare> || std::is_same_v<M, amqp::ExchangeDelete> ||
    std::is_same_v<M, amqp::ExchangeBind> || std::is_same_v<M, amqp::ExchangeUnbind> ||
    std::is_same_v<M, amqp::QueueDeclare> || std::is_same_v<M, amqp::QueueBind> ||
    std::is_same_v<M, amqp::QueuePurge> || std::is_same_v<M, amqp::QueueDelete> ||
    std::is_same_v<M, amqp::QueueUnbind> || std::is_same_v<M, amqp::BasicQos> ||
    std::is_same_v<M, amqp::BasicGet> || std::is_same_v<M, amqp::TxSelect> ||
    std::is_same_v<M, amqp::TxCommit> || std::is_same_v<M, amqp::TxRollback> ||
    std::is_same_v<M, amqp::ConfirmSelect>;

template <class M>
AmqpError error_of(ReplyCode code, Bytes text) {
    return AmqpError{code, std::move(text), M::kClassId, M::kMethodId};
}

template <class M>
AmqpError unknown_tag(std::uint64_t delivery_tag) {
    return error_of<M>(
        ReplyCode::precondition_failed, fmt::format("unknown delivery tag {}", delivery_tag));
}

/// RabbitMQ wants UTF-8 everywhere but in basic.publish.
template <class M>
bool well_formed_texts(M& method) {
    bool good = true;
    if constexpr (!std::is_same_v<M, amqp::BasicPublish>) {
        method.for_each_field([&](const char*, const auto& field) {
            if constexpr (std::is_same_v<std::decay_t<decltype(field)>, Bytes>)
                good = good && is_utf8(field);
        });
    }
    return good;
}

template <class M>
constexpr std::uint32_t ids() {
    return std::uint32_t{M::kClassId} << 16 | M::kMethodId;
}

}  // namespace

// Opening and closing.

void Channel::open() {
    ASSERT(openable());
    close_ok_owed_ = crossed_;
    reset();
    state_ = State::open;
    const bool asks = session_.channels_limited;
    session_.commands.emplace_back(OpenChannel{session_.id, id(), asks});
    if (!asks) session_.send(number_, amqp::ChannelOpenOk{});
}

void Channel::reset() {
    crossed_ = failed_meanwhile_ = confirming_ = transactional_ = false;
    assembler_ = {};
    builder_ = {};
    session_.bodies.remove(std::exchange(partial_bytes_, 0));
    refusal_.reset();
    last_seqno_ = last_tag_ = 0;
    prefetch_ = channel_prefetch_ = 0;
    confirms_ = {};
    tags_.clear();
    uncommitted_.clear();
    got_ = 0;
    consumers_.clear();
    free_slots_.clear();
    slot_by_tag_.clear();
    pending_cancels_.clear();
}

void Channel::close_by_client() {
    CloseChannel command{session_.id, id(), {}};
    append_progress(command.progress);
    session_.commands.emplace_back(std::move(command));
    session_.pending.drop_channel(id());
    ++unanswered_closes_;
    state_ = State::closing_by_client;
}

void Channel::fail(const AmqpError& error, bool core_knows) {
    // The core may have failed it on its own while a close was under way: the client has been told already, or is told now.
    if (state_ == State::closed || state_ == State::closing_by_broker || failed_meanwhile_) return;
    flush_confirms();
    session_.pending.drop_channel(id());
    amqp::ChannelClose close;
    close.reply_code = static_cast<std::uint16_t>(error.code);
    close.reply_text = error.reply_text();
    close.class_id = error.class_id;
    close.method_id = error.method_id;
    session_.send(number_, close);
    if (state_ == State::closing_by_client) {
        failed_meanwhile_ = true;
        return;
    }
    if (!core_knows) {
        CloseChannel command{session_.id, id(), {}};
        append_progress(command.progress);
        session_.commands.emplace_back(std::move(command));
        ++unanswered_closes_;
    }
    reset();
    state_ = State::closing_by_broker;
}

void Channel::on_closed_in_core() {
    if (unanswered_closes_ == 0) return;
    --unanswered_closes_;
    if (state_ != State::closing_by_client || unanswered_closes_ > 0) return;
    const bool failed_meanwhile = failed_meanwhile_;
    flush_confirms();
    reset();
    send_close_ok();
    // The client owes an answer to our channel.close then, but may use the number at once.
    state_ = failed_meanwhile ? State::closing_by_broker : State::closed;
    crossed_ = failed_meanwhile;
}

void Channel::send_close_ok() { session_.send(number_, amqp::ChannelCloseOk{}); }

void Channel::on_frame_while_closing(const amqp::Frame& frame) {
    if (frame.type != amqp::FrameType::method) return;
    const auto method = load_big_endian<std::uint32_t>(frame.payload.data());
    if (method == ids<amqp::ChannelCloseOk>()) {
        state_ = State::closed;
        crossed_ = false;
    } else if (method == ids<amqp::ChannelClose>() && !crossed_) {
        crossed_ = true;
        send_close_ok();
    }
}

void Channel::append_progress(std::vector<SlotProgress>& out) const {
    if (got_ > 0) out.push_back({id(), 0, got_});
    for (ConsumerSlot slot = 1; slot < consumers_.size(); ++slot) {
        if (consumers_[slot] && !consumers_[slot]->no_ack)
            out.push_back({id(), slot, consumers_[slot]->encoded});
    }
}

// Methods.

AmqpResult<void> Channel::on_frame(const amqp::Frame& frame) {
    auto step = assembler_.next(frame);
    if (step.has_error()) return std::move(step).error();
    switch (step->kind) {
        case amqp::AssemblyStep::Kind::method: return on_method(std::move(assembler_.method()));
        case amqp::AssemblyStep::Kind::content_header: return on_content_header(*step);
        case amqp::AssemblyStep::Kind::body: break;
    }
    if (!refusal_ && !step->body.empty()) builder_.append(step->body);
    if (step->complete) return finish_publish();
    if (!refusal_) {
        partial_bytes_ += step->body.size();
        session_.bodies.add(step->body.size());
    }
    return {};
}

AmqpResult<void> Channel::on_method(amqp::Method&& any) {
    return std::visit(
        [&](auto&& method) -> AmqpResult<void> {
            using M = std::decay_t<decltype(method)>;
            if (!well_formed_texts(method))
                return AmqpError{ReplyCode::frame_error, "Malformed UTF-8 in shortstr"};
            if constexpr (std::is_same_v<M, amqp::BasicPublish>) {
                if (method.immediate)
                    return error_of<M>(ReplyCode::not_implemented, "immediate=true");
                // Its content follows; the names are needed then.
                return {};
            } else if constexpr (kForCore<M>) {
                // Numbers count from the select on, whatever is pipelined behind it.
                if constexpr (std::is_same_v<M, amqp::ConfirmSelect>) confirming_ = true;
                if constexpr (std::is_same_v<M, amqp::BasicQos>)
                    (method.global ? channel_prefetch_ : prefetch_) = method.prefetch_count;
                if constexpr (std::is_same_v<M, amqp::TxSelect>) transactional_ = true;
                if constexpr (std::is_same_v<M, amqp::TxCommit>) commit_tags();
                if constexpr (std::is_same_v<M, amqp::TxRollback>) restore_tags();
                perform(std::move(method));
                return {};
            } else if constexpr (std::is_same_v<M, amqp::BasicConsume>) {
                return consume(std::move(method));
            } else if constexpr (std::is_same_v<M, amqp::BasicCancel>) {
                cancel(std::move(method));
                return {};
            } else if constexpr (std::is_same_v<M, amqp::BasicAck>) {
                return on_ack(method.delivery_tag, method.multiple);
            } else if constexpr (std::is_same_v<M, amqp::BasicNack>) {
                const Outcome outcome = method.requeue ? Outcome::requeue : Outcome::discard;
                if (settle(method.delivery_tag, method.multiple, outcome)) return {};
                return unknown_tag<M>(method.delivery_tag);
            } else if constexpr (std::is_same_v<M, amqp::BasicReject>) {
                const Outcome outcome = method.requeue ? Outcome::requeue : Outcome::discard;
                if (settle(method.delivery_tag, false, outcome)) return {};
                return unknown_tag<M>(method.delivery_tag);
            } else if constexpr (
                std::is_same_v<M, amqp::BasicRecover> ||
                std::is_same_v<M, amqp::BasicRecoverAsync>) {
                if (!method.requeue)
                    return error_of<M>(ReplyCode::not_implemented, "requeue=false");
                recover(std::is_same_v<M, amqp::BasicRecoverAsync>);
                return {};
            } else if constexpr (std::is_same_v<M, amqp::ChannelClose>) {
                close_by_client();
                return {};
            } else if constexpr (std::is_same_v<M, amqp::ChannelCloseOk>) {
                // Late, of a channel.close that crossed the client's own.
                if (std::exchange(close_ok_owed_, false)) return {};
                return error_of<M>(ReplyCode::command_invalid, "unimplemented method");
            } else if constexpr (std::is_same_v<M, amqp::ChannelOpen>) {
                return error_of<M>(ReplyCode::channel_error, "second 'channel.open' seen");
            } else {
                return error_of<M>(ReplyCode::command_invalid, "unimplemented method");
            }
        },
        std::move(any));
}

AmqpResult<void> Channel::on_ack(std::uint64_t delivery_tag, bool multiple) {
    if (settle(delivery_tag, multiple, Outcome::ack)) return {};
    return unknown_tag<amqp::BasicAck>(delivery_tag);
}

void Channel::perform(amqp::Method&& method) {
    session_.commands.emplace_back(
        Perform{session_.id, id(), std::make_unique<amqp::Method>(std::move(method))});
}

}  // namespace lvt::broker
