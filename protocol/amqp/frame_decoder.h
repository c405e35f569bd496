// FrameDecoder: the octets of a connection in, frames out. No copies where a frame lies whole in the input.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/amqp/amqp_error.h"
#include "protocol/amqp/frame.h"

namespace lvt::amqp {

/// Splits an octet stream that arrives in any pieces. One thread.
///
/// What the end of an input cuts off is kept here, so the caller's read buffer is free again after each round; only
/// bodies are not kept: of a body frame each piece is handed out as it comes. A decoder between two frames owns no heap.
class FrameDecoder {
public:
    /// Before connection.tune-ok nobody may send more than the lowest frame_max.
    explicit FrameDecoder(std::uint32_t frame_max = kFrameMaxLowest);

    /// From connection.tune-ok on. At least kFrameMaxLowest.
    void set_frame_max(std::uint32_t frame_max);

    /// Takes the next frame, or the next piece of a body frame, off the front of `input`; nothing where the input is
    /// used up. The payload is valid until the next call and as long as the input's octets are.
    ///
    /// Answers heartbeats too, on channel 0 and empty. Errors, all of which close the connection:
    /// - frame_error: above frame_max (told before anything of it is kept), a wrong end octet, an unknown type, a heartbeat
    ///   with a payload, a method or content header too short for its ids;
    /// - unexpected_frame: a heartbeat off channel 0, content on channel 0.
    /// After one the stream is lost: all further input is swallowed.
    AmqpResult<std::optional<Frame>> next(ByteView& input);

    /// Octets kept from earlier inputs; 0 between two frames.
    std::size_t kept_bytes() const { return handed_out_ ? 0 : partial_.size(); }

private:
    AmqpResult<std::optional<Frame>> next_slowly(ByteView& input);
    void begin_body(std::uint16_t channel, std::uint32_t size);
    AmqpResult<std::optional<Frame>> next_of_body(ByteView& input);
    AmqpResult<std::optional<Frame>> whole(ByteView frame);
    AmqpError fail(AmqpError error);
    /// Moves octets from the input until `size` are kept; false if it has too few.
    bool keep(ByteView& input, std::size_t size);

    std::uint32_t payload_max_;
    /// A method or header frame as far as it came, or one that was handed out by the last call.
    Bytes partial_;
    bool handed_out_ = false;
    bool failed_ = false;

    bool in_body_ = false;
    std::uint16_t body_channel_ = 0;
    std::uint32_t body_bytes_ = 0;
    std::uint32_t body_bytes_left_ = 0;
    /// How the body frame begins, for the text of an error at its end.
    std::array<char, 16> body_start_{};
};

/// What a client must send first: "AMQP" 0 0 9 1. Anything else is answered with exactly this, and closed.
inline constexpr ByteView kProtocolHeader{"AMQP\0\0\x09\x01", 8};

/// "type 1, all octets = <<0,20,0,10,0>>": how RabbitMQ names a frame that it does not want.
Bytes describe_frame(std::uint8_t type, ByteView payload);

/// Recognises the protocol header, in whatever pieces it comes. The older forms of 0-9 and 0-8,
/// "AMQP" 1 1 0 9 and 1 1 8 0, are accepted too.
class ProtocolHeaderDecoder {
public:
    enum class Answer { need_more, accepted, refused };

    /// Takes the header's octets off the front of `input`. Refuses at the first octet that does not fit.
    Answer next(ByteView& input);
    /// Requires accepted: the client asked for 0-8.
    bool asks_for_0_8() const { return fits_[2]; }

private:
    static constexpr std::array<ByteView, 3> kHeaders{
        kProtocolHeader, ByteView("AMQP\x01\x01\0\x09", 8), ByteView("AMQP\x01\x01\x08\0", 8)};

    std::uint8_t count_ = 0;
    std::array<bool, kHeaders.size()> fits_{true, true, true};
};

}  // namespace lvt::amqp
