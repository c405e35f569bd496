#include "protocol/amqp/fast_path.h"

#include <gtest/gtest.h>

#include <vector>

#include "protocol/amqp/command_assembler.h"
#include "protocol/amqp/frame_decoder.h"
#include "protocol/amqp/method_frame.h"
#include "tests/protocol/random_amqp.h"

namespace lvt::amqp {
namespace {

constexpr std::uint32_t kFrameMax = 4096;

struct Publish {
    std::uint16_t channel = 1;
    BasicPublish method;
    Bytes properties{"\0\0", 2};
    Bytes body;

    Bytes encoded() const {
        Bytes out;
        encode_method_frame(out, channel, method);
        encode_header_frame(out, channel, body.size(), properties);
        encode_body_frames(out, channel, body, kFrameMax);
        return out;
    }
};

Publish small_publish() {
    return {1, BasicPublish{0, "ex", "key", true}, Bytes("\x10\0\2", 3), "twenty-four octets body"};
}

/// What decoder and assembler make of the first command of the input, where it is a whole publish in one body frame.
std::optional<Publish> parse_slowly(ByteView input, std::size_t& bytes) {
    FrameDecoder decoder(kFrameMax);
    CommandAssembler assembler;
    Publish out;
    const std::size_t size = input.size();
    for (int frames = 0; frames < 3; ++frames) {
        const auto frame = decoder.next(input);
        if (frame.has_error() || !*frame) return std::nullopt;
        if (frames > 0 && (*frame)->channel != out.channel) return std::nullopt;
        out.channel = (*frame)->channel;
        if ((*frame)->type == FrameType::heartbeat || out.channel == 0) return std::nullopt;
        const auto step = assembler.next(**frame);
        if (step.has_error()) return std::nullopt;
        if (!std::holds_alternative<BasicPublish>(assembler.method())) return std::nullopt;
        if (step->kind == AssemblyStep::Kind::content_header) {
            out.properties = step->properties.bytes();
        }
        out.body += step->body;
        if (!step->complete) continue;
        out.method = std::get<BasicPublish>(assembler.method());
        bytes = size - input.size();
        return out;
    }
    return std::nullopt;
}

void expect_equal(const FusedPublish& fused, const Publish& publish) {
    EXPECT_EQ(fused.channel, publish.channel);
    EXPECT_EQ(fused.exchange, publish.method.exchange);
    EXPECT_EQ(fused.routing_key, publish.method.routing_key);
    EXPECT_EQ(fused.mandatory, publish.method.mandatory);
    EXPECT_EQ(fused.immediate, publish.method.immediate);
    EXPECT_EQ(fused.properties, publish.properties);
    EXPECT_EQ(fused.body, publish.body);
    EXPECT_EQ(fused.scan.flags, Properties(publish.properties).flags());
}

TEST(ParsePublish, RecognisesAWholePublish) {
    const Bytes input = small_publish().encoded();
    const auto fused = parse_publish(input + "more", kFrameMax);
    ASSERT_TRUE(fused.has_value());
    EXPECT_EQ(fused->total_bytes, input.size());
    const auto alone = parse_publish(input, kFrameMax);
    ASSERT_TRUE(alone.has_value());
    expect_equal(*alone, small_publish());
    EXPECT_TRUE(alone->scan.persistent());
}

TEST(ParsePublish, AnEmptyBodyHasNoFrame) {
    Publish publish = small_publish();
    publish.body.clear();
    const Bytes input = publish.encoded();
    const auto fused = parse_publish(input, kFrameMax);
    ASSERT_TRUE(fused.has_value());
    expect_equal(*fused, publish);
    EXPECT_EQ(fused->total_bytes, input.size());
}

TEST(ParsePublish, LeavesEveryTruncationToTheSlowPath) {
    const Bytes input = small_publish().encoded();
    for (std::size_t size = 0; size < input.size(); ++size) {
        // A copy of its own, so that a sanitizer sees any read behind it.
        const std::vector<char> part(input.begin(), input.begin() + static_cast<long>(size));
        EXPECT_FALSE(parse_publish({part.data(), size}, kFrameMax).has_value()) << size;
    }
}

TEST(ParsePublish, LeavesWhatIsUnusualToTheSlowPath) {
    Publish several = small_publish();
    several.body = Bytes(kFrameMax, 'b');
    EXPECT_FALSE(parse_publish(several.encoded(), kFrameMax).has_value());
    EXPECT_TRUE(parse_publish(small_publish().encoded(), kFrameMax).has_value());
    Publish on_channel_0 = small_publish();
    on_channel_0.channel = 0;
    EXPECT_FALSE(parse_publish(on_channel_0.encoded(), kFrameMax).has_value());
    Publish malformed = small_publish();
    malformed.properties = Bytes("\x80\0\5ab", 5);
    EXPECT_FALSE(parse_publish(malformed.encoded(), kFrameMax).has_value());
    Bytes ack;
    encode_method_frame(ack, 1, BasicAck{1});
    EXPECT_FALSE(parse_publish(ack + ack + ack, kFrameMax).has_value());
}

TEST(ParsePublish, AgreesWithTheSlowPathOnRandomAndMutatedInput) {
    const auto seed = test_seed();
    RandomAmqp random(seed);
    int recognised = 0;
    int mutated_recognised = 0;
    for (int round = 0; round < 20000; ++round) {
        SCOPED_TRACE(trace(seed, round));
        Publish publish{static_cast<std::uint16_t>(1 + random.below(65535))};
        publish.method = std::get<BasicPublish>(random.method(Method(BasicPublish{}).index()));
        publish.properties = random.properties();
        publish.body = random.octets(random.coin() ? 2 : 300);
        Bytes input = publish.encoded();
        const bool mutated = round % 4 != 0;
        for (std::size_t i = mutated ? 1 + random.below(2) : 0; i > 0; --i) {
            input[random.below(input.size())] = static_cast<char>(random.integer());
        }
        std::size_t bytes = 0;
        const auto slow = parse_slowly(input, bytes);
        const auto fused = parse_publish(input, kFrameMax);
        ASSERT_EQ(fused.has_value(), slow.has_value());
        if (!fused) continue;
        ++(mutated ? mutated_recognised : recognised);
        ASSERT_EQ(fused->total_bytes, bytes);
        expect_equal(*fused, *slow);
        ASSERT_FALSE(HasFailure());
    }
    EXPECT_EQ(recognised, 5000);
    EXPECT_GT(mutated_recognised, 1000);
}

TEST(ParseAck, RecognisesAWholeAck) {
    Bytes input;
    encode_method_frame(input, 9, BasicAck{0x0102030405060708, true});
    const auto ack = parse_ack(input + "more");
    ASSERT_TRUE(ack.has_value());
    EXPECT_EQ(ack->channel, 9);
    EXPECT_TRUE(ack->multiple);
    EXPECT_EQ(ack->delivery_tag, 0x0102030405060708u);
    EXPECT_EQ(ack->total_bytes, input.size());
    for (std::size_t size = 0; size < input.size(); ++size) {
        EXPECT_FALSE(parse_ack(ByteView(input).substr(0, size)).has_value());
    }
}

TEST(ParseAck, AgreesWithTheSlowPathOnMutatedInput) {
    const auto seed = test_seed();
    RandomAmqp random(seed);
    for (int round = 0; round < 20000; ++round) {
        SCOPED_TRACE(trace(seed, round));
        Bytes input;
        encode_method_frame(input, 1, BasicAck{random.integer(), random.coin()});
        input[random.below(input.size())] = static_cast<char>(random.integer());
        FrameDecoder decoder(kFrameMax);
        ByteView rest = input;
        const auto frame = decoder.next(rest);
        const bool whole = frame.has_value() && *frame && (*frame)->channel != 0 &&
                           (*frame)->type == FrameType::method;
        const auto method =
            whole ? decode_method((*frame)->payload) : AmqpResult<Method>(AmqpError{});
        const bool is_ack = method.has_value() && std::holds_alternative<BasicAck>(*method);
        const auto ack = parse_ack(input);
        ASSERT_EQ(ack.has_value(), is_ack);
        if (!ack) continue;
        ASSERT_EQ(ack->channel, (*frame)->channel);
        ASSERT_EQ((BasicAck{ack->delivery_tag, ack->multiple}), std::get<BasicAck>(*method));
    }
}

}  // namespace
}  // namespace lvt::amqp
