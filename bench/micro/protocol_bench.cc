// What reading and writing a message's frames costs.
#include <benchmark/benchmark.h>

#include "protocol/amqp/command_assembler.h"
#include "protocol/amqp/fast_path.h"
#include "protocol/amqp/frame_decoder.h"
#include "protocol/amqp/method_frame.h"

namespace lvt::amqp {
namespace {

constexpr std::uint32_t kFrameMax = 131072;
constexpr std::size_t kBatchBytes = 128 * 1024;  // a lane's read buffer

Bytes small_properties() { return PropertiesBuilder().set_delivery_mode(kPersistent).build(); }

/// As kombu sends it.
Bytes kombu_properties() {
    Table headers;
    return PropertiesBuilder()
        .set_text(property::kContentType, "application/json")
        .set_text(property::kContentEncoding, "utf-8")
        .set_headers(headers)
        .set_delivery_mode(kPersistent)
        .set_priority(0)
        .build();
}

/// Five headers, a correlation id and a few more, as Celery sends them.
Bytes celery_properties() {
    Table headers;
    headers.add_string("lang", "py").add_string("task", "tasks.add").add_int("retries", 0);
    headers.add_string("id", "0f6d4e5c-6b0e-4a52-9a9d-6a1b8f0a3d11").add_bool("ignore", false);
    return PropertiesBuilder()
        .set_text(property::kContentType, "application/json")
        .set_text(property::kContentEncoding, "utf-8")
        .set_headers(headers)
        .set_delivery_mode(kPersistent)
        .set_text(property::kCorrelationId, "0f6d4e5c-6b0e-4a52-9a9d-6a1b8f0a3d11")
        .set_text(property::kReplyTo, "a56f9c5e-8c1d-3d6b-a5f4-5b1f0d7d2f6e")
        .build();
}

/// As many publishes as one read takes.
Bytes publishes(std::size_t body_bytes, const Bytes& properties, std::size_t& count) {
    Bytes one;
    encode_method_frame(one, 1, BasicPublish{0, "", "a.queue"});
    encode_header_frame(one, 1, body_bytes, properties);
    encode_body_frames(one, 1, Bytes(body_bytes, 'b'), kFrameMax);
    Bytes out;
    for (count = 0; out.size() + one.size() <= kBatchBytes; ++count) out += one;
    return out;
}

void report(benchmark::State& state, std::size_t count) {
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
    state.counters["ns_each"] = benchmark::Counter(
        static_cast<double>(count) * 1e-9,
        benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void parse_publishes(benchmark::State& state, const Bytes& properties) {
    std::size_t count = 0;
    const Bytes input = publishes(static_cast<std::size_t>(state.range(0)), properties, count);
    for (auto _ : state) {
        ByteView rest = input;
        while (const auto publish = parse_publish(rest, kFrameMax)) {
            benchmark::DoNotOptimize(publish->body.data());
            rest.remove_prefix(publish->total_bytes);
        }
    }
    report(state, count);
}

void BM_ParsePublish(benchmark::State& state) { parse_publishes(state, small_properties()); }
void BM_ParsePublishOfKombu(benchmark::State& state) {
    parse_publishes(state, kombu_properties());
}
void BM_ParsePublishOfCelery(benchmark::State& state) {
    parse_publishes(state, celery_properties());
}
BENCHMARK(BM_ParsePublish)->Arg(24)->Arg(1024);
BENCHMARK(BM_ParsePublishOfKombu)->Arg(24);
BENCHMARK(BM_ParsePublishOfCelery)->Arg(24);

void BM_DecodeAndAssemblePublish(benchmark::State& state) {
    std::size_t count = 0;
    const Bytes input =
        publishes(static_cast<std::size_t>(state.range(0)), small_properties(), count);
    FrameDecoder decoder(kFrameMax);
    CommandAssembler assembler;
    for (auto _ : state) {
        ByteView rest = input;
        while (true) {
            const auto frame = decoder.next(rest);
            if (frame.has_error() || !*frame) break;
            const auto step = assembler.next(**frame);
            benchmark::DoNotOptimize(step->body.data());
        }
    }
    report(state, count);
}
BENCHMARK(BM_DecodeAndAssemblePublish)->Arg(24)->Arg(1024);

void BM_ParseAck(benchmark::State& state) {
    Bytes input;
    std::size_t count = 0;
    for (; input.size() + kAckFrameBytes <= kBatchBytes; ++count) {
        encode_method_frame(input, 1, BasicAck{count + 1});
    }
    for (auto _ : state) {
        ByteView rest = input;
        while (const auto ack = parse_ack(rest)) {
            benchmark::DoNotOptimize(ack->delivery_tag);
            rest.remove_prefix(ack->total_bytes);
        }
    }
    report(state, count);
}
BENCHMARK(BM_ParseAck);

void BM_PutDelivery(benchmark::State& state) {
    const Bytes body(static_cast<std::size_t>(state.range(0)), 'b');
    const Bytes properties = small_properties();
    const DeliverPrefix prefix(1, "ctag1.0f6d4e5c6b0e4a52");
    const std::size_t size = prefix.frame_bytes(0, 7) + header_frame_bytes(properties.size()) +
                             body_frames_bytes(body.size(), kFrameMax);
    Bytes out(kBatchBytes, '\0');
    const std::size_t count = kBatchBytes / size;
    std::uint64_t tag = 0;
    for (auto _ : state) {
        char* to = out.data();
        for (std::size_t i = 0; i < count; ++i) {
            to = prefix.put(to, ++tag, false, "", "a.queue");
            to = put_header_frame(to, 1, body.size(), properties);
            to = put_body_frames(to, 1, body, kFrameMax);
        }
        benchmark::DoNotOptimize(out.data());
        benchmark::ClobberMemory();
    }
    report(state, count);
}
BENCHMARK(BM_PutDelivery)->Arg(24)->Arg(1024);

void BM_ScanProperties(benchmark::State& state, const Bytes& properties) {
    for (auto _ : state) {
        ByteView bytes = properties;
        benchmark::DoNotOptimize(bytes);
        const auto scan = scan_properties(bytes);
        benchmark::DoNotOptimize(scan->delivery_mode);
    }
    report(state, 1);
}
BENCHMARK_CAPTURE(BM_ScanProperties, small, small_properties());
BENCHMARK_CAPTURE(BM_ScanProperties, kombu, kombu_properties());
BENCHMARK_CAPTURE(BM_ScanProperties, celery, celery_properties());

void BM_FindHeader(benchmark::State& state) {
    const Bytes properties = celery_properties();
    for (auto _ : state) {
        const auto headers = Properties(properties).headers();
        benchmark::DoNotOptimize(TableView(*headers).find("ignore"));
    }
    report(state, 1);
}
BENCHMARK(BM_FindHeader);

}  // namespace
}  // namespace lvt::amqp
