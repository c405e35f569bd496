// However the socket cuts the client's octets, the same is said to the core and to the client.
#include "tests/broker/session/session_fixture.h"

namespace lvt::broker {
namespace {

Bytes describe(const LaneCommand& command) {
    Bytes out = fmt::format("{}:", command.index());
    if (const auto* publish = std::get_if<Publish>(&command)) {
        out += fmt::format(
            "{} {} {} {} {} {}",
            publish->channel.value(),
            publish->mandatory,
            publish->publish_seqno,
            publish->message->head(),
            publish->message->body(),
            publish->message->persistent());
    } else if (const auto* settle = std::get_if<Settle>(&command)) {
        out += fmt::format(
            "{} {} {} {} {}",
            settle->channel.value(),
            settle->slot,
            static_cast<int>(settle->outcome),
            settle->first,
            settle->count);
    } else if (const auto* perform = std::get_if<Perform>(&command)) {
        amqp::encode_method_frame(out, perform->channel.value(), *perform->method);
    } else if (const auto* consume = std::get_if<Consume>(&command)) {
        amqp::encode_method_frame(out, consume->channel.value(), *consume->method);
    } else if (const auto* login = std::get_if<Login>(&command)) {
        out += login->request->user + ' ' + login->request->password;
    }
    return out;
}

class ConnectionSplit : public SessionFixture {
protected:
    struct Outcome {
        std::vector<Bytes> commands;
        Bytes output;
        bool operator==(const Outcome&) const = default;
    };

    void look(Outcome& outcome) {
        const CommandBatch batch = std::exchange(commands, {});
        for (const LaneCommand& command : batch) {
            outcome.commands.push_back(describe(command));
            answer(command);
        }
        outcome.output += connection->output();
        connection->consume_output(connection->output().size(), clock.now());
    }
    /// As the core would.
    void answer(const LaneCommand& command) {
        if (std::holds_alternative<Login>(command)) give(LoginDecided{kId, true});
        if (std::holds_alternative<OpenVhost>(command)) give(VhostOpened{kId});
        if (std::holds_alternative<CloseSession>(command)) give(SessionClosed{kId});
        if (const auto* close = std::get_if<CloseChannel>(&command))
            give(ChannelClosed{kId, close->channel});
        if (const auto* consume = std::get_if<Consume>(&command))
            for (DeliveryIndex i = 0; i < 6; ++i)
                deliver(consume->channel.value(), consume->slot, i, "delivery");
    }
    Outcome run(ByteView start, ByteView stream, std::size_t cut, std::size_t piece_bytes) {
        connect();
        Outcome outcome;
        const auto feed = [&](ByteView piece) {
            receive(piece);
            while (!commands.empty() || !connection->output().empty()) look(outcome);
        };
        feed(start);
        feed(stream.substr(0, cut));
        for (ByteView rest = stream.substr(cut); !rest.empty();
             rest.remove_prefix(std::min(piece_bytes, rest.size()))) {
            feed(rest.substr(0, piece_bytes));
        }
        return outcome;
    }

    Bytes handshake() {
        amqp::ConnectionStartOk start_ok;
        start_ok.mechanism = "PLAIN";
        start_ok.response = Bytes("\0guest\0secret", 13);
        return Bytes(amqp::kProtocolHeader) + frame_of(0, start_ok) +
               frame_of(0, amqp::ConnectionTuneOk{2'047, 4'096, 0}) +
               frame_of(0, amqp::ConnectionOpen{"/", {}, {}});
    }
    /// After `start`, which comes in one piece: every cut of the stream in two, and pieces of one octet.
    void expect_same(ByteView start, ByteView stream) {
        const Outcome whole = run(start, stream, 0, stream.size());
        for (std::size_t cut = 1; cut < stream.size(); ++cut) {
            const Outcome split = run(start, stream, cut, stream.size());
            ASSERT_EQ(split.commands, whole.commands) << "cut " << cut;
            ASSERT_EQ(split.output, whole.output) << "cut " << cut;
        }
        ASSERT_TRUE(run(start, stream, 0, 1) == whole);
    }
};

TEST_F(ConnectionSplit, OfAnOrderlyConversation) {
    amqp::BasicConsume consume;
    consume.consumer_tag = "ctag";
    amqp::QueueDeclare declare;
    declare.queue = "q";
    const Bytes properties = amqp::PropertiesBuilder().set_delivery_mode(2).build();
    expect_same(
        handshake() + frame_of(1, amqp::ChannelOpen{}) + frame_of(1, consume),
        frame_of(1, declare) + frame_of(1, amqp::ConfirmSelect{}) +
            publish_frames(1, "x", "key", "one", properties, 4'096) + Bytes(amqp::kHeartbeatFrame) +
            publish_frames(1, "x", "key", "", properties, 4'096) + ack_frame(1, 1, true) +
            publish_frames(1, "", "q", Bytes(300, 'b'), properties) + ack_frame(1, 3, true) +
            frame_of(1, amqp::BasicNack{5, true, true}) + frame_of(1, amqp::ChannelClose{}) +
            frame_of(0, amqp::ConnectionClose{}));
}

TEST_F(ConnectionSplit, OfAHandshakeAndAnErrorOfAChannel) {
    expect_same(
        {},
        handshake() + frame_of(70, amqp::ChannelOpen{}) + publish_frames(70, "x", "key", "one") +
            ack_frame(70, 9) + publish_frames(70, "x", "key", "ignored") +
            frame_of(70, amqp::ChannelCloseOk{}) + frame_of(70, amqp::ChannelOpen{}) +
            publish_frames(70, "x", "key", "two"));
}

TEST_F(ConnectionSplit, OfOneThatEndsInAnErrorOfTheConnection) {
    Bytes immediate = publish_frames(1, "x", "key", "never");
    immediate[7 + 4 + 2 + 2 + 4] = 2;  // the octet of bits
    expect_same(
        handshake() + frame_of(1, amqp::ChannelOpen{}),
        publish_frames(1, "x", "key", "one") + immediate + publish_frames(1, "x", "key", "after"));
}

TEST_F(ConnectionSplit, BodyThatLooksLikeFramesIsABody) {
    const Bytes body = ack_frame(1, 1) + publish_frames(1, "x", "inner", "b");
    expect_same(
        handshake() + frame_of(1, amqp::ChannelOpen{}),
        publish_frames(1, "x", "key", body, kNoProperties, 4'096) +
            publish_frames(1, "x", "key", body + Bytes(4'000, 'b') + body, kNoProperties, 4'096));
}

}  // namespace
}  // namespace lvt::broker
