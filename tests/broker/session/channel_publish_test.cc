#include "broker/session/channel.h"
#include "tests/broker/session/session_fixture.h"

namespace lvt::broker {
namespace {

class ChannelPublish : public SessionFixture {
protected:
    void SetUp() override {
        log_in();
        open_channel(1);
    }

    /// The core is to fail the channel with this, unless a right is missing.
    void expect_refused(ByteView text) {
        const auto command = expect_command<Perform>();
        const auto& refused = std::get<amqp::BasicReturn>(*command.method);
        EXPECT_EQ(refused.reply_code, 406);
        EXPECT_EQ(refused.reply_text, text);
        EXPECT_EQ(refused.exchange, "x");
        EXPECT_EQ(refused.routing_key, "key");
    }

    Bytes with_user_id(ByteView user) {
        return amqp::PropertiesBuilder().set_text(amqp::property::kUserId, user).build();
    }
    void confirm_select() {
        receive(1, amqp::ConfirmSelect{});
        expect_command<Perform>();
    }
    void publish(int count) {
        for (int i = 0; i < count; ++i) receive(publish_frames(1, "x", "key", "a"));
        commands.clear();
    }
    void confirm(std::uint64_t first, std::uint64_t last, bool nack = false) {
        give(Confirm{kId, ChannelId(1), nack, first, last});
    }
    void expect_ack(std::uint64_t tag, bool multiple) {
        const auto ack = expect<amqp::BasicAck>(1);
        EXPECT_EQ(ack.delivery_tag, tag);
        EXPECT_EQ(ack.multiple, multiple);
    }
};

TEST_F(ChannelPublish, BecomesOneMessage) {
    const Bytes properties =
        amqp::PropertiesBuilder().set_delivery_mode(2).set_priority(7).build();
    receive(publish_frames(1, "exchange", "routing.key", "the body", properties));
    const Publish publish = expect_command<Publish>();
    EXPECT_EQ(publish.channel, ChannelId(1));
    EXPECT_FALSE(publish.mandatory);
    EXPECT_EQ(publish.publish_seqno, 0u);
    const Message& message = *publish.message;
    EXPECT_EQ(message.exchange(), "exchange");
    EXPECT_EQ(message.routing_key(), "routing.key");
    EXPECT_EQ(message.properties(), properties);
    EXPECT_EQ(message.body(), "the body");
    EXPECT_TRUE(message.persistent());
    EXPECT_EQ(message.priority(), 7);
}

TEST_F(ChannelPublish, MandatoryIsKept) {
    amqp::BasicPublish method;
    method.mandatory = true;
    Bytes frames = frame_of(1, method);
    amqp::encode_header_frame(frames, 1, 0, kNoProperties);
    receive(frames);
    const Publish publish = expect_command<Publish>();
    EXPECT_TRUE(publish.mandatory);
    EXPECT_TRUE(publish.message->body().empty());
}

TEST_F(ChannelPublish, LargeBodyComesInManyFramesAndPieces) {
    SeededRandom source(5);
    const Bytes body = source.bytes(3 * 1024 * 1024 + 17);
    const Bytes frames = publish_frames(1, "x", "key", body, kNoProperties, 131'072);
    for (std::size_t at = 0; at < frames.size(); at += 40'001)
        receive(ByteView(frames).substr(at, 40'001));
    EXPECT_EQ(expect_command<Publish>().message->body(), body);
}

TEST_F(ChannelPublish, ChannelsMayInterleaveTheirContents) {
    open_channel(2);
    amqp::BasicPublish method;
    Bytes frames = frame_of(1, method);
    amqp::encode_header_frame(frames, 1, 3, kNoProperties);
    frames += publish_frames(2, "x", "key", "other");
    amqp::encode_body_frames(frames, 1, "one", 4'096);
    receive(frames);
    EXPECT_EQ(expect_command<Publish>().message->body(), "other");
    EXPECT_EQ(expect_command<Publish>().message->body(), "one");
}

TEST_F(ChannelPublish, PublishInsideAContentOfTheSameChannelIsUnexpected) {
    Bytes frames = frame_of(1, amqp::BasicPublish{});
    frames += publish_frames(1, "x", "key", "other");
    receive(frames);
    const auto close = expect<amqp::ConnectionClose>(0);
    EXPECT_EQ(
        close.reply_text,
        "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame "
        "instead");
    EXPECT_EQ(close.class_id, 60);
    EXPECT_EQ(close.method_id, 40);
}

TEST_F(ChannelPublish, ImmediateIsNotImplemented) {
    amqp::BasicPublish method;
    method.immediate = true;
    Bytes frames = frame_of(1, method);
    amqp::encode_header_frame(frames, 1, 0, kNoProperties);
    receive(frames);
    const auto close = expect<amqp::ConnectionClose>(0);
    EXPECT_EQ(close.reply_text, "NOT_IMPLEMENTED - immediate=true");
    EXPECT_EQ(close.class_id, 60);
    EXPECT_EQ(close.method_id, 40);
}

TEST_F(ChannelPublish, TooLargeAMessageCostsTheChannelAfterItsBody) {
    options.max_message_size = 10;
    const Bytes frames = publish_frames(1, "x", "key", Bytes(11, 'b'), kNoProperties, 4'096);
    receive(ByteView(frames).substr(0, frames.size() - 1));
    expect_silence();
    receive(ByteView(frames).substr(frames.size() - 1));
    constexpr ByteView kText =
        "PRECONDITION_FAILED - message size 11 is larger than configured max size 10";
    expect_channel_close(1, 406, kText);
    expect_command<CloseChannel>();
    open_channel(2);
    receive(publish_frames(2, "x", "key", Bytes(11, 'b')));
    expect_channel_close(2, 406, kText);
    expect_command<CloseChannel>();
    open_channel(3);
    receive(publish_frames(3, "x", "key", Bytes(10, 'b')));
    expect_command<Publish>();
}

TEST_F(ChannelPublish, UserIdMustBeTheUsersOwn) {
    receive(publish_frames(1, "x", "key", "a", with_user_id("guest")));
    expect_command<Publish>();
    receive(publish_frames(1, "x", "key", "a", with_user_id("bob")));
    expect_refused("user_id property set to 'bob' but authenticated user was 'guest'");
    // In pieces too.
    const Bytes frames = publish_frames(1, "x", "key", "a", with_user_id("bob"));
    receive(ByteView(frames).substr(0, frames.size() - 1));
    expect_silence();
    receive(ByteView(frames).substr(frames.size() - 1));
    expect_refused("user_id property set to 'bob' but authenticated user was 'guest'");
}

TEST_F(ChannelPublish, ImpersonatorsMayNameAnotherUser) {
    impersonator = true;
    log_in();
    open_channel(1);
    receive(publish_frames(1, "x", "key", "a", with_user_id("bob")));
    expect_command<Publish>();
}

TEST_F(ChannelPublish, DeliveryModeIsOneOrTwo) {
    for (const char mode : {'\1', '\2'}) {
        receive(publish_frames(1, "x", "key", "a", Bytes("\x10\0", 2) + mode));
        expect_command<Publish>();
    }
    receive(publish_frames(1, "x", "key", "a", ByteView("\x10\0\3", 3)));
    expect_refused("invalid message: {delivery_mode_unknown,3}");
}

TEST_F(ChannelPublish, NumbersCountFromConfirmSelectOn) {
    receive(
        publish_frames(1, "x", "key", "before") + frame_of(1, amqp::ConfirmSelect{}) +
        publish_frames(1, "x", "key", "one") + frame_of(1, amqp::ConfirmSelect{}) +
        publish_frames(1, "x", "key", "two"));
    EXPECT_EQ(expect_command<Publish>().publish_seqno, 0u);
    expect_command<Perform>();
    EXPECT_EQ(expect_command<Publish>().publish_seqno, 1u);
    expect_command<Perform>();
    EXPECT_EQ(expect_command<Publish>().publish_seqno, 2u);
}

TEST_F(ChannelPublish, ConfirmsOfATurnLeaveAsOneAck) {
    confirm_select();
    publish(200);
    confirm(1, 150);
    confirm(151, 200);
    EXPECT_TRUE(connection->output().empty());
    expect_ack(200, true);
    expect_silence();
}

TEST_F(ChannelPublish, NacksAreSingle) {
    confirm_select();
    publish(4);
    confirm(1, 1);
    confirm(2, 3, true);
    confirm(4, 4);
    EXPECT_EQ(expect<amqp::BasicNack>(1).delivery_tag, 2u);
    const auto nack = expect<amqp::BasicNack>(1);
    EXPECT_EQ(nack.delivery_tag, 3u);
    EXPECT_FALSE(nack.multiple);
    expect_ack(4, true);
}

TEST_F(ChannelPublish, ReturnGoesOutBeforeItsConfirm) {
    confirm_select();
    publish(1);
    give(ReturnMessage{kId, ChannelId(1), amqp::ReplyCode::no_route, message("lost")});
    confirm(1, 1);
    const auto returned = expect<amqp::BasicReturn>(1);
    EXPECT_EQ(returned.reply_code, 312);
    EXPECT_EQ(returned.reply_text, "NO_ROUTE");
    EXPECT_EQ(returned.exchange, "x");
    EXPECT_EQ(returned.routing_key, "key");
    EXPECT_EQ(expect_content(1).body, "lost");
    expect_ack(1, false);
}

TEST_F(ChannelPublish, WhatWasDecidedBeforeAReturnIsToldBeforeIt) {
    confirm_select();
    publish(2);
    confirm(1, 1);
    give(ReturnMessage{kId, ChannelId(1), amqp::ReplyCode::no_route, message("lost")});
    confirm(2, 2);
    expect_ack(1, false);
    expect<amqp::BasicReturn>(1);
    EXPECT_EQ(expect_content(1).body, "lost");
    expect_ack(2, false);
}

TEST_F(ChannelPublish, NumbersThatWereNeverGivenAreNotConfirmed) {
    confirm_select();
    publish(2);
    confirm(1, 9);
    expect_ack(2, true);
    publish(1);
    confirm(3, 3);
    expect_ack(3, false);
}

TEST_F(ChannelPublish, AcksMergeWhileTheClientDoesNotRead) {
    confirm_select();
    publish(1'000);
    const Bytes body(1024 * 1024, 'b');
    give(ReturnMessage{kId, ChannelId(1), amqp::ReplyCode::no_route, message(body)});
    const std::size_t size = connection->output().size();
    for (std::uint64_t seqno = 1; seqno <= 1'000; ++seqno) {
        confirm(seqno, seqno);
        end_of_turn();
    }
    EXPECT_EQ(connection->output().size(), size);
    connection->consume_output(size, clock.now());
    expect_ack(1'000, true);
}

}  // namespace
}  // namespace lvt::broker
