// Channel: publishes and their confirms.
#include "broker/core/expiration.h"
#include "broker/core/publish_check.h"
#include "broker/session/channel.h"
#include "protocol/amqp/method_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace lvt::broker {
namespace {

using amqp::AmqpError;
using amqp::AmqpResult;
using amqp::ReplyCode;

AmqpError publish_error(ReplyCode code, Bytes text) {
    return AmqpError{
        code, std::move(text), amqp::BasicPublish::kClassId, amqp::BasicPublish::kMethodId};
}

/// check_publish_properties has accepted it.
std::optional<std::uint64_t> expiration_of(const amqp::PropertiesScan& scan) {
    if (!scan.has(amqp::property::kExpiration)) return std::nullopt;
    return std::get<std::uint64_t>(parse_expiration(scan.expiration));
}

}  // namespace

AmqpResult<void> Channel::on_publish(const amqp::FusedPublish& publish) {
    if (publish.immediate) return publish_error(ReplyCode::not_implemented, "immediate=true");
    auto fits = check_size(publish.body.size());
    if (fits.has_error()) return fits;
    auto checked = check_publish_properties(publish.scan, session_.user, session_.impersonator);
    if (checked.has_error()) {
        refuse_publish(publish.exchange, publish.routing_key, std::move(checked).error());
        return {};
    }
    const MessageParts parts{
        publish.exchange,
        publish.routing_key,
        publish.properties,
        publish.body.size(),
        publish.scan.priority,
        publish.scan.persistent(),
        expiration_of(publish.scan)};
    MessageBuilder builder(session_.pool, parts);
    if (!publish.body.empty()) builder.append(publish.body);
    emit_publish(builder.finish(), publish.mandatory);
    return {};
}

AmqpResult<void> Channel::on_content_header(const amqp::AssemblyStep& step) {
    const auto& method = std::get<amqp::BasicPublish>(assembler_.method());
    const ByteView properties = step.properties.bytes();
    const auto scan = amqp::scan_properties(properties);
    ASSERT(scan);
    auto checked = check_size(step.body_size);
    too_large_ = checked.has_error();
    if (!too_large_)
        checked = check_publish_properties(*scan, session_.user, session_.impersonator);
    if (checked.has_error()) {
        refusal_ = std::make_unique<AmqpError>(std::move(checked).error());
    } else {
        builder_ = MessageBuilder(
            session_.pool,
            MessageParts{
                method.exchange,
                method.routing_key,
                properties,
                step.body_size,
                scan->priority,
                scan->persistent(),
                expiration_of(*scan)});
    }
    return step.complete ? finish_publish() : AmqpResult<void>();
}

AmqpResult<void> Channel::finish_publish() {
    session_.bodies.remove(std::exchange(partial_bytes_, 0));
    const auto& method = std::get<amqp::BasicPublish>(assembler_.method());
    if (const auto refusal = std::move(refusal_)) {
        if (too_large_) return std::move(*refusal);
        refuse_publish(method.exchange, method.routing_key, std::move(*refusal));
        return {};
    }
    emit_publish(builder_.finish(), method.mandatory);
    return {};
}

AmqpResult<void> Channel::check_size(std::uint64_t body_size) const {
    if (body_size <= session_.options.max_message_size) return {};
    return publish_error(
        ReplyCode::precondition_failed,
        fmt::format(
            "message size {} is larger than configured max size {}",
            body_size,
            session_.options.max_message_size));
}

void Channel::refuse_publish(ByteView exchange, ByteView routing_key, AmqpError error) {
    session_.commands.emplace_back(Perform{
        session_.id,
        id(),
        std::make_unique<amqp::Method>(
            refused_publish(Bytes(exchange), Bytes(routing_key), std::move(error)))});
}

void Channel::emit_publish(MessagePtr message, bool mandatory) {
    const std::uint64_t seqno = confirming_ ? ++last_seqno_ : 0;
    session_.commands.emplace_back(
        std::in_place_type<Publish>,
        session_.id,
        id(),
        mandatory,
        seqno,
        std::move(message),
        nullptr);
}

void Channel::on_confirm(const Confirm& confirm) {
    // Never a number that was not given.
    confirms_.decide(confirm.first, std::min(confirm.last, last_seqno_), confirm.nack);
}

void Channel::flush_confirms() {
    if (!confirms_.dirty()) return;
    auto& frames = session_.confirm_frames;
    confirms_.flush(frames);
    for (const ConfirmFrame& frame : frames) {
        if (frame.nack) {
            amqp::BasicNack nack;
            nack.delivery_tag = frame.publish_seqno;
            nack.multiple = frame.multiple;
            nack.requeue = true;  // as RabbitMQ leaves it
            session_.send(number_, nack);
        } else {
            char* const to = session_.output.reserve(amqp::kAckFrameBytes);
            amqp::put_ack_frame(to, number_, frame.publish_seqno, frame.multiple);
            session_.output.commit(amqp::kAckFrameBytes);
        }
    }
    frames.clear();
}

void Channel::on_return(const ReturnMessage& returned) {
    amqp::BasicReturn method;
    method.reply_code = static_cast<std::uint16_t>(returned.code);
    method.reply_text = amqp::reply_code_name(returned.code);
    method.exchange = Bytes(returned.message->exchange());
    method.routing_key = Bytes(returned.message->routing_key());
    encode_with_content(session_.output, number_, method, *returned.message, session_.frame_max);
}

}  // namespace lvt::broker
