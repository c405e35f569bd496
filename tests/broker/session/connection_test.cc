#include "tests/broker/session/session_fixture.h"

namespace lvt::broker {
namespace {

class ConnectionTest : public SessionFixture {
protected:
    void SetUp() override { log_in(); }
    void expect_end_after_close_ok() {
        if (!commands.empty()) expect_command<CloseSession>();
        give(SessionClosed{kId});
        EXPECT_FALSE(connection->done());
        receive(0, amqp::ConnectionCloseOk{});
        EXPECT_TRUE(connection->done());
    }
};

TEST_F(ConnectionTest, CloseOkWaitsForTheCore) {
    open_channel(1);
    const ConsumerSlot slot = consume(1, "tag");
    deliver(1, slot, 0, "a");
    deliver(1, slot, 1, "b");
    end_of_turn();
    receive(0, amqp::ConnectionClose{0, "", 0, 0});
    const CloseSession close = expect_command<CloseSession>();
    ASSERT_EQ(close.progress.size(), 1u);
    EXPECT_EQ(close.progress[0].channel, ChannelId(1));
    EXPECT_EQ(close.progress[0].slot, slot);
    EXPECT_EQ(close.progress[0].encoded, 2u);
    for (int i = 0; i < 2; ++i) {
        expect<amqp::BasicDeliver>(1);
        expect_content(1);
    }
    expect_silence();
    EXPECT_FALSE(connection->done());
    give(SessionClosed{kId});
    expect<amqp::ConnectionCloseOk>(0);
    EXPECT_FALSE(connection->done());
    connection->on_socket_closed(clock.now());
    EXPECT_TRUE(connection->done());
}

TEST_F(ConnectionTest, AfterCloseOkTheSocketIsTheClientsToClose) {
    open_channel(1);
    receive(0, amqp::ConnectionClose{200, "", 0, 0});
    expect_command<CloseSession>();
    receive(0, amqp::ConnectionClose{200, "", 0, 0});
    give(SessionClosed{kId});
    for (int i = 0; i < 2; ++i) expect<amqp::ConnectionCloseOk>(0);
    receive(publish_frames(1, "x", "key", "late"));
    receive(0, amqp::ConnectionClose{200, "", 0, 0});
    expect<amqp::ConnectionCloseOk>(0);
    expect_silence();
    expect_no_command();
    EXPECT_TRUE(connection->wants_read());
    EXPECT_FALSE(connection->done());
    connection->on_socket_closed(clock.now());
    EXPECT_TRUE(connection->done());
}

TEST_F(ConnectionTest, ClientThatKeepsItsSocketAfterCloseOkLosesItInThirtySeconds) {
    receive(0, amqp::ConnectionClose{200, "", 0, 0});
    expect_command<CloseSession>();
    give(SessionClosed{kId});
    expect<amqp::ConnectionCloseOk>(0);
    advance(Milliseconds(29'999));
    EXPECT_FALSE(connection->done());
    advance(Milliseconds(1));
    EXPECT_TRUE(connection->done());
}

TEST_F(ConnectionTest, WhatIsDecidedBeforeTheBarrierIsToldBeforeCloseOk) {
    open_channel(1);
    receive(1, amqp::ConfirmSelect{});
    expect_command<Perform>();
    receive(publish_frames(1, "x", "key", "a"));
    expect_command<Publish>();
    receive(0, amqp::ConnectionClose{0, "", 0, 0});
    expect_command<CloseSession>();
    give(Confirm{kId, ChannelId(1), false, 1, 1});
    give(SessionClosed{kId});
    EXPECT_EQ(expect<amqp::BasicAck>(1).delivery_tag, 1u);
    expect<amqp::ConnectionCloseOk>(0);
}

TEST_F(ConnectionTest, FramesAfterTheClientsCloseAreIgnored) {
    open_channel(1);
    receive(0, amqp::ConnectionClose{200, "", 0, 0});
    expect_command<CloseSession>();
    receive(publish_frames(1, "x", "key", "late"));
    receive(9, amqp::ChannelOpen{});
    expect_no_command();
    expect_silence();
}

TEST_F(ConnectionTest, LostSocketClosesTheSessionAndAwaitsTheCore) {
    open_channel(1);
    connection->on_socket_closed(clock.now());
    expect_command<CloseSession>();
    EXPECT_FALSE(connection->done());
    EXPECT_FALSE(connection->wants_read());
    EXPECT_TRUE(connection->output().empty());
    deliver(1, 1, 0, "late");
    give(ChannelClosed{kId, ChannelId(1)});
    give(SessionClosed{kId});
    EXPECT_TRUE(connection->done());
    expect_no_command();
}

TEST_F(ConnectionTest, LostSocketDuringACloseIsNotToldTwice) {
    receive(0, amqp::ConnectionClose{200, "", 0, 0});
    expect_command<CloseSession>();
    connection->on_socket_closed(clock.now());
    expect_no_command();
    give(SessionClosed{kId});
    EXPECT_TRUE(connection->done());
}

TEST_F(ConnectionTest, CoreMayEndTheSession) {
    give(SessionFailed{
        kId,
        {amqp::ReplyCode::connection_forced,
         "broker forced connection closure with reason 'shutdown'"}});
    expect_connection_close(
        320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'");
    expect_end_after_close_ok();
}

TEST_F(ConnectionTest, ClosesThatCrossAreBothAnswered) {
    give(SessionFailed{kId, {amqp::ReplyCode::connection_forced, "bye"}});
    expect_connection_close(320, "CONNECTION_FORCED - bye");
    expect_command<CloseSession>();
    give(SessionClosed{kId});
    receive(0, amqp::ConnectionClose{200, "", 0, 0});
    expect<amqp::ConnectionCloseOk>(0);
    EXPECT_FALSE(connection->done());
    receive(0, amqp::ConnectionCloseOk{});
    EXPECT_TRUE(connection->done());
}

TEST_F(ConnectionTest, ClientThatDoesNotAnswerACloseIsGoneInThirtySeconds) {
    give(SessionFailed{kId, {amqp::ReplyCode::connection_forced, "bye"}});
    expect_command<CloseSession>();
    give(SessionClosed{kId});
    advance(Milliseconds(29'999));
    EXPECT_FALSE(connection->done());
    advance(Milliseconds(1));
    EXPECT_TRUE(connection->done());
}

// Errors of the connection.

TEST_F(ConnectionTest, FrameAboveTheLimitIsAFrameError) {
    receive(ByteView("\1\0\1\0\2\0\1", 7));
    expect_connection_close(
        501, "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,131073,131064}");
}

TEST_F(ConnectionTest, WrongFrameEndIsAFrameError) {
    receive(ByteView("\1\0\1\0\0\0\5\0\x14\0\x0a\0\xcd", 13));
    const auto close = expect<amqp::ConnectionClose>(0);
    EXPECT_EQ(
        close.reply_text,
        "FRAME_ERROR - type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,205}");
    EXPECT_EQ(close.class_id, 0);
    expect_command<CloseSession>();
    give(SessionClosed{kId});
    advance(Milliseconds(1'000));
    EXPECT_TRUE(connection->done());
}

TEST_F(ConnectionTest, MethodOnAnUnopenedChannelIsAChannelError) {
    struct Case {
        Bytes frame;
        std::uint16_t class_id;
        std::uint16_t method_id;
    };
    for (const Case& each :
         {Case{frame_of(5, amqp::QueueDeclare{}), 50, 10},
          Case{frame_of(5, amqp::ChannelClose{}), 20, 40},
          Case{frame_of(5, amqp::ChannelCloseOk{}), 20, 41},
          Case{publish_frames(5, "x", "key", "a"), 60, 40},
          Case{ack_frame(5, 1), 60, 80}}) {
        log_in();
        receive(each.frame);
        const auto close = expect<amqp::ConnectionClose>(0);
        EXPECT_EQ(close.reply_code, 504);
        EXPECT_EQ(close.reply_text, "CHANNEL_ERROR - expected 'channel.open'");
        EXPECT_EQ(close.class_id, each.class_id);
        EXPECT_EQ(close.method_id, each.method_id);
        expect_command<CloseSession>();
        expect_no_command();
    }
}

TEST_F(ConnectionTest, ContentOnAnUnopenedChannelIsAnUnexpectedFrame) {
    Bytes body;
    amqp::encode_frame(body, amqp::FrameType::body, 5, "abc");
    receive(body);
    expect_connection_close(
        505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead");
}

TEST_F(ConnectionTest, MethodOfAnotherTimeOnChannelZeroIsAChannelError) {
    receive(0, amqp::ConnectionTuneOk{});
    const auto close = expect<amqp::ConnectionClose>(0);
    EXPECT_EQ(close.reply_text, "CHANNEL_ERROR - unexpected method in connection state running");
    EXPECT_EQ(close.class_id, 10);
    EXPECT_EQ(close.method_id, 31);
    log_in();
    receive(0, amqp::QueueDeclare{});
    expect_connection_close(504, "CHANNEL_ERROR - unexpected method in connection state running");
}

TEST_F(ConnectionTest, UnknownMethodsAreInvalidCommands) {
    Bytes frame;
    amqp::encode_frame(frame, amqp::FrameType::method, 0, ByteView("\0\x63\0\1", 4));
    receive(frame);
    EXPECT_EQ(expect<amqp::ConnectionClose>(0).reply_code, 503);
}

TEST_F(ConnectionTest, ChannelMaxLimitsTheCountNotTheNumber) {
    options.channel_max = 3;
    connect();
    receive(amqp::kProtocolHeader);
    amqp::ConnectionStartOk start_ok;
    start_ok.mechanism = "PLAIN";
    start_ok.response = Bytes("\0a\0b", 4);
    receive(0, start_ok);
    give(LoginDecided{kId, true});
    receive(0, amqp::ConnectionTuneOk{3, 131'072, 0});
    receive(0, amqp::ConnectionOpen{"/", {}, {}});
    give(VhostOpened{kId});
    expect<amqp::ConnectionStart>(0);
    expect<amqp::ConnectionTune>(0);
    expect<amqp::ConnectionOpenOk>(0);
    commands.clear();
    for (const std::uint16_t channel : {10, 200, 65'535}) open_channel(channel);
    receive(200, amqp::ChannelClose{});
    expect_command<CloseChannel>();
    give(ChannelClosed{kId, ChannelId(200)});
    expect<amqp::ChannelCloseOk>(200);
    open_channel(30);
    receive(40, amqp::ChannelOpen{});
    expect_connection_close(
        530,
        "NOT_ALLOWED - number of channels opened (3) has reached the negotiated channel_max (3)");
}

// Other matters of the connection.

TEST_F(ConnectionTest, UpdateSecretIsAnswered) {
    receive(0, amqp::ConnectionUpdateSecret{"new", "because"});
    expect<amqp::ConnectionUpdateSecretOk>(0);
    expect_no_command();
}

TEST_F(ConnectionTest, BlockedIsToldToClientsThatCanHearIt) {
    give(Blocked{kId, "low on memory"});
    EXPECT_EQ(expect<amqp::ConnectionBlocked>(0).reason, "low on memory");
    give(Blocked{kId, ""});
    expect<amqp::ConnectionUnblocked>(0);
    give(Blocked{kId, ""});
    expect_silence();
    log_in(false);
    give(Blocked{kId, "low on disk"});
    give(Blocked{kId, ""});
    expect_silence();
}

TEST_F(ConnectionTest, ThrottleStopsReadingOnly) {
    open_channel(1);
    give(Throttle{kId, true});
    EXPECT_FALSE(connection->wants_read());
    reply(1, amqp::QueueDeclareOk{"q", 0, 0});
    expect<amqp::QueueDeclareOk>(1);
    give(Throttle{kId, false});
    EXPECT_TRUE(connection->wants_read());
}

TEST_F(ConnectionTest, ClientThatDoesNotReadItsAnswersIsNotRead) {
    open_channel(1);
    const Bytes body(1024 * 1024, 'b');
    for (int i = 0; i < 10; ++i)
        give(ReturnMessage{kId, ChannelId(1), amqp::ReplyCode::no_route, message(body)});
    EXPECT_FALSE(connection->wants_read());
    connection->consume_output(connection->output().size(), clock.now());
    EXPECT_TRUE(connection->wants_read());
}

TEST_F(ConnectionTest, CountsOctets) {
    open_channel(1);
    const std::uint64_t received = connection->stats().recv_oct;
    const std::uint64_t reads = connection->stats().recv_cnt;
    const std::uint64_t sent = connection->stats().send_oct;
    const std::uint64_t writes = connection->stats().send_cnt;
    const Bytes frames = publish_frames(1, "x", "key", "a");
    receive(frames);
    EXPECT_EQ(connection->stats().recv_oct, received + frames.size());
    EXPECT_EQ(connection->stats().recv_cnt, reads + 1);
    reply(1, amqp::QueueDeclareOk{"q", 0, 0});
    connection->end_of_turn(clock.now());
    const std::size_t waiting = connection->output().size();
    EXPECT_EQ(connection->stats().send_pend, waiting);
    connection->consume_output(waiting - 1, clock.now());
    EXPECT_EQ(connection->stats().send_oct, sent + waiting - 1);
    EXPECT_EQ(connection->stats().send_cnt, writes + 1);
    EXPECT_EQ(connection->stats().send_pend, 1u);
}

}  // namespace
}  // namespace lvt::broker
