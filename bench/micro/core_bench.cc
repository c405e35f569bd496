// What a message costs in the core alone: commands in, effects out, no socket, no store.
#include "broker/core/core.h"

#include <benchmark/benchmark.h>

namespace lvt::broker {
namespace {

constexpr SessionId kSession{0, 1};
constexpr ChannelId kChannel{1};
constexpr ConsumerSlot kSlot = 1;
/// About what one socket read brings.
constexpr std::size_t kBatch = 256;

/// One session with one consumer on one queue, in memory.
class CoreBench {
public:
    explicit CoreBench(bool no_ack) : core_(CoreOptions{}, 1, random_, log_), no_ack_(no_ack) {
        (void)core_.finish_recovery(storage::Lsn{}, time_);
        commands_.emplace_back(
            Login{kSession, LoginRequest{"guest", "guest", "PLAIN", "bench", "here", true}});
        commands_.emplace_back(OpenVhost{kSession, VhostRequest{"/", {}, 0, 0, 0}});
        commands_.emplace_back(OpenChannel{kSession, kChannel});
        auto declare = std::make_unique<amqp::Method>(amqp::QueueDeclare{});
        std::get<amqp::QueueDeclare>(*declare).queue = "bench";
        commands_.emplace_back(Perform{kSession, kChannel, std::move(declare)});
        amqp::BasicQos qos;
        qos.prefetch_count = 2 * kBatch;
        commands_.emplace_back(Perform{kSession, kChannel, std::make_unique<amqp::Method>(qos)});
        auto consume = std::make_unique<amqp::BasicConsume>();
        consume->queue = "bench";
        consume->consumer_tag = "c";
        consume->no_ack = no_ack;
        commands_.emplace_back(Consume{kSession, kChannel, kSlot, std::move(consume)});
        turn();
    }

    void publish(std::size_t body_bytes, std::uint64_t seqno) {
        MessageParts parts;
        parts.routing_key = "bench";
        parts.properties = ByteView("\0\0", 2);
        parts.body_size = body_bytes;
        MessagePtr message =
            MessageBuilder::build(pool_, parts, ByteView(body_).substr(0, body_bytes));
        commands_.emplace_back(Publish{kSession, kChannel, false, seqno, std::move(message)});
    }

    /// Hands the commands in and answers as a lane does: everything delivered is encoded, and settled unless no_ack.
    std::size_t turn() {
        core_.apply(0, commands_, time_);
        TurnOutput& out = core_.end_turn(time_);
        std::uint64_t bytes = 0;
        std::size_t delivered = 0;
        DeliveryIndex first = 0;
        for (LaneEffect& effect : out.effects[0]) {
            const auto* deliver = std::get_if<Deliver>(&effect);
            if (!deliver) continue;
            if (delivered++ == 0) first = deliver->index;
            bytes += deliver->message->charge();
        }
        out.clear();
        if (delivered == 0) return 0;
        commands_.emplace_back(DeliveriesTaken{kSession, bytes});
        if (!no_ack_) {
            commands_.emplace_back(
                Settle{kSession, kChannel, kSlot, Outcome::ack, first, delivered});
        }
        return delivered;
    }

private:
    SeededRandom random_{1};
    NullLogSink log_;
    Time time_{Milliseconds{1'000'000}, Milliseconds{1'700'000'000'000}};
    Core core_;
    bool no_ack_;
    MessagePool pool_;
    CommandBatch commands_;
    Bytes body_ = Bytes(64 * 1024, 'x');
};

/// Arguments: octets of body; 1 for auto-ack without confirms, 0 for confirms and one multiple ack a batch.
void BM_PublishAndDeliver(benchmark::State& state) {
    const auto body_bytes = static_cast<std::size_t>(state.range(0));
    const bool no_ack = state.range(1) != 0;
    CoreBench bench(no_ack);
    std::uint64_t seqno = 0;
    std::uint64_t delivered = 0;
    for (auto _ : state) {
        for (std::size_t i = 0; i < kBatch; ++i) bench.publish(body_bytes, no_ack ? 0 : ++seqno);
        delivered += bench.turn();
    }
    if (delivered < static_cast<std::uint64_t>(state.iterations()) * kBatch / 2) {
        state.SkipWithError("messages were not delivered");
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kBatch));
}
BENCHMARK(BM_PublishAndDeliver)->Args({24, 1})->Args({24, 0})->Args({1024, 1})->Args({1024, 0});

}  // namespace
}  // namespace lvt::broker
