// The two commands that clients send by the million, recognised in one look where all of their frames lie whole and in
// a row. Whatever is not recognised here goes the common way, which also finds the words for what is wrong:
// FrameDecoder -> CommandAssembler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/amqp/frame.h"
#include "protocol/amqp/properties.h"

namespace lvt::amqp {

/// basic.publish with its content header and at most one body frame. Views into the input.
struct FusedPublish {
    /// Not defaulted: that would clear all of it with rep stos first, which costs more than the whole parse.
    FusedPublish() {}

    std::uint16_t channel = 0;
    bool mandatory = false;
    bool immediate = false;
    ByteView exchange;
    ByteView routing_key;
    /// In wire form, from the flags on; validated.
    ByteView properties;
    PropertiesScan scan;
    ByteView body;
    /// How much of the input it is.
    std::size_t total_bytes = 0;
};

/// A whole, well-formed publish at the front of `input`, or nothing. Only between two frames and on a channel that is
/// not inside a content. No allocation, except by a headers table that is malformed.
inline std::optional<FusedPublish> parse_publish(ByteView input, std::uint32_t frame_max);

/// The same into a fresh `out`, which is worth nothing where it answers false.
bool parse_publish(ByteView input, std::uint32_t frame_max, FusedPublish& out);

/// basic.ack.
struct FusedAck {
    std::uint16_t channel = 0;
    bool multiple = false;
    std::uint64_t delivery_tag = 0;
    std::size_t total_bytes = 0;
};

/// A whole basic.ack at the front of `input`, or nothing; under the same conditions as parse_publish.
std::optional<FusedAck> parse_ack(ByteView input);

// In the place where the caller wants it: a copy of it costs as much as the parse.
inline std::optional<FusedPublish> parse_publish(ByteView input, std::uint32_t frame_max) {
    std::optional<FusedPublish> out(std::in_place);
    if (!parse_publish(input, frame_max, *out)) out.reset();
    return out;
}

}  // namespace lvt::amqp
