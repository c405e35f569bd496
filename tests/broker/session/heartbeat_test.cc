#include "tests/broker/session/session_fixture.h"

namespace lvt::broker {
namespace {

class HeartbeatTest : public SessionFixture {};

TEST_F(HeartbeatTest, IsSentEveryHalfIntervalOfSilence) {
    log_in(true, 2);
    advance(Milliseconds(1'000));  // open-ok was sent in it
    expect_silence();
    for (int i = 0; i < 5; ++i) {
        advance(Milliseconds(1'000));
        receive(amqp::kHeartbeatFrame);
        expect_heartbeat();
        expect_silence();
    }
}

TEST_F(HeartbeatTest, IsNotSentWhereSomethingElseWas) {
    log_in(true, 2);
    advance(Milliseconds(2'000));
    expect_heartbeat();
    advance(Milliseconds(500));
    open_channel(1);
    advance(Milliseconds(500));
    expect_silence();
    advance(Milliseconds(1'000));
    expect_heartbeat();
}

TEST_F(HeartbeatTest, SilentPeerIsDeadAfterTwoIntervals) {
    log_in(true, 2);
    advance(Milliseconds(3'900));
    EXPECT_TRUE(connection->running());
    advance(Milliseconds(1'200));
    EXPECT_FALSE(connection->running());
    expect_command<CloseSession>();
    EXPECT_FALSE(connection->done());
    give(SessionClosed{kId});
    EXPECT_TRUE(connection->done());
    EXPECT_TRUE(log.contains("missed heartbeats from client, timeout: 2s"));
}

TEST_F(HeartbeatTest, AnyOctetOfASlowUploadCounts) {
    log_in(true, 2);
    open_channel(1);
    const Bytes frames = publish_frames(1, "x", "key", Bytes(100, 'b'));
    for (const char octet : frames) {
        receive(ByteView(&octet, 1));
        advance(Milliseconds(1'500));
    }
    EXPECT_TRUE(connection->running());
    EXPECT_EQ(expect_command<Publish>().message->body(), Bytes(100, 'b'));
}

TEST_F(HeartbeatTest, SilenceMeansNothingWhileTheSocketIsNotRead) {
    log_in(true, 2);
    give(Throttle{kId, true});
    EXPECT_FALSE(connection->wants_read());
    advance(Milliseconds(60'000));
    EXPECT_TRUE(connection->running());
    give(Throttle{kId, false});
    advance(Milliseconds(3'000));
    EXPECT_TRUE(connection->running());
    advance(Milliseconds(3'000));
    EXPECT_FALSE(connection->running());
}

TEST_F(HeartbeatTest, ZeroTurnsItOffBothWays) {
    log_in(true, 0);
    EXPECT_FALSE(connection->next_deadline());
    advance(Milliseconds(3'600'000));
    expect_silence();
    EXPECT_TRUE(connection->running());
}

TEST_F(HeartbeatTest, OnAChannelItIsAnUnexpectedFrame) {
    log_in();
    receive(ByteView("\x08\0\1\0\0\0\0\xce", 8));
    expect_connection_close(505, "UNEXPECTED_FRAME - type 8, all octets = <<>>");
}

}  // namespace
}  // namespace lvt::broker
