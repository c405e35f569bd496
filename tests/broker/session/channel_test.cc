#include "broker/session/channel.h"

#include "tests/broker/session/session_fixture.h"

namespace lvt::broker {
namespace {

const amqp::AmqpError kNotFound{
    amqp::ReplyCode::not_found, "no exchange 'nope' in vhost '/'", 60, 40};
constexpr ByteView kNotFoundText = "NOT_FOUND - no exchange 'nope' in vhost '/'";

class ChannelTest : public SessionFixture {
protected:
    void SetUp() override {
        log_in();
        open_channel(1);
    }
    template <class M>
    void expect_connection_error(const M& method, std::uint16_t code, ByteView text) {
        log_in();
        open_channel(1);
        receive(1, method);
        const auto close = expect<amqp::ConnectionClose>(0);
        EXPECT_EQ(close.reply_code, code);
        EXPECT_EQ(close.reply_text, text);
        EXPECT_EQ(close.class_id, M::kClassId);
        EXPECT_EQ(close.method_id, M::kMethodId);
        expect_command<CloseSession>();
        expect_no_command();
    }
};

TEST_F(ChannelTest, HandsMethodsToTheCoreInOrderAndItsRepliesBack) {
    amqp::QueueDeclare declare;
    declare.queue = "q";
    receive(1, declare);
    receive(1, amqp::QueueBind{});
    receive(1, amqp::BasicQos{});
    receive(1, amqp::TxSelect{});
    receive(1, amqp::BasicGet{});
    EXPECT_EQ(std::get<amqp::QueueDeclare>(*expect_command<Perform>().method), declare);
    EXPECT_TRUE(std::holds_alternative<amqp::QueueBind>(*expect_command<Perform>().method));
    EXPECT_TRUE(std::holds_alternative<amqp::BasicQos>(*expect_command<Perform>().method));
    EXPECT_TRUE(std::holds_alternative<amqp::TxSelect>(*expect_command<Perform>().method));
    EXPECT_TRUE(std::holds_alternative<amqp::BasicGet>(*expect_command<Perform>().method));
    expect_no_command();
    reply(1, amqp::QueueDeclareOk{"q", 3, 1});
    EXPECT_EQ(expect<amqp::QueueDeclareOk>(1).message_count, 3u);
}

TEST_F(ChannelTest, CloseOkWaitsForTheCore) {
    receive(1, amqp::ChannelClose{0, "", 0, 0});
    expect_command<CloseChannel>();
    expect_silence();
    give(ChannelClosed{kId, ChannelId(1)});
    expect<amqp::ChannelCloseOk>(1);
    expect_silence();
    open_channel(1);
}

TEST_F(ChannelTest, RepliesAndConfirmsBeforeTheBarrierGoOutBeforeCloseOk) {
    receive(1, amqp::ConfirmSelect{});
    expect_command<Perform>();
    for (int i = 0; i < 3; ++i) {
        receive(publish_frames(1, "x", "key", "a"));
        EXPECT_EQ(expect_command<Publish>().publish_seqno, static_cast<std::uint64_t>(i + 1));
    }
    receive(1, amqp::ChannelClose{0, "", 0, 0});
    expect_command<CloseChannel>();
    reply(1, amqp::ConfirmSelectOk{});
    give(Confirm{kId, ChannelId(1), false, 1, 3});
    give(ChannelClosed{kId, ChannelId(1)});
    expect<amqp::ConfirmSelectOk>(1);
    const auto ack = expect<amqp::BasicAck>(1);
    EXPECT_EQ(ack.delivery_tag, 3u);
    EXPECT_TRUE(ack.multiple);
    expect<amqp::ChannelCloseOk>(1);
}

TEST_F(ChannelTest, ErrorOfTheCoreClosesTheChannelOnly) {
    give(ChannelFailed{kId, ChannelId(1), kNotFound});
    const auto close = expect<amqp::ChannelClose>(1);
    EXPECT_EQ(close.reply_code, 404);
    EXPECT_EQ(close.reply_text, kNotFoundText);
    EXPECT_EQ(close.class_id, 60);
    EXPECT_EQ(close.method_id, 40);
    receive(publish_frames(1, "x", "key", "ignored"));
    receive(ack_frame(1, 17));
    receive(1, amqp::QueueDeclare{});
    Bytes body;
    amqp::encode_frame(body, amqp::FrameType::body, 1, "abc");
    receive(body);
    expect_no_command();
    expect_silence();
    open_channel(2);
    receive(1, amqp::ChannelCloseOk{});
    open_channel(1);
}

TEST_F(ChannelTest, ConfirmsDecidedBeforeAnErrorGoOutFirst) {
    receive(1, amqp::ConfirmSelect{});
    receive(publish_frames(1, "x", "key", "a"));
    give(Confirm{kId, ChannelId(1), false, 1, 1});
    give(ChannelFailed{kId, ChannelId(1), kNotFound});
    expect<amqp::BasicAck>(1);
    expect_channel_close(1, 404, kNotFoundText);
}

TEST_F(ChannelTest, ErrorOfTheLaneIsToldToTheCoreAndWhatIsUnderWayIsDropped) {
    receive(ack_frame(1, 99));
    expect_channel_close(1, 406, "PRECONDITION_FAILED - unknown delivery tag 99");
    expect_command<CloseChannel>();
    receive(1, amqp::ChannelCloseOk{});
    open_channel(1);
    // Of the channel that was: its close is not through yet.
    reply(1, amqp::QueueDeclareOk{"old", 0, 0});
    deliver(1, 1, 0, "old");
    give(ChannelFailed{kId, ChannelId(1), kNotFound});
    give(ChannelClosed{kId, ChannelId(1)});
    expect_silence();
    reply(1, amqp::QueueDeclareOk{"new", 0, 0});
    EXPECT_EQ(expect<amqp::QueueDeclareOk>(1).queue, "new");
}

TEST_F(ChannelTest, ClientsCloseThatCrossesAnErrorIsAnsweredAndTheNumberIsFreeAtOnce) {
    give(ChannelFailed{kId, ChannelId(1), kNotFound});
    expect_channel_close(1, 404, kNotFoundText);
    receive(1, amqp::ChannelClose{0, "", 0, 0});
    expect<amqp::ChannelCloseOk>(1);
    expect_no_command();
    open_channel(1);
    receive(1, amqp::ChannelCloseOk{});  // late, and harmless
    receive(1, amqp::QueueDeclare{});
    expect_command<Perform>();
}

TEST_F(ChannelTest, ErrorOfTheCoreWhileTheClientCloses) {
    receive(1, amqp::ChannelClose{0, "", 0, 0});
    expect_command<CloseChannel>();
    give(ChannelFailed{kId, ChannelId(1), kNotFound});
    expect_channel_close(1, 404, kNotFoundText);
    give(ChannelClosed{kId, ChannelId(1)});
    expect<amqp::ChannelCloseOk>(1);
    receive(1, amqp::ChannelCloseOk{});
    expect_no_command();
    open_channel(1);
}

TEST_F(ChannelTest, SecondOpenIsAnErrorOfTheConnection) {
    constexpr ByteView kText = "CHANNEL_ERROR - second 'channel.open' seen";
    expect_connection_error(amqp::ChannelOpen{}, 504, kText);
    log_in();
    open_channel(1);
    receive(frame_of(1, amqp::ChannelClose{}) + frame_of(1, amqp::ChannelOpen{}));
    expect_connection_close(504, kText);
    log_in();
    open_channel(1);
    receive(ack_frame(1, 1));
    expect<amqp::ChannelClose>(1);
    receive(1, amqp::ChannelOpen{});
    expect_connection_close(504, kText);
}

TEST_F(ChannelTest, MethodsOfTheServerAreNotImplemented) {
    constexpr ByteView kText = "COMMAND_INVALID - unimplemented method";
    expect_connection_error(amqp::BasicConsumeOk{}, 503, kText);
    expect_connection_error(amqp::QueueDeclareOk{}, 503, kText);
    expect_connection_error(amqp::ChannelOpenOk{}, 503, kText);
    expect_connection_error(amqp::BasicDeliver{}, 503, kText);
    expect_connection_error(amqp::BasicReturn{}, 503, kText);
    expect_connection_error(amqp::ConnectionStart{}, 503, kText);
    expect_connection_error(amqp::ChannelCloseOk{}, 503, kText);
}

TEST_F(ChannelTest, RecoverWithoutRequeueIsNotImplemented) {
    constexpr ByteView kText = "NOT_IMPLEMENTED - requeue=false";
    expect_connection_error(amqp::BasicRecover{false}, 540, kText);
    expect_connection_error(amqp::BasicRecoverAsync{false}, 540, kText);
}

TEST_F(ChannelTest, MalformedArgumentsAreAFrameError) {
    Bytes frame;
    amqp::encode_frame(frame, amqp::FrameType::method, 1, ByteView("\0\x32\0\x0a\0\0", 6));
    receive(frame);
    EXPECT_EQ(expect<amqp::ConnectionClose>(0).reply_code, 501);
}

TEST_F(ChannelTest, TextsOfMethodsAreUtf8) {
    constexpr ByteView kText = "FRAME_ERROR - Malformed UTF-8 in shortstr";
    receive(1, amqp::QueueDeclare{0, "\xff"});
    expect_command<CloseSession>();
    expect_connection_close(501, kText);
    log_in();
    open_channel(1);
    receive(1, amqp::BasicConsume{0, "q", "\xc0\x80"});
    expect_command<CloseSession>();
    expect_connection_close(501, kText);
    log_in();
    open_channel(1);
    receive(publish_frames(1, "x", "\xff", "a"));
    expect_command<Publish>();
}

TEST_F(ChannelTest, ChannelsAreIndependent) {
    open_channel(2);
    receive(ack_frame(1, 1));
    expect_command<CloseChannel>();
    expect_channel_close(1, 406, "PRECONDITION_FAILED - unknown delivery tag 1");
    receive(publish_frames(2, "x", "key", "a"));
    EXPECT_EQ(expect_command<Publish>().channel, ChannelId(2));
}

}  // namespace
}  // namespace lvt::broker
