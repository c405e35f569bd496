// FrameInput: a receive buffer that hands out whole frames without copying them.
//
// A load tool must cost less than what it measures, and knows its peer: frames are taken whole, and the decoder of the
// broker, which holds any split and any malice, is not needed.
#pragma once

#include "protocol/amqp/frame.h"

#include <cstring>
#include <vector>

namespace lvt::broker::load {

class FrameInput {
public:
    /// Frames of up to `frame_max` octets.
    explicit FrameInput(std::size_t frame_max) : buffer_(frame_max + kReadBytes) {}

    /// Room for at least kReadBytes once next() has answered false. Views handed out before are invalid afterwards.
    char* space() {
        if (begin_ > 0) {
            std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        }
        return buffer_.data() + end_;
    }
    std::size_t space_bytes() const { return buffer_.size() - end_; }
    /// `bytes` were written to space().
    void received(std::size_t bytes) { end_ += bytes; }

    /// The next whole frame, valid until space() is called; false where more octets are needed, and for ever once a frame
    /// came with a wrong end or larger than frame_max.
    bool next(amqp::Frame& frame) {
        const char* const at = buffer_.data() + begin_;
        const std::size_t have = end_ - begin_;
        if (have < amqp::kFrameOverheadBytes || broken_) return false;
        const std::size_t payload = load_big_endian<std::uint32_t>(at + 3);
        const std::size_t whole = payload + amqp::kFrameOverheadBytes;
        if (have < whole) {
            broken_ = whole > buffer_.size() - kReadBytes;
            return false;
        }
        broken_ = static_cast<std::uint8_t>(at[whole - 1]) != amqp::kFrameEnd;
        if (broken_) return false;
        frame.type = static_cast<amqp::FrameType>(at[0]);
        frame.channel = load_big_endian<std::uint16_t>(at + 1);
        frame.payload = ByteView(at + amqp::kFrameHeaderBytes, payload);
        begin_ += whole;
        return true;
    }

    /// The stream is not AMQP.
    bool broken() const { return broken_; }

private:
    static constexpr std::size_t kReadBytes = 128 * 1024;

    std::vector<char> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool broken_ = false;
};

}  // namespace lvt::broker::load
