#include "protocol/amqp/frame_decoder.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "protocol/amqp/method_frame.h"
#include "tests/protocol/random_amqp.h"

namespace lvt::amqp {
namespace {

constexpr std::uint32_t kFrameMax = 131072;

Bytes frame(int type, std::uint16_t channel, ByteView payload, int end = kFrameEnd) {
    Bytes out;
    encode_frame(out, static_cast<FrameType>(type), channel, payload);
    out.back() = static_cast<char>(end);
    return out;
}

/// A frame put together again from what the decoder gave.
struct Seen {
    FrameType type;
    std::uint16_t channel;
    Bytes payload;
    bool operator==(const Seen&) const = default;
};

struct Outcome {
    std::vector<Seen> frames;
    std::optional<AmqpError> error;
    /// Octets of a body that came without the frame's end.
    Bytes unfinished;
    bool operator==(const Outcome&) const = default;
};

/// Feeds a decoder piece by piece; each piece dies before the next comes, as in a shared read buffer.
class Feeder {
public:
    explicit Feeder(std::uint32_t frame_max = kFrameMax) : decoder_(frame_max) {}

    void feed(ByteView piece) {
        const auto buffer = std::make_unique<char[]>(piece.size());
        piece.copy(buffer.get(), piece.size());
        ByteView input(buffer.get(), piece.size());
        while (true) {
            auto next = decoder_.next(input);
            if (next.has_error()) {
                outcome.error = next.error();
                continue;
            }
            if (!*next) break;
            take(**next);
        }
        EXPECT_TRUE(input.empty());
    }

    Outcome outcome;
    std::size_t kept_bytes() const { return decoder_.kept_bytes(); }

private:
    void take(const Frame& next) {
        outcome.unfinished += next.payload;
        if (!next.ended) {
            EXPECT_EQ(next.type, FrameType::body);
            EXPECT_FALSE(next.payload.empty());
            return;
        }
        outcome.frames.push_back({next.type, next.channel, std::move(outcome.unfinished)});
        outcome.unfinished.clear();
    }

    FrameDecoder decoder_;
};

Outcome decode(ByteView stream) {
    Feeder feeder;
    feeder.feed(stream);
    return feeder.outcome;
}

Bytes error_text(ByteView stream, std::uint32_t frame_max = kFrameMax) {
    Feeder feeder(frame_max);
    feeder.feed(stream);
    return feeder.outcome.error ? feeder.outcome.error->reply_text() : Bytes();
}

Bytes publish_stream() {
    Bytes out;
    encode_method_frame(out, 1, BasicPublish{0, "ex", "key"});
    encode_header_frame(out, 1, 30, ByteView("\x10\0\2", 3));
    encode_body_frames(out, 1, Bytes(30, 'b'), kFrameMax);
    out += kHeartbeatFrame;
    out += frame(3, 1, {});
    encode_method_frame(out, 0, ConnectionCloseOk{});
    return out;
}

TEST(FrameDecoder, TakesFramesOutOfTheInputWithoutCopying) {
    const Bytes stream = publish_stream();
    FrameDecoder decoder(kFrameMax);
    ByteView input = stream;
    const auto next = decoder.next(input);
    ASSERT_TRUE(next.has_value() && next->has_value());
    EXPECT_EQ((*next)->payload.data(), stream.data() + kFrameHeaderBytes);
    EXPECT_EQ(input.data(), (*next)->payload.end() + 1);
}

TEST(FrameDecoder, GivesTheSameAtEverySplitPoint) {
    const Bytes stream = publish_stream();
    const Outcome whole = decode(stream);
    ASSERT_EQ(whole.frames.size(), 6u);
    EXPECT_EQ(whole.frames[2], (Seen{FrameType::body, 1, Bytes(30, 'b')}));
    for (std::size_t first = 0; first <= stream.size(); ++first) {
        for (std::size_t second = first; second <= stream.size(); ++second) {
            Feeder feeder;
            feeder.feed(ByteView(stream).substr(0, first));
            feeder.feed(ByteView(stream).substr(first, second - first));
            feeder.feed(ByteView(stream).substr(second));
            ASSERT_EQ(feeder.outcome, whole) << first << ", " << second;
        }
    }
}

TEST(FrameDecoder, WaitsAtEveryTruncation) {
    const Bytes stream = publish_stream();
    const Outcome whole = decode(stream);
    for (std::size_t size = 0; size < stream.size(); ++size) {
        const Outcome part = decode(ByteView(stream).substr(0, size));
        EXPECT_FALSE(part.error.has_value());
        ASSERT_LT(part.frames.size(), whole.frames.size());
        EXPECT_TRUE(std::equal(part.frames.begin(), part.frames.end(), whole.frames.begin()));
    }
}

TEST(FrameDecoder, HandsBodiesOnOctetByOctetWithoutKeepingThem) {
    Feeder feeder;
    const Bytes stream = frame(3, 1, Bytes(1000, 'b'));
    for (const char octet : stream) {
        feeder.feed(ByteView(&octet, 1));
        ASSERT_LE(feeder.kept_bytes(), kFrameHeaderBytes);
    }
    ASSERT_EQ(feeder.outcome.frames.size(), 1u);
    EXPECT_EQ(feeder.outcome.frames[0].payload, Bytes(1000, 'b'));
}

TEST(FrameDecoder, KeepsNothingBetweenFrames) {
    Feeder feeder;
    const Bytes stream = frame(1, 1, Bytes(1000, 'm'));
    feeder.feed(ByteView(stream).substr(0, 500));
    EXPECT_EQ(feeder.kept_bytes(), 500u);
    feeder.feed(ByteView(stream).substr(500));
    EXPECT_EQ(feeder.kept_bytes(), 0u);
}

TEST(FrameDecoder, RejectsFrameAboveNegotiatedMax) {
    EXPECT_TRUE(decode(frame(1, 1, Bytes(kFrameMax - 8, 'm'))).frames.size() == 1);
    // Clients that count the payload alone are forgiven.
    EXPECT_TRUE(decode(frame(1, 1, Bytes(kFrameMax, 'm'))).frames.size() == 1);
    const Bytes header = frame(1, 1, Bytes(131073, 'm')).substr(0, kFrameHeaderBytes);
    EXPECT_EQ(
        error_text(header),
        "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,131073,131064}");
    EXPECT_EQ(
        error_text(frame(3, 1, Bytes(4097, 'b')).substr(0, 7), kFrameMaxLowest),
        "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4097,4088}");
}

TEST(FrameDecoder, RejectsAWrongEndOctet) {
    EXPECT_EQ(
        error_text(frame(1, 1, ByteView("\0\x14\0\n\0", 5), 205)),
        "FRAME_ERROR - type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,205}");
    EXPECT_EQ(
        error_text(frame(3, 1, Bytes(17, '\1'), 0)),
        "FRAME_ERROR - type 3, first 16 octets = <<1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1>>: "
        "{invalid_frame_end_marker,0}");
}

TEST(FrameDecoder, RejectsWhatIsNoFrame) {
    EXPECT_EQ(
        error_text(frame(9, 1, ByteView("\1\2", 2))),
        "FRAME_ERROR - type 9, all octets = <<1,2>>: unknown_frame");
    EXPECT_EQ(
        error_text(frame(1, 1, ByteView("\0\x0a\0", 3))),
        "FRAME_ERROR - type 1, all octets = <<0,10,0>>: unknown_frame");
    EXPECT_EQ(
        error_text(frame(2, 1, "short")),
        "FRAME_ERROR - type 2, all octets = <<\"short\">>: unknown_frame");
    EXPECT_EQ(
        error_text(frame(8, 0, "x")),
        "FRAME_ERROR - type 8, all octets = <<\"x\">>: unknown_frame");
}

TEST(FrameDecoder, RejectsFramesOnTheWrongChannel) {
    EXPECT_EQ(error_text(frame(8, 1, {})), "UNEXPECTED_FRAME - type 8, all octets = <<>>");
    EXPECT_EQ(
        error_text(frame(3, 0, ByteView("\0", 1))),
        "UNEXPECTED_FRAME - type 3, all octets = <<0>>");
    EXPECT_EQ(
        error_text(frame(2, 0, Bytes(20, '\0'))),
        "UNEXPECTED_FRAME - type 2, first 16 octets = <<0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0>>");
}

TEST(FrameDecoder, ErrorsAreTheSameAtEverySplitPoint) {
    const Bytes broken[] = {
        frame(9, 1, "abc"), frame(8, 1, {}), frame(8, 0, "x"), frame(3, 0, "body"),
        frame(3, 1, "some body that is long", 1), frame(1, 1, "method", 1), frame(1, 1, "m"),
        frame(1, 1, Bytes(kFrameMax + 1, 'm')).substr(0, 12)};
    for (const Bytes& last : broken) {
        const Bytes stream = frame(1, 1, "first") + last + frame(1, 1, "never seen");
        const Outcome whole = decode(stream);
        ASSERT_TRUE(whole.error.has_value());
        EXPECT_TRUE(whole.error->closes_connection());
        ASSERT_EQ(whole.frames.size(), 1u);
        for (std::size_t split = 0; split <= stream.size(); ++split) {
            Feeder feeder;
            feeder.feed(ByteView(stream).substr(0, split));
            feeder.feed(ByteView(stream).substr(split));
            EXPECT_EQ(feeder.outcome.error, whole.error) << split;
            EXPECT_EQ(feeder.outcome.frames, whole.frames) << split;
        }
    }
}

TEST(FrameDecoder, BeforeTuneTakesTheLowestMaxOnly) {
    FrameDecoder decoder;
    const Bytes stream = frame(1, 0, Bytes(kFrameMaxLowest + 1, 'm'));
    ByteView input = stream;
    EXPECT_TRUE(decoder.next(input).has_error());
}

TEST(FrameDecoder, TakesTheNewMaxAtOnce) {
    FrameDecoder decoder;
    decoder.set_frame_max(kFrameMax);
    const Bytes stream = frame(1, 0, Bytes(kFrameMaxLowest + 1, 'm'));
    ByteView input = stream;
    const auto next = decoder.next(input);
    ASSERT_TRUE(next.has_value() && next->has_value());
}

TEST(FrameDecoder, RandomStreamsInRandomPieces) {
    const auto seed = test_seed();
    RandomAmqp random(seed);
    for (int round = 0; round < 200; ++round) {
        SCOPED_TRACE(trace(seed, round));
        Bytes stream;
        std::vector<Seen> sent;
        for (std::size_t count = random.below(20); count > 0; --count) {
            const auto type = static_cast<FrameType>(1 + random.below(3));
            const auto channel = static_cast<std::uint16_t>(1 + random.below(65535));
            Bytes payload = random.octets(300);
            if (type != FrameType::body) payload.resize(payload.size() + kContentHeaderBytes);
            encode_frame(stream, type, channel, payload);
            sent.push_back({type, channel, payload});
        }
        Feeder feeder;
        for (ByteView rest = stream; !rest.empty();) {
            const std::size_t size = std::min(rest.size(), 1 + random.below(200));
            feeder.feed(rest.substr(0, size));
            rest.remove_prefix(size);
        }
        ASSERT_EQ(feeder.outcome, (Outcome{sent, {}, {}}));
    }
}

}  // namespace
}  // namespace lvt::amqp
