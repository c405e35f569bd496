#include "protocol/amqp/frame_decoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/amqp/octet_text.h"
#include "protocol/base/assert.h"

namespace lvt::amqp {
namespace {

constexpr std::size_t kShownOctets = 16;
constexpr std::size_t kMethodIdsBytes = 4;

/// "type 1, all octets = <<0,20,0,10,0>>"; `start` is the payload or at least its first 16 octets.
Bytes describe(std::uint8_t type, ByteView start, std::size_t size) {
    return fmt::format(
        "type {}, {} octets = {}",
        type,
        size <= kShownOctets ? "all" : "first 16",
        octet_text(start.substr(0, std::min(kShownOctets, size))));
}

AmqpError frame_error(std::uint8_t type, ByteView start, std::size_t size, ByteView what) {
    return {ReplyCode::frame_error, fmt::format("{}: {}", describe(type, start, size), what)};
}

AmqpError too_large(std::uint8_t type, std::uint32_t size, std::uint32_t frame_max) {
    const auto said = frame_max - static_cast<std::uint32_t>(kFrameOverheadBytes);
    return frame_error(type, {}, 0, fmt::format("{{frame_too_large,{},{}}}", size, said));
}

AmqpError wrong_end(std::uint8_t type, ByteView start, std::size_t size, char end) {
    return frame_error(
        type,
        start,
        size,
        fmt::format("{{invalid_frame_end_marker,{}}}", static_cast<unsigned char>(end)));
}

AmqpError unexpected(std::uint8_t type, ByteView payload) {
    return {ReplyCode::unexpected_frame, describe_frame(type, payload)};
}

/// A body frame on a channel goes out in pieces; everything else is judged whole.
bool in_pieces(std::uint8_t type, std::uint16_t channel) {
    return type == static_cast<std::uint8_t>(FrameType::body) && channel != 0;
}

bool known(std::uint8_t type, ByteView payload) {
    switch (static_cast<FrameType>(type)) {
        case FrameType::method: return payload.size() >= kMethodIdsBytes;
        case FrameType::header: return payload.size() >= kContentHeaderBytes;
        case FrameType::body: return true;
        case FrameType::heartbeat: return payload.empty();
    }
    return false;
}

}  // namespace

Bytes describe_frame(std::uint8_t type, ByteView payload) {
    return describe(type, payload, payload.size());
}

FrameDecoder::FrameDecoder(std::uint32_t frame_max) { set_frame_max(frame_max); }

void FrameDecoder::set_frame_max(std::uint32_t frame_max) {
    ASSERT(frame_max >= kFrameMaxLowest);
    // RabbitMQ forgives the clients that count the payload alone; what it says is stricter (too_large).
    payload_max_ = frame_max;
}

AmqpError FrameDecoder::fail(AmqpError error) {
    failed_ = true;
    in_body_ = false;
    return error;
}

AmqpResult<std::optional<Frame>> FrameDecoder::next(ByteView& input) {
    if (handed_out_) {
        Bytes().swap(partial_);
        handed_out_ = false;
    }
    if (partial_.empty() && !in_body_ && !failed_ && input.size() >= kFrameHeaderBytes) {
        const auto size = load_big_endian<std::uint32_t>(input.data() + 3);
        if (size <= payload_max_ && input.size() >= size + kFrameOverheadBytes) {
            const ByteView frame = input.substr(0, size + kFrameOverheadBytes);
            input.remove_prefix(frame.size());
            return whole(frame);
        }
    }
    return next_slowly(input);
}

AmqpResult<std::optional<Frame>> FrameDecoder::next_slowly(ByteView& input) {
    if (failed_) {
        Bytes().swap(partial_);
        input = {};
        return std::nullopt;
    }
    if (in_body_) return next_of_body(input);
    if (!keep(input, kFrameHeaderBytes)) return std::nullopt;
    const auto type = static_cast<std::uint8_t>(partial_[0]);
    const auto channel = load_big_endian<std::uint16_t>(partial_.data() + 1);
    const auto size = load_big_endian<std::uint32_t>(partial_.data() + 3);
    if (size > payload_max_) return fail(too_large(type, size, payload_max_));
    if (in_pieces(type, channel)) {
        begin_body(channel, size);
        return next_of_body(input);
    }
    if (!keep(input, size + kFrameOverheadBytes)) return std::nullopt;
    handed_out_ = true;
    return whole(partial_);
}

bool FrameDecoder::keep(ByteView& input, std::size_t size) {
    if (partial_.size() < size) {
        const std::size_t taken = std::min(size - partial_.size(), input.size());
        partial_.append(input.data(), taken);
        input.remove_prefix(taken);
    }
    return partial_.size() >= size;
}

void FrameDecoder::begin_body(std::uint16_t channel, std::uint32_t size) {
    partial_.clear();
    in_body_ = true;
    body_channel_ = channel;
    body_bytes_ = size;
    body_bytes_left_ = size;
}

AmqpResult<std::optional<Frame>> FrameDecoder::next_of_body(ByteView& input) {
    const ByteView piece = input.substr(0, body_bytes_left_);
    const std::size_t at = body_bytes_ - body_bytes_left_;
    if (at < kShownOctets) piece.copy(body_start_.data() + at, kShownOctets - at);
    input.remove_prefix(piece.size());
    body_bytes_left_ -= static_cast<std::uint32_t>(piece.size());
    if (body_bytes_left_ > 0 || input.empty()) {
        if (piece.empty()) return std::nullopt;
        return Frame{FrameType::body, body_channel_, piece, false};
    }
    const char end = input.front();
    input.remove_prefix(1);
    if (static_cast<std::uint8_t>(end) != kFrameEnd) {
        const ByteView start(body_start_.data(), kShownOctets);
        const auto type = static_cast<std::uint8_t>(FrameType::body);
        return fail(wrong_end(type, start, body_bytes_, end));
    }
    in_body_ = false;
    return Frame{FrameType::body, body_channel_, piece, true};
}

AmqpResult<std::optional<Frame>> FrameDecoder::whole(ByteView frame) {
    const auto type = static_cast<std::uint8_t>(frame[0]);
    const auto channel = load_big_endian<std::uint16_t>(frame.data() + 1);
    const ByteView payload =
        frame.substr(kFrameHeaderBytes, frame.size() - kFrameOverheadBytes);
    if (static_cast<std::uint8_t>(frame.back()) != kFrameEnd) {
        return fail(wrong_end(type, payload, payload.size(), frame.back()));
    }
    if (!known(type, payload)) {
        return fail(frame_error(type, payload, payload.size(), "unknown_frame"));
    }
    const auto frame_type = static_cast<FrameType>(type);
    // Methods have a place everywhere, heartbeats on channel 0, contents anywhere else.
    const bool is_heartbeat = frame_type == FrameType::heartbeat;
    if (frame_type != FrameType::method && is_heartbeat != (channel == 0)) {
        return fail(unexpected(type, payload));
    }
    return Frame{frame_type, channel, payload, true};
}

ProtocolHeaderDecoder::Answer ProtocolHeaderDecoder::next(ByteView& input) {
    while (count_ < kProtocolHeader.size() && !input.empty()) {
        bool fits = false;
        for (std::size_t i = 0; i < kHeaders.size(); ++i) {
            fits_[i] = fits_[i] && input.front() == kHeaders[i][count_];
            fits = fits || fits_[i];
        }
        if (!fits) return Answer::refused;
        input.remove_prefix(1);
        ++count_;
    }
    return count_ == kProtocolHeader.size() ? Answer::accepted : Answer::need_more;
}

}  // namespace lvt::amqp
