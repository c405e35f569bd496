// CommandAssembler: the frames of one channel -> commands. A command is a method, and for some methods a content.
//
//   method frame -> [ header frame -> body frames ]        (spec 4.2.6)
#pragma once

#include <cstdint>

#include "protocol/amqp/amqp_error.h"
#include "protocol/amqp/frame.h"
#include "protocol/amqp/method.h"
#include "protocol/amqp/properties.h"

namespace lvt::amqp {

/// What a frame added to the command of its channel.
struct AssemblyStep {
    enum class Kind {
        /// CommandAssembler::method() is there.
        method,
        /// The content header: body_size and properties are.
        content_header,
        /// More of the body, possibly nothing.
        body,
    };
    Kind kind = Kind::method;
    /// True where the command ends with this frame.
    bool complete = false;
    std::uint64_t body_size = 0;
    /// Validated; valid as long as the frame's payload.
    Properties properties;
    ByteView body;
};

/// One channel's. Bodies are not kept: their pieces are views into the frames. One thread.
class CommandAssembler {
public:
    /// Takes a frame of the channel: any but a heartbeat. Errors, all of which close the connection:
    /// - unexpected_frame: the frame is not the one that must follow;
    /// - frame_error: a method that cannot be decoded, more body than the header declared;
    /// - command_invalid: no such method; syntax_error: malformed properties or tables.
    /// After an error the assembler waits for a method again.
    AmqpResult<AssemblyStep> next(const Frame& frame);

    /// The method of the current or last command; until the next method frame. Its owner may move it out.
    Method& method() { return method_; }

    /// True inside a content.
    bool in_content() const { return state_ != State::method; }

private:
    enum class State : std::uint8_t { method, header, body };

    AmqpResult<AssemblyStep> take_method(const Frame& frame);
    AmqpResult<AssemblyStep> take_header(const Frame& frame);
    AmqpResult<AssemblyStep> take_body(const Frame& frame);
    AmqpError fail(AmqpError error);

    Method method_;
    State state_ = State::method;
    std::uint16_t class_id_ = 0;
    std::uint16_t method_id_ = 0;
    std::uint64_t body_size_ = 0;
    std::uint64_t body_bytes_left_ = 0;
};

}  // namespace lvt::amqp
