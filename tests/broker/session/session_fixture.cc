#include "tests/broker/session/session_fixture.h"

namespace lvt::broker {

std::size_t RecordingLog::count(LogLevel level) const {
    std::size_t count = 0;
    for (const auto& [line_level, line] : lines) count += line_level == level ? 1 : 0;
    return count;
}

bool RecordingLog::contains(ByteView text) const {
    for (const auto& [level, line] : lines)
        if (line.find(text) != Bytes::npos) return true;
    return false;
}

Bytes publish_frames(
    std::uint16_t channel, ByteView exchange, ByteView routing_key, ByteView body,
    ByteView properties, std::uint32_t frame_max) {
    amqp::BasicPublish method;
    method.exchange = Bytes(exchange);
    method.routing_key = Bytes(routing_key);
    Bytes out = frame_of(channel, method);
    amqp::encode_header_frame(out, channel, body.size(), properties);
    amqp::encode_body_frames(out, channel, body, frame_max);
    return out;
}

Bytes ack_frame(std::uint16_t channel, std::uint64_t tag, bool multiple) {
    amqp::BasicAck ack;
    ack.delivery_tag = tag;
    ack.multiple = multiple;
    return frame_of(channel, ack);
}

void SessionFixture::connect() {
    connection = std::make_unique<Connection>(
        kId,
        options,
        pool,
        random,
        log,
        commands,
        PeerInfo{"10.1.2.3:4567", false, {}, tls, std::move(admission)},
        clock.now());
    decoder_ = std::make_unique<amqp::FrameDecoder>(1u << 30);
    frames_.clear();
    commands.clear();
}

void SessionFixture::log_in(bool with_capabilities, std::uint16_t heartbeat_s) {
    connect();
    receive(amqp::kProtocolHeader);
    expect<amqp::ConnectionStart>(0);
    amqp::ConnectionStartOk start_ok;
    start_ok.mechanism = "PLAIN";
    start_ok.response = Bytes("\0guest\0secret", 13);
    start_ok.locale = "en_US";
    if (with_capabilities) {
        amqp::Table capabilities;
        capabilities.add_bool("consumer_cancel_notify", true)
            .add_bool("connection.blocked", true)
            .add_bool("authentication_failure_close", true);
        start_ok.client_properties.add_table("capabilities", capabilities);
    }
    receive(0, start_ok);
    expect_command<Login>();
    give(LoginDecided{kId, true, impersonator});
    expect<amqp::ConnectionTune>(0);
    receive(0, amqp::ConnectionTuneOk{2047, options.frame_max, heartbeat_s});
    receive(0, amqp::ConnectionOpen{"/", {}, {}});
    expect_command<OpenVhost>();
    give(VhostOpened{kId});
    expect<amqp::ConnectionOpenOk>(0);
    expect_silence();
}

void SessionFixture::open_channel(std::uint16_t channel) {
    receive(channel, amqp::ChannelOpen{});
    EXPECT_EQ(expect_command<OpenChannel>().channel, ChannelId(channel));
    expect<amqp::ChannelOpenOk>(channel);
}

void SessionFixture::receive(ByteView octets) { connection->on_bytes(octets, clock.now()); }

void SessionFixture::give(LaneEffect effect) {
    connection->on_effect(std::move(effect), clock.now());
}

void SessionFixture::end_of_turn() { connection->end_of_turn(clock.now()); }

void SessionFixture::advance(Milliseconds by) {
    const Milliseconds end = clock.now().monotonic + by;
    for (auto due = connection->next_deadline(); due && *due <= end;
         due = connection->next_deadline()) {
        clock.advance(*due - clock.now().monotonic);
        connection->on_timer(clock.now());
        drain();
    }
    clock.advance(end - clock.now().monotonic);
}

void SessionFixture::drain() {
    const Bytes octets(connection->output());
    connection->consume_output(octets.size(), clock.now());
    ByteView rest = octets;
    while (!rest.empty()) {
        auto frame = decoder_->next(rest);
        ASSERT_TRUE(frame) << frame.error().text;
        if (!*frame) return;
        frames_.push_back({(*frame)->type, (*frame)->channel, Bytes((*frame)->payload)});
    }
}

OwnedFrame SessionFixture::next_frame() {
    end_of_turn();
    drain();
    if (frames_.empty()) {
        ADD_FAILURE() << "no frame";
        return {};
    }
    OwnedFrame frame = std::move(frames_.front());
    frames_.pop_front();
    return frame;
}

Content SessionFixture::expect_content(std::uint16_t channel) {
    Content content;
    const OwnedFrame header = next_frame();
    EXPECT_EQ(header.type, amqp::FrameType::header);
    EXPECT_EQ(header.channel, channel);
    ByteReader in(header.payload);
    EXPECT_EQ(in.u16(), amqp::kBasicClassId);
    EXPECT_EQ(in.u16(), 0);
    content.body_size = in.u64();
    content.properties = Bytes(in.rest());
    while (content.body.size() < content.body_size) {
        const OwnedFrame body = next_frame();
        EXPECT_EQ(body.type, amqp::FrameType::body);
        EXPECT_EQ(body.channel, channel);
        if (body.payload.empty()) break;
        content.body += body.payload;
        ++content.body_frames;
    }
    return content;
}

void SessionFixture::expect_heartbeat() {
    EXPECT_EQ(next_frame().type, amqp::FrameType::heartbeat);
}

void SessionFixture::expect_silence() {
    end_of_turn();
    drain();
    while (!frames_.empty()) {
        const OwnedFrame frame = next_frame();
        const auto method = amqp::decode_method(frame.payload);
        ADD_FAILURE() << "unexpected frame of type " << static_cast<int>(frame.type)
                      << " on channel " << frame.channel << ": "
                      << (method ? amqp::method_name(*method) : "");
    }
}

void SessionFixture::expect_channel_close(
    std::uint16_t channel, std::uint16_t code, ByteView text) {
    const auto close = expect<amqp::ChannelClose>(channel);
    EXPECT_EQ(close.reply_code, code);
    EXPECT_EQ(close.reply_text, text);
}

void SessionFixture::expect_connection_close(std::uint16_t code, ByteView text) {
    const auto close = expect<amqp::ConnectionClose>(0);
    EXPECT_EQ(close.reply_code, code);
    EXPECT_EQ(close.reply_text, text);
}

void SessionFixture::expect_no_command() {
    EXPECT_TRUE(commands.empty()) << "alternative " << commands.front().index();
    commands.clear();
}

ConsumerSlot SessionFixture::consume(std::uint16_t channel, ByteView tag, bool no_ack) {
    amqp::BasicConsume method;
    method.queue = "q";
    method.consumer_tag = Bytes(tag);
    method.no_ack = no_ack;
    receive(channel, method);
    const Consume command = expect_command<Consume>();
    reply(channel, amqp::BasicConsumeOk{command.method->consumer_tag});
    expect<amqp::BasicConsumeOk>(channel);
    return command.slot;
}

MessagePtr SessionFixture::message(ByteView body) {
    MessageParts parts;
    parts.exchange = "x";
    parts.routing_key = "key";
    parts.properties = kNoProperties;
    parts.body_size = body.size();
    return MessageBuilder::build(pool, parts, body);
}

void SessionFixture::deliver(
    std::uint16_t channel, ConsumerSlot slot, DeliveryIndex index, ByteView body, bool no_ack) {
    give(Deliver{kId, ChannelId(channel), false, no_ack, slot, index, message(body)});
}

}  // namespace lvt::broker
