#include "broker/load/run_report.h"

#include <fmt/format.h>

#include <iterator>

namespace lvt::broker::load {
namespace {

double us(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }

double us_per(std::uint64_t ns, std::uint64_t count) {
    return count > 0 ? us(ns) / static_cast<double>(count) : 0;
}

double megabytes(std::uint64_t kb) { return static_cast<double>(kb) / 1024; }

template <class... Args>
void add(Bytes& out, fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

void add_percentiles(Bytes& out, ByteView name, const Histogram& h) {
    if (h.count() == 0) return;
    add(out,
        "{:<10} p50 {:.1f}, p90 {:.1f}, p99 {:.1f}, p99.9 {:.1f}, max {:.1f} us\n",
        name,
        us(h.percentile(50)),
        us(h.percentile(90)),
        us(h.percentile(99)),
        us(h.percentile(99.9)),
        us(h.max()));
}

Bytes json_percentiles(const Histogram& h) {
    if (h.count() == 0) return "null";
    return fmt::format(
        R"({{"p50":{:.3f},"p90":{:.3f},"p99":{:.3f},"p999":{:.3f},"max":{:.3f}}})",
        us(h.percentile(50)),
        us(h.percentile(90)),
        us(h.percentile(99)),
        us(h.percentile(99.9)),
        us(h.max()));
}

Bytes json_string(ByteView text) {
    Bytes out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        if (static_cast<unsigned char>(c) >= 0x20) out.push_back(c);
    }
    return out + '"';
}

Bytes json_memory(const MemorySample& memory) {
    return fmt::format(
        R"({{"anonymous":{},"resident":{}}})", memory.anonymous_kb, memory.resident_kb);
}

Bytes json_cost(const RunReport& report) {
    if (!report.cost) return "null";
    const ServerCost& cost = *report.cost;
    return fmt::format(
        R"({{"cpu_us_per_message":{:.4f},"user_us_per_message":{:.4f},"system_us_per_message":{:.4f},)"
        R"("cpu_seconds":{:.4f},"memory_start_kb":{},"memory_peak_kb":{},"memory_end_kb":{}}})",
        us_per(cost.cpu_ns, report.messages()),
        us_per(cost.user_ns, report.messages()),
        us_per(cost.system_ns, report.messages()),
        us(cost.cpu_ns) / 1e6,
        json_memory(cost.memory_start),
        json_memory(cost.memory_peak),
        json_memory(cost.memory_end));
}

void add_cost(Bytes& out, const RunReport& report) {
    if (!report.cost) return;
    const ServerCost& cost = *report.cost;
    const std::uint64_t messages = report.messages();
    add(out,
        "server     {:.3f} us CPU a message (user {:.3f}, system {:.3f}); steal {:.1f} %\n",
        us_per(cost.cpu_ns, messages),
        us_per(cost.user_ns, messages),
        us_per(cost.system_ns, messages),
        report.steal_percent);
    add(out,
        "memory     anonymous {:.1f}, peak {:.1f}, end {:.1f} MB; resident {:.1f}, {:.1f}, {:.1f} "
        "MB\n",
        megabytes(cost.memory_start.anonymous_kb),
        megabytes(cost.memory_peak.anonymous_kb),
        megabytes(cost.memory_end.anonymous_kb),
        megabytes(cost.memory_start.resident_kb),
        megabytes(cost.memory_peak.resident_kb),
        megabytes(cost.memory_end.resident_kb));
}

}  // namespace

int RunReport::exit_code() const {
    if (!errors.empty()) return 2;
    return lost + reordered + duplicated > 0 ? 1 : 0;
}

Bytes to_text(const RunReport& report, const LoadOptions& options) {
    Bytes out;
    for (const Bytes& error : report.errors) add(out, "failed     {}\n", error);
    if (report.messages() == 0) return out;
    add(out, "{}\n", report.server);
    if (options.producers > 0) {
        add(out, "published  {} at {:.0f}/s", report.published, report.publish_rate());
        if (options.confirm > 0)
            add(out, "; confirmed {}, nacked {}", report.confirmed, report.nacked);
        add(out, "\n");
    }
    if (options.consumers > 0) {
        add(out, "consumed   {} at {:.0f}/s", report.consumed, report.consume_rate());
        if (report.redelivered > 0) add(out, "; flagged redelivered {}", report.redelivered);
        add(out, "\n");
    }
    add_percentiles(out, "latency", report.latency);
    add_percentiles(out, "confirm", report.confirm_latency);
    add_cost(out, report);
    add(out, "tool       {:.3f} us CPU a message\n", us_per(report.tool_cpu_ns, report.messages()));
    if (options.checked() && options.consumers > 0) {
        const Bytes lost = options.drain ? fmt::format("{}", report.lost) : Bytes("unknown");
        add(out,
            "checks     lost {}, reordered {}, duplicated {}\n",
            lost,
            report.reordered,
            report.duplicated);
    }
    return out;
}

Bytes to_json(const RunReport& report, const LoadOptions& options) {
    Bytes errors;
    for (const Bytes& error : report.errors) {
        if (!errors.empty()) errors += ',';
        errors += json_string(error);
    }
    return fmt::format(
        R"({{"server":{},"size":{},"persistent":{},"producers":{},"consumers":{},"queues":{},)"
        R"("confirm":{},"prefetch":{},"ack":{},"rate":{},"published":{},"confirmed":{},"nacked":{},)"
        R"("consumed":{},"redelivered":{},"publish_seconds":{:.4f},"consume_seconds":{:.4f},)"
        R"("publish_rate":{:.1f},"consume_rate":{:.1f},"latency_us":{},"confirm_us":{},)"
        R"("server_cost":{},"steal_percent":{:.2f},"tool_cpu_us_per_message":{:.4f},)"
        R"("lost":{},"reordered":{},"duplicated":{},"errors":[{}],"exit_code":{}}})"
        "\n",
        json_string(report.server),
        options.body_bytes,
        options.persistent,
        options.producers,
        options.consumers,
        options.queues,
        options.confirm,
        options.prefetch,
        options.ack_every,
        options.rate,
        report.published,
        report.confirmed,
        report.nacked,
        report.consumed,
        report.redelivered,
        report.publish_seconds,
        report.consume_seconds,
        report.publish_rate(),
        report.consume_rate(),
        json_percentiles(report.latency),
        json_percentiles(report.confirm_latency),
        json_cost(report),
        report.steal_percent,
        us_per(report.tool_cpu_ns, report.messages()),
        report.lost,
        report.reordered,
        report.duplicated,
        errors,
        report.exit_code());
}

}  // namespace lvt::broker::load
