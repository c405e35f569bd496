#include "broker/load/load_options.h"

#include "broker/load/sequence_check.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <optional>

namespace lvt::broker::load {
namespace {

constexpr const char* kAbout =
    "Loads any AMQP 0-9-1 broker and tells throughput, latency, loss, order, and the server's CPU "
    "and memory.\n"
    "Exit code: 0 all well, 1 something was lost, reordered or duplicated, 2 the run failed.";

void add_topology(CLI::App& app, LoadOptions& options, std::string& declare) {
    app.add_option("--producers", options.producers, "connections that publish")
        ->capture_default_str();
    app.add_option("--consumers", options.consumers, "connections that consume")
        ->capture_default_str();
    app.add_option("--queues", options.queues, "producers and consumers share them round robin")
        ->capture_default_str();
    app.add_option("--queue-prefix", options.queue_prefix, "queue i is named PREFIX-i")
        ->capture_default_str();
    app.add_option("--declare", declare, "the queues; default: durable with --persistent")
        ->check(CLI::IsMember({"durable", "transient", "none"}));
    app.add_flag("--keep", options.keep, "leave the queues behind");
    app.add_option("--exchange", options.exchange, "publish here; default: the default exchange");
    app.add_option("--exchange-type", options.exchange_type, "declare it as this")
        ->check(CLI::IsMember({"direct", "fanout", "topic"}))
        ->capture_default_str();
    app.add_option("--routing-key", options.routing_key, "one key that binds all the queues");
    app.add_option("--bindings", options.bindings, "wildcard bindings of a topic exchange");
}

void add_traffic(CLI::App& app, LoadOptions& options) {
    app.add_option("--size", options.body_bytes, "body in bytes; latency from 8, checks from 16")
        ->capture_default_str();
    app.add_flag("--persistent", options.persistent, "delivery mode 2");
    app.add_option("--confirm", options.confirm, "window of unconfirmed publishes; 0 = none")
        ->capture_default_str();
    app.add_option("--prefetch", options.prefetch, "0 = no limit")->capture_default_str();
    app.add_option("--ack", options.ack_every, "ack every N with multiple; 0 = auto-ack")
        ->capture_default_str();
    app.add_option("--rate", options.rate, "messages a second of each producer; 0 = no limit")
        ->capture_default_str();
    app.add_option("--messages", options.messages, "of all producers together");
    app.add_option("--seconds", options.seconds, "how long to publish; default 5");
    app.add_flag("--drain", options.drain, "wait until everything published is consumed");
    app.add_option("--drain-timeout", options.drain_timeout_seconds, "seconds without a message")
        ->capture_default_str();
}

std::optional<ByteView> contradiction(const LoadOptions& options) {
    if (options.producers + options.consumers == 0) return "neither producers nor consumers";
    if (options.queues == 0) return "no queues";
    if (options.producers > 10'000 || options.consumers > 10'000 || options.queues > 10'000) {
        return "at most 10,000 producers, consumers and queues";
    }
    if (options.prefetch > 0 && options.ack_every > options.prefetch) {
        return "--ack above --prefetch would wait for ever";
    }
    if (options.bindings > 0 && (options.exchange.empty() || options.exchange_type != "topic")) {
        return "--bindings needs --exchange and --exchange-type topic";
    }
    if (options.bindings > 0 && !options.routing_key.empty()) {
        return "--bindings makes its own routing keys";
    }
    if (!options.routing_key.empty() && options.exchange.empty()) {
        return "--routing-key needs --exchange";
    }
    const std::uint64_t streams = std::uint64_t{options.producers} * options.queues;
    if (options.bindings > 0 && streams > kStreamsMax) return "too many producers times queues";
    return std::nullopt;
}

int refuse(ByteView why) {
    fmt::print(stderr, "{}\n", why);
    return 2;
}

}  // namespace

std::variant<LoadOptions, int> parse_load_options(int argc, const char* const* argv) {
    LoadOptions options;
    std::string url = "amqp://guest:guest@localhost:5672";
    std::string declare;
    CLI::App app(kAbout, "leveret bench");
    app.add_option(
           "--url", url, "amqp://user:password@host:port/vhost, or amqps://...?cacertfile=FILE")
        ->capture_default_str();
    add_topology(app, options, declare);
    add_traffic(app, options);
    app.add_option("--pid", options.server_pid, "the server's process, for its CPU and memory");
    app.add_flag("--json", options.json, "print one JSON object");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : 2;
    }
    Result<AmqpUrl> parsed = parse_amqp_url(url);
    if (parsed.has_error()) return refuse(parsed.error().message);
    options.url = std::move(*parsed);
    const bool durable = declare.empty() ? options.persistent : declare == "durable";
    options.declare = declare == "none" ? Declare::none
                      : durable         ? Declare::durable
                                        : Declare::transient;
    if (options.messages == 0 && options.seconds == 0) options.seconds = 5;
    if (const auto why = contradiction(options)) return refuse(*why);
    return options;
}

}  // namespace lvt::broker::load
