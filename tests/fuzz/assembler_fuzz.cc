// Decoder and assemblers of a whole connection: pieces change nothing, and the fused parse sees what they see.
#include <map>
#include <vector>

#include "protocol/amqp/command_assembler.h"
#include "protocol/amqp/fast_path.h"
#include "protocol/amqp/frame_decoder.h"
#include "protocol/base/assert.h"
#include "tests/fuzz/pieces.h"

namespace lvt::amqp {
namespace {

struct Command {
    std::uint16_t channel = 0;
    Method method;
    Bytes properties;
    Bytes body;
    bool operator==(const Command&) const = default;
};

struct Outcome {
    std::vector<Command> commands;
    std::optional<AmqpError> error;

    /// A body frame that is out of place or too long, and also ends wrongly, is refused for the one or the other: its
    /// pieces go out before its end octet comes.
    bool operator==(const Outcome& other) const {
        if (commands != other.commands) return false;
        if (error.has_value() != other.error.has_value()) return false;
        if (!error || error == other.error) return true;
        return error->code == ReplyCode::frame_error ||
               other.error->code == ReplyCode::frame_error;
    }
};

class ConnectionModel {
public:
    explicit ConnectionModel(bool fused) : fused_(fused) {}

    void feed(ByteView input) {
        while (!outcome.error) {
            if (fused_ && (take_publish(input) || take_ack(input))) continue;
            const auto frame = decoder_.next(input);
            if (frame.has_error()) return fail(frame.error());
            if (!*frame) return;
            between_frames_ = (*frame)->ended;
            if ((*frame)->type != FrameType::heartbeat) take(**frame);
        }
    }

    Outcome outcome;

private:
    struct Channel {
        CommandAssembler assembler;
        Command command;
        std::uint64_t body_size = 0;
    };

    void fail(const AmqpError& error) {
        ASSERT(error.closes_connection());
        outcome.error = error;
    }

    bool at_command(std::uint16_t channel) {
        return decoder_.kept_bytes() == 0 && between_frames_ &&
               !channels_[channel].assembler.in_content();
    }

    bool take_publish(ByteView& input) {
        const auto publish = parse_publish(input, kFrameMaxLowest);
        if (!publish || !at_command(publish->channel)) return false;
        // The ticket is the one thing that the fused parse passes over.
        const BasicPublish method{
            load_big_endian<std::uint16_t>(input.data() + kFrameHeaderBytes + 4),
            Bytes(publish->exchange),
            Bytes(publish->routing_key),
            publish->mandatory,
            publish->immediate};
        outcome.commands.push_back(
            {publish->channel, method, Bytes(publish->properties), Bytes(publish->body)});
        input.remove_prefix(publish->total_bytes);
        return true;
    }

    bool take_ack(ByteView& input) {
        const auto ack = parse_ack(input);
        if (!ack || !at_command(ack->channel)) return false;
        outcome.commands.push_back(
            {ack->channel, BasicAck{ack->delivery_tag, ack->multiple}, {}, {}});
        input.remove_prefix(ack->total_bytes);
        return true;
    }

    void take(const Frame& frame) {
        Channel& channel = channels_[frame.channel];
        const auto step = channel.assembler.next(frame);
        if (step.has_error()) return fail(step.error());
        if (step->kind == AssemblyStep::Kind::method) channel.command = {frame.channel};
        if (step->kind == AssemblyStep::Kind::content_header) {
            channel.command.properties = step->properties.bytes();
            channel.body_size = step->body_size;
        }
        channel.command.body += step->body;
        ASSERT(step->complete != channel.assembler.in_content());
        if (!step->complete) return;
        if (step->kind != AssemblyStep::Kind::method) {
            ASSERT(channel.command.body.size() == channel.body_size);
        }
        channel.command.method = channel.assembler.method();
        outcome.commands.push_back(channel.command);
    }

    bool fused_;
    bool between_frames_ = true;
    FrameDecoder decoder_;
    std::map<std::uint16_t, Channel> channels_;
};

Outcome run(ByteView stream, std::uint8_t cut, bool fused) {
    ConnectionModel connection(fused);
    for_each_piece(stream, cut, [&](ByteView piece) { connection.feed(piece); });
    return connection.outcome;
}

}  // namespace
}  // namespace lvt::amqp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvt;
    const auto input = pieced_input(as_view(data, size));
    const auto whole = amqp::run(input.stream, 0, false);
    ASSERT(amqp::run(input.stream, input.cut, false) == whole);
    ASSERT(amqp::run(input.stream, 0, true) == whole);
    ASSERT(amqp::run(input.stream, input.cut, true) == whole);
    return 0;
}
