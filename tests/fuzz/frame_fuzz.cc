// FrameDecoder and ProtocolHeaderDecoder: a stream in pieces gives what the same stream gives whole.
#include <vector>

#include "protocol/amqp/frame_decoder.h"
#include "protocol/base/assert.h"
#include "tests/fuzz/pieces.h"

namespace lvt::amqp {
namespace {

struct Outcome {
    std::vector<Bytes> frames;  // type, channel and payload, encoded again
    Bytes unfinished;
    std::optional<AmqpError> error;
    bool operator==(const Outcome&) const = default;
};

Outcome decode(ByteView stream, std::uint8_t cut) {
    FrameDecoder decoder;
    Outcome out;
    for_each_piece(stream, cut, [&](ByteView piece) {
        while (true) {
            const auto frame = decoder.next(piece);
            if (frame.has_error()) {
                ASSERT(!out.error && frame.error().closes_connection());
                out.error = frame.error();
                // Pieces of a body go out before its end octet proves wrong.
                out.unfinished.clear();
                continue;
            }
            if (!*frame) break;
            ASSERT(!out.error);
            out.unfinished += (*frame)->payload;
            if (!(*frame)->ended) continue;
            encode_frame(
                out.frames.emplace_back(), (*frame)->type, (*frame)->channel, out.unfinished);
            out.unfinished.clear();
        }
        ASSERT(piece.empty());
    });
    return out;
}

ProtocolHeaderDecoder::Answer recognise(ByteView stream, std::uint8_t cut) {
    ProtocolHeaderDecoder decoder;
    auto answer = ProtocolHeaderDecoder::Answer::need_more;
    for_each_piece(stream, cut, [&](ByteView piece) {
        if (answer == ProtocolHeaderDecoder::Answer::need_more) answer = decoder.next(piece);
    });
    return answer;
}

}  // namespace
}  // namespace lvt::amqp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvt;
    const auto input = pieced_input(as_view(data, size));
    const auto whole = amqp::decode(input.stream, 0);
    ASSERT(amqp::decode(input.stream, input.cut) == whole);
    ASSERT(amqp::recognise(input.stream, input.cut) == amqp::recognise(input.stream, 0));
    Bytes again;
    for (const Bytes& frame : whole.frames) again += frame;
    ASSERT(input.stream.starts_with(again));
    return 0;
}
