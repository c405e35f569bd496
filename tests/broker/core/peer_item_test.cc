#include "broker/core/peer_item.h"

#include <gtest/gtest.h>

#include <random>

namespace lvt::broker {
namespace {

MessagePtr message(MessagePool& pool, ByteView body) {
    MessageParts parts;
    parts.exchange = "logs";
    parts.routing_key = "k";
    parts.properties = ByteView("\0\0", 2);
    parts.body_size = body.size();
    parts.persistent = true;
    return MessageBuilder::build(pool, parts, body);
}

/// One of each kind.
Bytes every_item(MessagePool& pool) {
    const SessionId id{3, 4};
    const ChannelId channel{5};
    const auto method = [](auto m) { return std::make_unique<amqp::Method>(std::move(m)); };
    amqp::BasicConsume consume;
    consume.queue = "q";
    consume.consumer_tag = "tag";
    consume.arguments.add_long("x-priority", 3);
    Bytes out;
    begin_peer_batch(out, 7);
    append_peer_item(out, PeerHello{cluster::NodeId(9), 2});
    append_peer_item(out, OpenShadow{id, "guest", "1.2.3.4:5", "1.2.3.4:6", "/"});
    append_peer_item(out, OpenChannel{id, channel, false});
    append_peer_item(out, CloseChannel{id, channel, {{channel, 1, 2}, {channel, 2, 3}}});
    append_peer_item(out, CloseSession{id, {}});
    append_peer_item(out, Perform{id, channel, method(amqp::BasicQos{0, 10, true})});
    append_peer_item(
        out, Consume{id, channel, 6, std::make_unique<amqp::BasicConsume>(std::move(consume))});
    append_peer_item(out, Cancel{id, channel, 6, 8, Bytes("tag"), true, true});
    append_peer_item(out, Recover{id, channel, true, {{channel, 1, 2}}});
    append_peer_item(out, Settle{id, channel, 6, Outcome::discard, 11, 12});
    append_peer_item(out, DeliveriesTaken{id, 1000});
    append_peer_item(
        out, PeerPublish{{storage::QueueUid(1), storage::QueueUid(2)}, message(pool, "one"), true});
    append_peer_item(out, PeerPublished{13});
    append_peer_item(out, PeerRefused{14});
    append_peer_item(out, Deliver{id, channel, true, false, 6, 15, message(pool, "two")});
    append_peer_item(out, GotMessage{id, channel, false, true, 16, 17, message(pool, "")});
    append_peer_item(out, Reply{id, channel, method(amqp::QueueDeclareOk{"q", 1, 2})});
    append_peer_item(
        out, ChannelFailed{id, channel, amqp::AmqpError{amqp::ReplyCode::not_found, "no", 50, 10}});
    append_peer_item(
        out, SessionFailed{id, amqp::AmqpError{amqp::ReplyCode::not_allowed, "never", 0, 0, true}});
    append_peer_item(out, ChannelClosed{id, channel});
    append_peer_item(out, SessionClosed{id});
    append_peer_item(out, ConsumerCancelled{id, channel, 6});
    append_peer_item(out, PeerAlarm{true, false});
    append_peer_item(out, PeerDirectReply{"/", "name", message(pool, "three")});
    return out;
}

/// How many items were read, and whether all made sense.
std::pair<std::size_t, bool> read_all(ByteView bytes, MessagePool& pool) {
    PeerBatchReader reader(bytes, pool);
    if (reader.number().has_error()) return {0, false};
    for (std::size_t count = 0;; ++count) {
        const auto item = reader.next();
        if (item.has_error()) return {count, false};
        if (!*item) return {count, true};
    }
}

template <class Item>
Item next(PeerBatchReader& reader) {
    return std::get<Item>(std::move(**reader.next()));
}

TEST(PeerItem, ComesAsItWent) {
    MessagePool pool;
    const Bytes bytes = every_item(pool);
    EXPECT_EQ(read_all(bytes, pool), std::pair(std::variant_size_v<PeerItem>, true));
    PeerBatchReader reader(bytes, pool);
    EXPECT_EQ(*reader.number(), 7u);
    EXPECT_EQ(next<PeerHello>(reader).starts, 2u);
    EXPECT_EQ(next<OpenShadow>(reader).vhost, "/");
    EXPECT_EQ(next<OpenChannel>(reader).channel, ChannelId(5));
    EXPECT_EQ(next<CloseChannel>(reader).progress[1].encoded, 3u);
    EXPECT_EQ(next<CloseSession>(reader).session, (SessionId{3, 4}));
    const Perform perform = next<Perform>(reader);
    EXPECT_EQ(std::get<amqp::BasicQos>(*perform.method).prefetch_count, 10);
    const Consume consume = next<Consume>(reader);
    EXPECT_EQ(consume.slot, 6u);
    EXPECT_EQ(consume.method->arguments.find("x-priority")->integer(), 3);
    const Cancel cancel = next<Cancel>(reader);
    EXPECT_EQ(*cancel.consumer_tag, "tag");
    EXPECT_TRUE(cancel.keep);
    EXPECT_TRUE(next<Recover>(reader).no_wait);
    const Settle settle = next<Settle>(reader);
    EXPECT_EQ(settle.outcome, Outcome::discard);
    EXPECT_EQ(settle.count, 12u);
    EXPECT_EQ(next<DeliveriesTaken>(reader).bytes, 1000u);
    const PeerPublish publish = next<PeerPublish>(reader);
    EXPECT_EQ(publish.queues.size(), 2u);
    EXPECT_EQ(publish.message->body(), "one");
    EXPECT_EQ(publish.message->exchange(), "logs");
    EXPECT_TRUE(publish.message->persistent());
    EXPECT_EQ(next<PeerPublished>(reader).up_to, 13u);
    EXPECT_EQ(next<PeerRefused>(reader).number, 14u);
    const Deliver deliver = next<Deliver>(reader);
    EXPECT_EQ(deliver.index, 15u);
    EXPECT_EQ(deliver.message->body(), "two");
    EXPECT_EQ(next<GotMessage>(reader).message_count, 16u);
    const Reply reply = next<Reply>(reader);
    EXPECT_EQ(std::get<amqp::QueueDeclareOk>(*reply.method).consumer_count, 2u);
    EXPECT_EQ(next<ChannelFailed>(reader).error->text, "no");
    EXPECT_TRUE(next<SessionFailed>(reader).error->hard);
}

TEST(PeerItem, WhatIsCutOffMakesNoSense) {
    MessagePool pool;
    const Bytes bytes = every_item(pool);
    std::size_t whole = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size)
        whole += read_all(ByteView(bytes).substr(0, size), pool).second;
    // Cut between two items it does.
    EXPECT_EQ(whole, std::variant_size_v<PeerItem>);
}

TEST(PeerItem, NonsenseIsSaidToBe) {
    MessagePool pool;
    EXPECT_FALSE(read_all("", pool).second);
    EXPECT_FALSE(read_all(Bytes("\2\0\0\0\0\0\0\0\1", 9), pool).second);
    for (const int type : {0, 25, 255}) {
        Bytes bytes;
        begin_peer_batch(bytes, 1);
        bytes.push_back(static_cast<char>(type));
        EXPECT_FALSE(read_all(bytes, pool).second) << type;
    }
    const Bytes sound = every_item(pool);
    std::mt19937_64 random(1);
    for (int round = 0; round < 2'000; ++round) {
        Bytes bytes = sound;
        for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
        (void)read_all(bytes, pool);
    }
}

}  // namespace
}  // namespace lvt::broker
