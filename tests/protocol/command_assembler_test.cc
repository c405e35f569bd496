#include "protocol/amqp/command_assembler.h"

#include <gtest/gtest.h>

#include "protocol/amqp/method_frame.h"
#include "tests/protocol/random_amqp.h"

namespace lvt::amqp {
namespace {

using Kind = AssemblyStep::Kind;

/// An assembler with verbs; its frames live as long as it.
class Channel {
public:
    AmqpResult<AssemblyStep> method(const Method& method) {
        Bytes frame;
        encode_method_frame(frame, 1, method);
        return take(FrameType::method, unwrap(frame));
    }
    AmqpResult<AssemblyStep> header(std::uint64_t body_size, ByteView properties = kNothing) {
        Bytes frame;
        encode_header_frame(frame, 1, body_size, properties);
        return take(FrameType::header, unwrap(frame));
    }
    AmqpResult<AssemblyStep> body(ByteView octets, bool ended = true) {
        return take(FrameType::body, octets, ended);
    }
    AmqpResult<AssemblyStep> take(FrameType type, ByteView payload, bool ended = true) {
        payload_ = payload;
        return assembler.next(Frame{type, 1, payload_, ended});
    }

    CommandAssembler assembler;

private:
    static constexpr ByteView kNothing{"\0\0", 2};
    static Bytes unwrap(const Bytes& frame) {
        return frame.substr(kFrameHeaderBytes, frame.size() - kFrameOverheadBytes);
    }
    Bytes payload_;
};

void expect_505(const AmqpResult<AssemblyStep>& step, const char* text, bool in_publish) {
    ASSERT_TRUE(step.has_error());
    EXPECT_EQ(step.error().reply_text(), Bytes("UNEXPECTED_FRAME - ") + text);
    EXPECT_EQ(step.error().class_id, in_publish ? 60 : 0);
    EXPECT_EQ(step.error().method_id, in_publish ? 40 : 0);
    EXPECT_TRUE(step.error().closes_connection());
}

TEST(CommandAssembler, AMethodWithoutContentIsACommand) {
    Channel channel;
    const auto step = channel.method(QueuePurge{0, "q"});
    ASSERT_TRUE(step.has_value());
    EXPECT_EQ(step->kind, Kind::method);
    EXPECT_TRUE(step->complete);
    EXPECT_EQ(std::get<QueuePurge>(channel.assembler.method()).queue, "q");
    EXPECT_FALSE(channel.assembler.in_content());
}

TEST(CommandAssembler, APublishGoesThroughItsSteps) {
    Channel channel;
    const auto method = channel.method(BasicPublish{0, "ex", "key"});
    EXPECT_EQ(method->kind, Kind::method);
    EXPECT_FALSE(method->complete);
    EXPECT_TRUE(channel.assembler.in_content());
    const auto header = channel.header(5, ByteView("\x10\0\2", 3));
    EXPECT_EQ(header->kind, Kind::content_header);
    EXPECT_FALSE(header->complete);
    EXPECT_EQ(header->body_size, 5u);
    EXPECT_EQ(header->properties.delivery_mode(), 2);
    const auto first = channel.body("ab");
    EXPECT_EQ(first->kind, Kind::body);
    EXPECT_EQ(first->body, "ab");
    EXPECT_FALSE(first->complete);
    EXPECT_FALSE(channel.body("")->complete);
    const auto last = channel.body("cde");
    EXPECT_EQ(last->body, "cde");
    EXPECT_TRUE(last->complete);
    EXPECT_FALSE(channel.assembler.in_content());
    EXPECT_EQ(std::get<BasicPublish>(channel.assembler.method()).routing_key, "key");
}

TEST(CommandAssembler, ABodyIsCompleteWithItsFrame) {
    Channel channel;
    (void)channel.method(BasicPublish{});
    (void)channel.header(5);
    EXPECT_FALSE(channel.body("abc", false)->complete);
    EXPECT_FALSE(channel.body("de", false)->complete);
    const auto end = channel.body("", true);
    EXPECT_TRUE(end->complete);
    EXPECT_TRUE(end->body.empty());
}

TEST(CommandAssembler, AnEmptyBodyCompletesAtTheHeader) {
    Channel channel;
    (void)channel.method(BasicPublish{});
    EXPECT_TRUE(channel.header(0)->complete);
    EXPECT_TRUE(channel.method(BasicAck{1})->complete);
}

TEST(CommandAssembler, ContentWithoutAMethodIsUnexpected) {
    const char* text = "expected method frame, got non method frame instead";
    Channel channel;
    expect_505(channel.header(0), text, false);
    expect_505(channel.body("x"), text, false);
    (void)channel.method(BasicAck{1});
    expect_505(channel.body("x"), text, false);
}

TEST(CommandAssembler, AnythingButAHeaderAfterPublishIsUnexpected) {
    const char* text = "expected content header for class 60, got non content header frame instead";
    for (const FrameType type : {FrameType::method, FrameType::body}) {
        Channel channel;
        (void)channel.method(BasicPublish{});
        expect_505(channel.take(type, ByteView("\0\x3c\0\x50\0\0\0\0\0\0\0\1\0", 13)), text, true);
    }
    Channel channel;
    (void)channel.method(BasicPublish{});
    expect_505(
        channel.take(FrameType::header, ByteView("\0\x3c\0\1\0\0\0\0\0\0\0\1\0\0", 14)),
        text,
        true);
}

TEST(CommandAssembler, AHeaderOfAnotherClassIsUnexpected) {
    Channel channel;
    (void)channel.method(BasicPublish{});
    expect_505(
        channel.take(FrameType::header, ByteView("\0\x32\0\0\0\0\0\0\0\0\0\1\0\0", 14)),
        "expected content header for class 60, got one for class 50 instead",
        true);
}

TEST(CommandAssembler, AnythingButABodyAfterTheHeaderIsUnexpected) {
    const char* text = "expected content body, got non content body frame instead";
    Channel channel;
    (void)channel.method(BasicPublish{});
    (void)channel.header(1);
    expect_505(channel.method(BasicPublish{}), text, true);
    (void)channel.method(BasicPublish{});
    (void)channel.header(2);
    (void)channel.body("a");
    expect_505(channel.header(1), text, true);
}

TEST(CommandAssembler, MoreBodyThanDeclaredIsAFrameError) {
    for (const bool in_two : {false, true}) {
        Channel channel;
        (void)channel.method(BasicPublish{});
        (void)channel.header(3);
        if (in_two) (void)channel.body("ab", false);
        const auto step = channel.body(in_two ? "cd" : "abcd");
        ASSERT_TRUE(step.has_error());
        EXPECT_EQ(
            step.error().reply_text(),
            "FRAME_ERROR - content body is longer than the declared 3 octets");
        EXPECT_EQ(step.error().method_id, 40);
    }
}

TEST(CommandAssembler, MalformedPropertiesEndTheConnection) {
    Channel channel;
    (void)channel.method(BasicPublish{});
    const auto step = channel.header(1, ByteView("\x80\0\5ab", 5));
    ASSERT_TRUE(step.has_error());
    EXPECT_EQ(step.error().reply_text(), "INTERNAL_ERROR");
    EXPECT_EQ(step.error().class_id, 0);
    EXPECT_TRUE(step.error().closes_connection());
}

TEST(CommandAssembler, UndecodableMethodsAreReported) {
    Channel channel;
    EXPECT_EQ(
        channel.take(FrameType::method, ByteView("\0\x14\0\x0a", 4)).error().reply_text(),
        "FRAME_ERROR - cannot decode <<>>");
    EXPECT_EQ(
        channel.take(FrameType::method, ByteView("\0\x63\0\1", 4)).error().code,
        ReplyCode::command_invalid);
}

TEST(CommandAssembler, RandomCommandsInRandomPieces) {
    const auto seed = test_seed();
    RandomAmqp random(seed);
    Channel channel;
    for (int round = 0; round < 2000; ++round) {
        SCOPED_TRACE(trace(seed, round));
        const Method sent = random.method();
        auto step = channel.method(sent);
        ASSERT_TRUE(step.has_value());
        ASSERT_EQ(channel.assembler.method(), sent);
        if (step->complete) continue;
        const Bytes properties = random.properties();
        const Bytes body = random.octets(50);
        step = channel.header(body.size(), properties);
        ASSERT_EQ(step->properties.bytes(), properties);
        Bytes received;
        while (received.size() < body.size()) {
            ASSERT_FALSE(step->complete);
            step = channel.body(
                ByteView(body).substr(received.size(), random.below(20)),
                received.size() + 20 < body.size() ? random.coin() : true);
            received += step->body;
        }
        ASSERT_TRUE(step->complete);
        ASSERT_EQ(received, body);
    }
}

}  // namespace
}  // namespace lvt::amqp
