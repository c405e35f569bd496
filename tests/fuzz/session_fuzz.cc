// A whole connection that is logged in and then says anything: pieces change nothing of what it tells the core and the client,
// what it sends is well-formed, and it always comes to its end.
#include "broker/session/connection.h"
#include "protocol/base/assert.h"
#include "tests/fuzz/pieces.h"

#include <vector>

namespace lvt::broker {
namespace {

constexpr std::uint32_t kFrameMax = 4'096;

/// Plays the core as far as a connection needs one.
class FuzzedConnection {
public:
    explicit FuzzedConnection(bool core_answers) : core_answers_(core_answers) {
        options_.max_message_size = 20'000;
        connection_.emplace(
            kId, options_, pool_, random_, log_, commands_, PeerInfo{"peer", true}, now_);
        log_in();
    }

    void feed(ByteView piece) {
        connection_->on_bytes(piece, now_);
        settle();
    }
    /// Whatever was said, the core and the socket get their end.
    void end() {
        connection_->on_socket_closed(now_);
        core_answers_ = true;
        if (std::exchange(close_unanswered_, false)) give(SessionClosed{kId});
        settle();
        ASSERT(connection_->done());
    }

    /// What the core was told and what the client was sent, but for the reason of a connection.close.
    Bytes told;
    Bytes sent;

private:
    static constexpr SessionId kId{1, 1};

    void log_in() {
        Bytes octets(amqp::kProtocolHeader);
        amqp::ConnectionStartOk start_ok;
        start_ok.mechanism = "PLAIN";
        start_ok.response = Bytes("\0guest\0guest", 12);
        amqp::Table capabilities;
        capabilities.add_bool("consumer_cancel_notify", true);
        start_ok.client_properties.add_table("capabilities", capabilities);
        amqp::encode_method_frame(octets, 0, start_ok);
        amqp::encode_method_frame(octets, 0, amqp::ConnectionTuneOk{5, kFrameMax, 10});
        amqp::encode_method_frame(octets, 0, amqp::ConnectionOpen{"/", {}, {}});
        connection_->on_bytes(octets, now_);
        settle();
        ASSERT(connection_->running());
    }

    void settle() {
        do {
            connection_->end_of_turn(now_);
            const Bytes output(connection_->output());
            connection_->consume_output(output.size(), now_);
            take_frames(output);
            CommandBatch batch;
            batch.swap(commands_);
            for (const LaneCommand& command : batch) {
                describe(command);
                answer(command);
            }
        } while (!commands_.empty() || !connection_->output().empty());
    }

    void take_frames(ByteView output) {
        while (!output.empty()) {
            const auto frame = decoder_.next(output);
            ASSERT(frame && *frame && (*frame)->ended);
            sent += std::to_string((*frame)->channel);
            if ((*frame)->type != amqp::FrameType::method) {
                sent += (*frame)->payload;
                continue;
            }
            const auto method = amqp::decode_method((*frame)->payload);
            ASSERT(method);
            sent += amqp::method_name(*method);
            // A body frame that is wrong in two ways may be seen to be so at its first piece or at its end.
            if (!std::holds_alternative<amqp::ConnectionClose>(*method)) sent += (*frame)->payload;
        }
    }

    void describe(const LaneCommand& command) {
        told.push_back(static_cast<char>('A' + command.index()));
        if (const auto* const publish = std::get_if<Publish>(&command)) {
            told.append(publish->message->head()).append(publish->message->body());
            told += std::to_string(publish->publish_seqno);
        } else if (const auto* const perform = std::get_if<Perform>(&command)) {
            // A refused publish never goes out as this, and its text may be longer than a frame holds.
            if (const auto* const refused = std::get_if<amqp::BasicReturn>(perform->method.get())) {
                told.append(refused->exchange).append(refused->routing_key);
                told.append(refused->reply_text);
                return;
            }
            amqp::encode_method_frame(told, perform->channel.value(), *perform->method);
        } else if (const auto* const consume = std::get_if<Consume>(&command)) {
            amqp::encode_method_frame(told, consume->channel.value(), *consume->method);
        }
    }

    void answer(const LaneCommand& command) {
        if (std::holds_alternative<Login>(command)) give(LoginDecided{kId, true});
        if (std::holds_alternative<OpenVhost>(command)) give(VhostOpened{kId});
        if (!core_answers_) {
            close_unanswered_ |= std::holds_alternative<CloseSession>(command);
            return;
        }
        if (std::holds_alternative<CloseSession>(command)) give(SessionClosed{kId});
        if (const auto* const close = std::get_if<CloseChannel>(&command))
            give(ChannelClosed{kId, close->channel});
        if (const auto* const publish = std::get_if<Publish>(&command)) on_publish(*publish);
        if (const auto* const consume = std::get_if<Consume>(&command)) on_consume(*consume);
        if (const auto* const cancel = std::get_if<Cancel>(&command)) {
            give(Reply{
                kId,
                cancel->channel,
                std::make_unique<amqp::Method>(amqp::BasicCancelOk{*cancel->consumer_tag})});
        }
        if (const auto* const perform = std::get_if<Perform>(&command)) {
            give(Reply{
                kId, perform->channel, std::make_unique<amqp::Method>(amqp::QueueDeclareOk{})});
        }
    }

    void on_publish(const Publish& publish) {
        if (publish.message->routing_key() == "fail") {
            return give(ChannelFailed{
                kId, publish.channel, {amqp::ReplyCode::not_found, "no exchange", 60, 40}});
        }
        if (publish.mandatory) {
            give(ReturnMessage{kId, publish.channel, amqp::ReplyCode::no_route, publish.message});
        }
        if (const std::uint64_t seqno = publish.publish_seqno)
            give(Confirm{kId, publish.channel, seqno % 5 == 0, seqno, seqno});
    }

    void on_consume(const Consume& consume) {
        const MessageParts parts{"x", "key", ByteView("\0\0", 2), kFrameMax + 1};
        const MessagePtr message = MessageBuilder::build(pool_, parts, Bytes(kFrameMax + 1, 'b'));
        const bool no_ack = consume.method->no_ack;
        for (DeliveryIndex i = 0; i < 3; ++i) {
            give(Deliver{
                kId, consume.channel, false, no_ack, consume.slot, no_ack ? 0 : i, message});
        }
        if (consume.slot == 2) give(ConsumerCancelled{kId, consume.channel, consume.slot});
    }

    void give(LaneEffect effect) { connection_->on_effect(std::move(effect), now_); }

    bool core_answers_;
    bool close_unanswered_ = false;
    Time now_{Milliseconds(1'000), Milliseconds(1'000)};
    SessionOptions options_;
    MessagePool pool_;
    SeededRandom random_{1};
    NullLogSink log_;
    CommandBatch commands_;
    std::optional<Connection> connection_;
    amqp::FrameDecoder decoder_{1u << 20};
};

struct Outcome {
    Bytes told;
    Bytes sent;
    bool operator==(const Outcome&) const = default;
};

/// The core is silent, so that no answer depends on the pieces.
Outcome run_alone(ByteView stream, std::uint8_t cut) {
    FuzzedConnection connection(false);
    for_each_piece(stream, cut, [&](ByteView piece) { connection.feed(piece); });
    Outcome outcome{connection.told, connection.sent};
    connection.end();
    return outcome;
}

}  // namespace
}  // namespace lvt::broker

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvt;
    const auto input = pieced_input(as_view(data, size));
    const auto whole = broker::run_alone(input.stream, 0);
    ASSERT(broker::run_alone(input.stream, 1) == whole);
    ASSERT(broker::run_alone(input.stream, input.cut) == whole);

    broker::FuzzedConnection answered(true);
    for_each_piece(input.stream, input.cut, [&](ByteView piece) { answered.feed(piece); });
    answered.end();
    return 0;
}
