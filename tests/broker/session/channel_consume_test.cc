#include "broker/session/channel.h"
#include "tests/broker/session/session_fixture.h"

namespace lvt::broker {
namespace {

class ChannelConsume : public SessionFixture {
protected:
    void SetUp() override {
        log_in();
        open_channel(1);
    }
    std::uint64_t expect_delivery(ByteView tag, ByteView body) {
        const auto deliver = expect<amqp::BasicDeliver>(1);
        EXPECT_EQ(deliver.consumer_tag, tag);
        EXPECT_EQ(expect_content(1).body, body);
        return deliver.delivery_tag;
    }
    void expect_settle(
        ConsumerSlot slot, Outcome outcome, DeliveryIndex first, std::uint64_t count) {
        const Settle settle = expect_command<Settle>();
        EXPECT_EQ(settle.channel, ChannelId(1));
        EXPECT_EQ(settle.slot, slot);
        EXPECT_EQ(settle.outcome, outcome);
        EXPECT_EQ(settle.first, first);
        EXPECT_EQ(settle.count, count);
    }
    void expect_unknown_tag(std::uint64_t tag) {
        expect_channel_close(
            1, 406, fmt::format("PRECONDITION_FAILED - unknown delivery tag {}", tag));
        expect_command<CloseChannel>();
        receive(1, amqp::ChannelCloseOk{});
        give(ChannelClosed{kId, ChannelId(1)});
        open_channel(1);
    }
    void cancel(ByteView tag, bool no_wait = false) {
        receive(1, amqp::BasicCancel{Bytes(tag), no_wait});
    }
    void confirm_cancel(ByteView tag) { reply(1, amqp::BasicCancelOk{Bytes(tag)}); }
    /// Deliveries of that many octets in all, more than may wait encoded.
    DeliveryIndex flood(ConsumerSlot slot, bool no_ack = false) {
        const Bytes body(16 * 1024, 'b');
        constexpr DeliveryIndex kCount = 30;
        for (DeliveryIndex i = 0; i < kCount; ++i) deliver(1, slot, no_ack ? 0 : i, body, no_ack);
        return kCount;
    }
};

TEST_F(ChannelConsume, DeliveryHasAllThatTheMessageHas) {
    const ConsumerSlot slot = consume(1, "ctag");
    deliver(1, slot, 0, "body");
    const auto deliver = expect<amqp::BasicDeliver>(1);
    EXPECT_EQ(deliver.consumer_tag, "ctag");
    EXPECT_EQ(deliver.delivery_tag, 1u);
    EXPECT_FALSE(deliver.redelivered);
    EXPECT_EQ(deliver.exchange, "x");
    EXPECT_EQ(deliver.routing_key, "key");
    const Content content = expect_content(1);
    EXPECT_EQ(content.properties, kNoProperties);
    EXPECT_EQ(content.body, "body");
    give(Deliver{kId, ChannelId(1), true, false, slot, 1, message("")});
    EXPECT_TRUE(expect<amqp::BasicDeliver>(1).redelivered);
    EXPECT_EQ(expect_content(1).body_frames, 0u);
}

TEST_F(ChannelConsume, BodiesAreCutAtFrameMax) {
    const ConsumerSlot slot = consume(1, "ctag");
    deliver(1, slot, 0, Bytes(300'000, 'b'));
    expect<amqp::BasicDeliver>(1);
    const Content content = expect_content(1);
    EXPECT_EQ(content.body, Bytes(300'000, 'b'));
    EXPECT_EQ(content.body_frames, 3u);
    const Bytes exact(131'064, 'c');
    deliver(1, slot, 1, exact);
    expect<amqp::BasicDeliver>(1);
    EXPECT_EQ(expect_content(1).body_frames, 1u);
}

TEST_F(ChannelConsume, TagsCountOverConsumersAndGetsAndNoAckToo) {
    const ConsumerSlot acked = consume(1, "a");
    const ConsumerSlot unacked = consume(1, "b", true);
    EXPECT_NE(acked, unacked);
    deliver(1, acked, 0, "1");
    deliver(1, unacked, 0, "2", true);
    give(GotMessage{kId, ChannelId(1), false, false, 5, 0, message("3")});
    deliver(1, acked, 1, "4");
    EXPECT_EQ(expect_delivery("a", "1"), 1u);
    EXPECT_EQ(expect_delivery("b", "2"), 2u);
    const auto got = expect<amqp::BasicGetOk>(1);
    EXPECT_EQ(got.delivery_tag, 3u);
    EXPECT_EQ(got.message_count, 5u);
    EXPECT_EQ(got.exchange, "x");
    EXPECT_EQ(got.routing_key, "key");
    EXPECT_EQ(expect_content(1).body, "3");
    EXPECT_EQ(expect_delivery("a", "4"), 4u);
    receive(ack_frame(1, 3));
    expect_settle(0, Outcome::ack, 0, 1);
    receive(ack_frame(1, 4, true));
    expect_settle(acked, Outcome::ack, 0, 2);
    receive(ack_frame(1, 2));
    expect_unknown_tag(2);
}

TEST_F(ChannelConsume, TagIsMadeUpWhereTheClientNamesNone) {
    amqp::BasicConsume method;
    method.no_wait = true;
    receive(1, method);
    const Consume command = expect_command<Consume>();
    EXPECT_TRUE(command.method->consumer_tag.starts_with("amq.ctag-"));
    EXPECT_EQ(command.method->consumer_tag.size(), 31u);
    deliver(1, command.slot, 0, "a");
    expect_delivery(command.method->consumer_tag, "a");
}

TEST_F(ChannelConsume, ReusedConsumerTagIsAnErrorOfTheConnection) {
    consume(1, "ctag");
    amqp::BasicConsume method;
    method.consumer_tag = "ctag";
    receive(1, method);
    const auto close = expect<amqp::ConnectionClose>(0);
    EXPECT_EQ(close.reply_code, 530);
    EXPECT_EQ(close.reply_text, "NOT_ALLOWED - attempt to reuse consumer tag 'ctag'");
    EXPECT_EQ(close.class_id, 60);
    EXPECT_EQ(close.method_id, 20);
}

TEST_F(ChannelConsume, TheSameTagIsGoodOnAnotherChannelAndAfterACancel) {
    consume(1, "ctag");
    open_channel(2);
    consume(2, "ctag");
    cancel("ctag");
    expect_command<Cancel>();
    confirm_cancel("ctag");
    expect<amqp::BasicCancelOk>(1);
    consume(1, "ctag");
}

// Settling.

TEST_F(ChannelConsume, AckWithMultipleOverTwoConsumersIsTwoRuns) {
    const ConsumerSlot a = consume(1, "a");
    const ConsumerSlot b = consume(1, "b");
    for (DeliveryIndex i = 0; i < 50; ++i) {
        deliver(1, a, i, "a");
        deliver(1, b, i, "b");
    }
    receive(ack_frame(1, 80, true));
    expect_settle(a, Outcome::ack, 0, 40);
    expect_settle(b, Outcome::ack, 0, 40);
    receive(1, amqp::BasicNack{0, true, true});
    expect_settle(a, Outcome::requeue, 40, 10);
    expect_settle(b, Outcome::requeue, 40, 10);
    expect_no_command();
}

TEST_F(ChannelConsume, SingleAcksInARowAreOneRun) {
    const ConsumerSlot slot = consume(1, "a");
    for (DeliveryIndex i = 0; i < 5; ++i) deliver(1, slot, i, "a");
    receive(ack_frame(1, 1) + ack_frame(1, 2) + ack_frame(1, 3) + ack_frame(1, 5));
    expect_settle(slot, Outcome::ack, 0, 3);
    expect_settle(slot, Outcome::ack, 4, 1);
}

TEST_F(ChannelConsume, NackAndRejectRequeueOrDiscard) {
    const ConsumerSlot slot = consume(1, "a");
    for (DeliveryIndex i = 0; i < 4; ++i) deliver(1, slot, i, "a");
    receive(1, amqp::BasicReject{1, true});
    expect_settle(slot, Outcome::requeue, 0, 1);
    receive(1, amqp::BasicReject{2, false});
    expect_settle(slot, Outcome::discard, 1, 1);
    receive(1, amqp::BasicNack{3, false, true});
    expect_settle(slot, Outcome::requeue, 2, 1);
    receive(1, amqp::BasicNack{4, false, false});
    expect_settle(slot, Outcome::discard, 3, 1);
}

TEST_F(ChannelConsume, UnknownTagsCostTheChannel) {
    receive(ack_frame(1, 0, true));  // all of nothing is fine
    expect_no_command();
    receive(ack_frame(1, 0));
    expect_unknown_tag(0);
    receive(ack_frame(1, 1));
    expect_unknown_tag(1);
    const ConsumerSlot slot = consume(1, "a");
    deliver(1, slot, 0, "a");
    end_of_turn();
    expect_delivery("a", "a");
    receive(ack_frame(1, 2, true));
    expect_unknown_tag(2);
    consume(1, "a");
    deliver(1, slot, 0, "a");
    expect_delivery("a", "a");
    receive(ack_frame(1, 1));
    expect_settle(slot, Outcome::ack, 0, 1);
    receive(1, amqp::BasicReject{1, true});
    const auto close = expect<amqp::ChannelClose>(1);
    EXPECT_EQ(close.reply_text, "PRECONDITION_FAILED - unknown delivery tag 1");
    EXPECT_EQ(close.class_id, 60);
    EXPECT_EQ(close.method_id, 90);
}

TEST_F(ChannelConsume, RecoverForgetsTagsAndTellsHowFarItGot) {
    const ConsumerSlot slot = consume(1, "a");
    for (DeliveryIndex i = 0; i < 4; ++i) deliver(1, slot, i, "a");
    give(GotMessage{kId, ChannelId(1), false, false, 0, 0, message("g")});
    receive(ack_frame(1, 1));
    commands.clear();
    receive(1, amqp::BasicRecover{true});
    const Recover recover = expect_command<Recover>();
    EXPECT_FALSE(recover.no_wait);
    ASSERT_EQ(recover.progress.size(), 2u);
    EXPECT_EQ(recover.progress[0].slot, 0u);
    EXPECT_EQ(recover.progress[0].encoded, 1u);
    EXPECT_EQ(recover.progress[1].slot, slot);
    EXPECT_EQ(recover.progress[1].encoded, 4u);
    deliver(1, slot, 4, "again");
    receive(ack_frame(1, 6));
    expect_settle(slot, Outcome::ack, 4, 1);
    receive(1, amqp::BasicRecoverAsync{true});
    EXPECT_TRUE(expect_command<Recover>().no_wait);
    receive(ack_frame(1, 2));
    expect_command<CloseChannel>();
}

// What is encoded, and what can be taken back.

TEST_F(ChannelConsume, OnlySoMuchIsEncodedAhead) {
    const ConsumerSlot slot = consume(1, "a");
    const DeliveryIndex count = flood(slot);
    end_of_turn();
    EXPECT_GE(connection->output().size(), Connection::kOutputAheadBytes);
    EXPECT_LT(connection->output().size(), Connection::kOutputAheadBytes + 20'000);
    for (DeliveryIndex i = 0; i < count; ++i)
        EXPECT_EQ(expect_delivery("a", Bytes(16 * 1024, 'b')), i + 1);
    expect_silence();
}

TEST_F(ChannelConsume, OctetsTakenAreToldToTheCoreOnceATurn) {
    const ConsumerSlot slot = consume(1, "a");
    flood(slot);
    end_of_turn();
    const auto first = expect_command<DeliveriesTaken>().bytes;
    EXPECT_GE(first, Connection::kOutputAheadBytes);
    expect_no_command();
    connection->consume_output(connection->output().size(), clock.now());
    end_of_turn();
    const auto second = expect_command<DeliveriesTaken>().bytes;
    EXPECT_EQ(first + second, 30 * message(Bytes(16 * 1024, 'b'))->charge());
}

TEST_F(ChannelConsume, CancelTakesBackWhatIsNotEncoded) {
    const ConsumerSlot slot = consume(1, "a");
    const DeliveryIndex count = flood(slot);
    end_of_turn();
    commands.clear();
    cancel("a");
    const Cancel command = expect_command<Cancel>();
    EXPECT_EQ(command.slot, slot);
    EXPECT_EQ(*command.consumer_tag, "a");
    ASSERT_GT(command.encoded, 0u);
    ASSERT_LT(command.encoded, count);
    deliver(1, slot, count, "was on its way");
    confirm_cancel("a");
    for (DeliveryIndex i = 0; i < command.encoded; ++i)
        EXPECT_EQ(expect_delivery("a", Bytes(16 * 1024, 'b')), i + 1);
    expect<amqp::BasicCancelOk>(1);
    expect_silence();
    // What was delivered may still be settled; the next tag leaves no gap.
    commands.clear();
    receive(ack_frame(1, command.encoded, true));
    expect_settle(slot, Outcome::ack, 0, command.encoded);
    const ConsumerSlot next = consume(1, "b");
    deliver(1, next, 0, "next");
    EXPECT_EQ(expect_delivery("b", "next"), command.encoded + 1);
}

TEST_F(ChannelConsume, CancelOfANoAckConsumerLosesNothing) {
    const ConsumerSlot slot = consume(1, "a", true);
    const DeliveryIndex count = flood(slot, true);
    end_of_turn();
    commands.clear();
    cancel("a");
    expect_command<Cancel>();
    deliver(1, slot, 0, "was on its way", true);
    confirm_cancel("a");
    for (DeliveryIndex i = 0; i < count; ++i) expect_delivery("a", Bytes(16 * 1024, 'b'));
    expect_delivery("a", "was on its way");
    expect<amqp::BasicCancelOk>(1);
}

TEST_F(ChannelConsume, CloseTakesBackWhatIsNotEncoded) {
    const ConsumerSlot slot = consume(1, "a");
    flood(slot);
    commands.clear();
    receive(1, amqp::ChannelClose{});
    const CloseChannel close = expect_command<CloseChannel>();
    ASSERT_EQ(close.progress.size(), 1u);
    const DeliveryIndex encoded = close.progress[0].encoded;
    EXPECT_LT(encoded, 30u);
    give(ChannelClosed{kId, ChannelId(1)});
    for (DeliveryIndex i = 0; i < encoded; ++i) expect_delivery("a", Bytes(16 * 1024, 'b'));
    expect<amqp::ChannelCloseOk>(1);
    expect_silence();
}

TEST_F(ChannelConsume, CancelOfAnUnknownTagIsAnswered) {
    cancel("nobody");
    const Cancel command = expect_command<Cancel>();
    EXPECT_EQ(command.slot, 0u);
    confirm_cancel("nobody");
    EXPECT_EQ(expect<amqp::BasicCancelOk>(1).consumer_tag, "nobody");
}

TEST_F(ChannelConsume, CancelWithoutWaitingIsNotAnsweredToTheClient) {
    consume(1, "a");
    cancel("a", true);
    cancel("nobody", false);
    expect_command<Cancel>();
    expect_command<Cancel>();
    confirm_cancel("a");
    expect_silence();
    confirm_cancel("nobody");
    expect<amqp::BasicCancelOk>(1);
}

TEST_F(ChannelConsume, SlotsAreUsedAgainOnlyWhenNothingOfThemIsLeft) {
    const ConsumerSlot slot = consume(1, "a");
    deliver(1, slot, 0, "a");
    end_of_turn();
    expect_delivery("a", "a");
    cancel("a", true);
    expect_command<Cancel>();
    EXPECT_NE(consume(1, "b"), slot);
    confirm_cancel("a");
    EXPECT_NE(consume(1, "c"), slot);  // one is unacked
    receive(ack_frame(1, 1));
    expect_command<Settle>();
    EXPECT_EQ(consume(1, "d"), slot);
}

TEST_F(ChannelConsume, SlotsAreNotUsedAgainInTransactions) {
    receive(1, amqp::TxSelect{});
    expect_command<Perform>();
    const ConsumerSlot slot = consume(1, "a");
    deliver(1, slot, 0, "a");
    receive(ack_frame(1, 1));
    expect_command<Settle>();
    cancel("a", true);
    expect_command<Cancel>();
    confirm_cancel("a");
    expect_delivery("a", "a");
    EXPECT_NE(consume(1, "b"), slot);
}

TEST_F(ChannelConsume, CancelledByTheServerIsToldToClientsThatCanHearIt) {
    const ConsumerSlot slot = consume(1, "a");
    give(ConsumerCancelled{kId, ChannelId(1), slot});
    const auto notice = expect<amqp::BasicCancel>(1);
    EXPECT_EQ(notice.consumer_tag, "a");
    EXPECT_TRUE(notice.no_wait);
    EXPECT_EQ(consume(1, "a"), slot);
    log_in(false);
    open_channel(1);
    give(ConsumerCancelled{kId, ChannelId(1), consume(1, "a")});
    expect_silence();
}

TEST_F(ChannelConsume, CancelsThatCrossAreSettledByTheAnswer) {
    const ConsumerSlot slot = consume(1, "a");
    cancel("a");
    expect_command<Cancel>();
    give(ConsumerCancelled{kId, ChannelId(1), slot});
    expect_silence();
    confirm_cancel("a");
    expect<amqp::BasicCancelOk>(1);
    EXPECT_EQ(consume(1, "b"), slot);
}

}  // namespace
}  // namespace lvt::broker
