// What a connection costs between socket and core: publishes in, deliveries and acks.
#include <benchmark/benchmark.h>

#include <memory>

#include "broker/session/connection.h"
#include "protocol/amqp/method_frame.h"

namespace lvt::broker {
namespace {

constexpr SessionId kId{0, 1};
/// As many messages as a socket read of this size holds.
constexpr std::size_t kReadBytes = 128 * 1024;

class Bench {
public:
    Bench() : connection_(kId, options_, pool_, random_, log_, commands_, {"peer", true}, now_) {
        amqp::ConnectionStartOk start_ok;
        start_ok.mechanism = "PLAIN";
        start_ok.response = Bytes("\0guest\0guest", 12);
        Bytes octets(amqp::kProtocolHeader);
        amqp::encode_method_frame(octets, 0, start_ok);
        amqp::encode_method_frame(octets, 0, amqp::ConnectionTuneOk{2'047, 131'072, 0});
        amqp::encode_method_frame(octets, 0, amqp::ConnectionOpen{"/", {}, {}});
        amqp::encode_method_frame(octets, 1, amqp::ChannelOpen{});
        amqp::BasicConsume consume;
        consume.consumer_tag = "ctag1.0123456789abcdef";
        amqp::BasicConsume no_ack = consume;
        no_ack.consumer_tag = "ctag2.0123456789abcdef";
        no_ack.no_ack = true;
        amqp::encode_method_frame(octets, 1, consume);
        amqp::encode_method_frame(octets, 1, no_ack);
        connection_.on_bytes(octets, now_);
        connection_.on_effect(LoginDecided{kId, true, {}}, now_);
        connection_.on_effect(VhostOpened{kId}, now_);
        commands_.clear();
        drain();
    }

    void confirm_select() {
        Bytes octets;
        amqp::encode_method_frame(octets, 1, amqp::ConfirmSelect{});
        connection_.on_bytes(octets, now_);
        commands_.clear();
    }
    void receive(ByteView octets) { connection_.on_bytes(octets, now_); }
    void deliver(ConsumerSlot slot, bool no_ack, DeliveryIndex index, const MessagePtr& message) {
        connection_.on_effect(
            Deliver{kId, ChannelId(1), false, no_ack, slot, index, message}, now_);
    }
    void confirm(std::uint64_t first, std::uint64_t last) {
        connection_.on_effect(Confirm{kId, ChannelId(1), false, first, last}, now_);
    }
    void drain() {
        connection_.end_of_turn(now_);
        while (!connection_.output().empty()) {
            benchmark::DoNotOptimize(connection_.output().data());
            connection_.consume_output(connection_.output().size(), now_);
            connection_.end_of_turn(now_);
        }
        commands_.clear();
    }
    MessagePtr message(std::size_t body_bytes) {
        const Bytes body(body_bytes, 'b');
        const MessageParts parts{"", "queue", kProperties, body_bytes};
        return MessageBuilder::build(pool_, parts, body);
    }
    static Bytes publish_frames(std::size_t body_bytes) {
        amqp::BasicPublish method;
        method.routing_key = "queue";
        Bytes out;
        amqp::encode_method_frame(out, 1, method);
        amqp::encode_header_frame(out, 1, body_bytes, kProperties);
        amqp::encode_body_frames(out, 1, Bytes(body_bytes, 'b'), 131'072);
        return out;
    }

    CommandBatch& commands() { return commands_; }

    /// delivery_mode 2.
    static constexpr ByteView kProperties{"\x10\0\2", 3};

private:
    Time now_{Milliseconds(1), Milliseconds(1)};
    SessionOptions options_;
    MessagePool pool_;
    SeededRandom random_{1};
    NullLogSink log_;
    CommandBatch commands_;
    Connection connection_;
};

Bytes many(ByteView frames, std::size_t& count) {
    Bytes out;
    for (count = 0; out.size() + frames.size() <= kReadBytes; ++count) out += frames;
    return out;
}

void count_messages(benchmark::State& state, std::size_t messages) {
    state.SetItemsProcessed(static_cast<std::int64_t>(messages));
}

void publish(benchmark::State& state) {
    Bench bench;
    std::size_t count = 0;
    const Bytes input =
        many(Bench::publish_frames(static_cast<std::size_t>(state.range(0))), count);
    std::size_t messages = 0;
    for (auto _ : state) {
        bench.receive(input);
        bench.commands().clear();
        messages += count;
    }
    count_messages(state, messages);
}
BENCHMARK(publish)->Arg(24)->Arg(1024)->Arg(16 * 1024);

void publish_with_confirms(benchmark::State& state) {
    Bench bench;
    bench.confirm_select();
    std::size_t count = 0;
    const Bytes input =
        many(Bench::publish_frames(static_cast<std::size_t>(state.range(0))), count);
    std::size_t messages = 0;
    for (auto _ : state) {
        bench.receive(input);
        bench.confirm(messages + 1, messages + count);
        bench.drain();
        messages += count;
    }
    count_messages(state, messages);
}
BENCHMARK(publish_with_confirms)->Arg(24)->Arg(1024);

constexpr std::size_t kTurn = 200;

void deliver_no_ack(benchmark::State& state) {
    Bench bench;
    const MessagePtr message = bench.message(static_cast<std::size_t>(state.range(0)));
    std::size_t messages = 0;
    for (auto _ : state) {
        for (std::size_t i = 0; i < kTurn; ++i) bench.deliver(2, true, 0, message);
        bench.drain();
        messages += kTurn;
    }
    count_messages(state, messages);
}
BENCHMARK(deliver_no_ack)->Arg(24)->Arg(1024)->Arg(16 * 1024);

/// Second argument: one ack for so many deliveries.
void deliver_and_ack(benchmark::State& state) {
    Bench bench;
    const MessagePtr message = bench.message(static_cast<std::size_t>(state.range(0)));
    const auto every = static_cast<std::size_t>(state.range(1));
    std::size_t messages = 0;
    char frame[amqp::kAckFrameBytes];
    for (auto _ : state) {
        for (std::size_t i = 0; i < kTurn; ++i) bench.deliver(1, false, messages + i, message);
        for (std::size_t i = every; i <= kTurn; i += every) {
            amqp::put_ack_frame(frame, 1, messages + i, every > 1);
            bench.receive(ByteView(frame, sizeof frame));
        }
        bench.drain();
        messages += kTurn;
    }
    count_messages(state, messages);
}
BENCHMARK(deliver_and_ack)->Args({24, 1})->Args({24, 100})->Args({1024, 100});

}  // namespace
}  // namespace lvt::broker
