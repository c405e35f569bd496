#include "protocol/amqp/command_assembler.h"

#include <fmt/format.h>

#include "protocol/base/assert.h"

namespace lvt::amqp {

AmqpError CommandAssembler::fail(AmqpError error) {
    if (state_ != State::method && error.code != ReplyCode::internal_error) {
        error.class_id = class_id_;
        error.method_id = method_id_;
    }
    state_ = State::method;
    return error;
}

AmqpResult<AssemblyStep> CommandAssembler::next(const Frame& frame) {
    ASSERT(frame.type != FrameType::heartbeat);
    switch (state_) {
        case State::method: return take_method(frame);
        case State::header: return take_header(frame);
        case State::body: return take_body(frame);
    }
    return take_method(frame);
}

AmqpResult<AssemblyStep> CommandAssembler::take_method(const Frame& frame) {
    if (frame.type != FrameType::method) {
        return AmqpError{
            ReplyCode::unexpected_frame, "expected method frame, got non method frame instead"};
    }
    auto decoded = decode_method(frame.payload);
    if (decoded.has_error()) return std::move(decoded).error();
    method_ = std::move(*decoded);
    AssemblyStep step{AssemblyStep::Kind::method, true};
    std::visit(
        [&](const auto& method) {
            if (!method.kHasContent) return;
            class_id_ = method.kClassId;
            method_id_ = method.kMethodId;
            state_ = State::header;
            step.complete = false;
        },
        method_);
    return step;
}

AmqpResult<AssemblyStep> CommandAssembler::take_header(const Frame& frame) {
    ByteReader in(frame.payload);
    const std::uint16_t class_id = in.u16();
    const std::uint16_t weight = in.u16();
    AssemblyStep step{AssemblyStep::Kind::content_header};
    step.body_size = in.u64();
    if (frame.type != FrameType::header || weight != 0 || !in.ok()) {
        return fail(AmqpError{
            ReplyCode::unexpected_frame,
            fmt::format(
                "expected content header for class {}, got non content header frame instead",
                class_id_)});
    }
    if (class_id != class_id_) {
        return fail(AmqpError{
            ReplyCode::unexpected_frame,
            fmt::format(
                "expected content header for class {}, got one for class {} instead",
                class_id_,
                class_id)});
    }
    // RabbitMQ says no more of them than this.
    if (Properties::validate(in.rest()).has_error())
        return fail(AmqpError{ReplyCode::internal_error, {}});
    step.properties = Properties(in.rest());
    step.complete = step.body_size == 0;
    body_size_ = body_bytes_left_ = step.body_size;
    state_ = step.complete ? State::method : State::body;
    return step;
}

AmqpResult<AssemblyStep> CommandAssembler::take_body(const Frame& frame) {
    if (frame.type != FrameType::body) {
        return fail(AmqpError{
            ReplyCode::unexpected_frame,
            "expected content body, got non content body frame instead"});
    }
    if (frame.payload.size() > body_bytes_left_) {
        return fail(AmqpError{
            ReplyCode::frame_error,
            fmt::format("content body is longer than the declared {} octets", body_size_)});
    }
    AssemblyStep step{AssemblyStep::Kind::body};
    step.body = frame.payload;
    body_bytes_left_ -= frame.payload.size();
    step.complete = body_bytes_left_ == 0 && frame.ended;
    if (step.complete) state_ = State::method;
    return step;
}

}  // namespace lvt::amqp
