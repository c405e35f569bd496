// Verbs that act on what the broker has and on the broker itself.
#include "broker/config/values.h"
#include "broker/ctl/ctl_output.h"
#include "broker/ctl/verb.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

namespace lvt::broker {
namespace {

namespace json = boost::json;

constexpr Milliseconds kDefaultTimeout{60'000};
/// Connections named in one request.
constexpr std::size_t kClosesPerRequest = 500;

/// Asks for `verb`; false where it was refused, which has been said then.
struct Asked {
    json::value value;
    int exit_code = 0;
};
Asked ask(VerbContext& context, const std::string& verb, const json::object& args) {
    auto answer = context.client.ask(verb, args, context.timeout(kDefaultTimeout));
    if (answer.has_error()) return {nullptr, complain(context, answer.error())};
    return {std::move(*answer), 0};
}

/// What the verb came to, in words.
void print_outcome(VerbContext& context, const std::string& text) {
    if (context.options.formatter == Formatter::json)
        context.out << json::serialize(
                           json::object{{"node", context.node}, {"result", "ok"}, {"value", text}})
                    << '\n';
    else
        context.out << text << '\n';
}

int run_purge_queue(VerbContext& context) {
    const std::string& queue = context.options.args.front();
    const std::string& vhost = context.options.vhost;
    context.banner(fmt::format("Purging queue '{}' in vhost '{}' ...", queue, vhost));
    const Asked asked = ask(context, "purge_queue", {{"vhost", vhost}, {"queue", queue}});
    return asked.exit_code != 0 ? asked.exit_code : finish(context);
}

int run_delete_queue(VerbContext& context) {
    const CtlOptions& options = context.options;
    const std::string& queue = options.args.front();
    const bool if_empty = options.has("if-empty");
    const bool if_unused = options.has("if-unused");
    context.banner(fmt::format(
        "Deleting queue '{}' on vhost '{}' {}{}{}...",
        queue,
        options.vhost,
        if_empty ? "if queue is empty " : "",
        if_empty && if_unused ? "and " : "",
        if_unused ? "if queue is unused " : ""));
    const Asked asked =
        ask(context,
            "delete_queue",
            {{"vhost", options.vhost},
             {"queue", queue},
             {"if_empty", if_empty},
             {"if_unused", if_unused}});
    if (asked.exit_code != 0) return asked.exit_code;
    print_message(
        context.out,
        fmt::format(
            "Queue was successfully deleted with {} ready messages", cell_text(asked.value)),
        options);
    return 0;
}

int run_close_connection(VerbContext& context) {
    const std::string& pid = context.options.args[0];
    const std::string& reason = context.options.args[1];
    context.banner(fmt::format("Closing connection {}, reason: {}...", pid, reason));
    const Asked asked =
        ask(context,
            "close_connections",
            {{"pids", json::array{json::value(pid)}}, {"reason", reason}});
    return asked.exit_code != 0 ? asked.exit_code : finish(context);
}

/// A number that is not negative, or 0.
std::int64_t number_of(const CtlOptions& options, const std::string& option) {
    std::int64_t number = 0;
    const auto given = options.given.find(option);
    if (given != options.given.end()) (void)parse_integer(given->second, 0, 1'000'000'000, number);
    return number;
}

std::optional<ArgumentFault> check_close_all(const CtlOptions& options) {
    for (const char* const option : {"limit", "per-connection-delay"}) {
        const auto given = options.given.find(option);
        std::int64_t number = 0;
        if (given != options.given.end() &&
            !parse_integer(given->second, 0, 1'000'000'000, number).empty())
            return ArgumentFault{
                fmt::format("Invalid options for this command:\n--{} : {}", option, given->second)};
    }
    return std::nullopt;
}

/// The pids that the options name, in the order of the listing.
std::vector<std::string> pids_to_close(const CtlOptions& options, const json::value& rows) {
    std::vector<std::string> pids;
    const auto limit = static_cast<std::size_t>(number_of(options, "limit"));
    if (!rows.is_array()) return pids;
    for (const json::value& row : rows.get_array()) {
        if (!row.is_object() || (limit > 0 && pids.size() == limit)) break;
        if (!options.has("global") && cell_text(row.get_object().at("vhost")) != options.vhost)
            continue;
        pids.push_back(cell_text(row.get_object().at("pid")));
    }
    return pids;
}

int run_close_all_connections(VerbContext& context) {
    const CtlOptions& options = context.options;
    const std::string& reason = options.args.front();
    const std::int64_t limit = number_of(options, "limit");
    const std::int64_t delay_ms = number_of(options, "per-connection-delay");
    if (options.has("global"))
        context.banner(fmt::format(
            "Closing all connections to node {} (across all vhosts), reason: {}...",
            context.node,
            reason));
    else
        context.banner(fmt::format(
            "Closing {} connections in vhost {}, reason: {}...",
            limit > 0 ? std::to_string(limit) : "all",
            options.vhost,
            reason));
    const Asked rows = ask(context, "list_connections", {{"columns", json::array{"pid", "vhost"}}});
    if (rows.exit_code != 0) return rows.exit_code;
    const std::vector<std::string> pids = pids_to_close(options, rows.value);
    const std::size_t at_once = delay_ms > 0 ? 1 : kClosesPerRequest;
    for (std::size_t first = 0; first < pids.size(); first += at_once) {
        if (first > 0 && delay_ms > 0) ::poll(nullptr, 0, static_cast<int>(delay_ms));
        json::array batch;
        for (std::size_t i = first; i < std::min(first + at_once, pids.size()); ++i)
            batch.push_back(json::value(pids[i]));
        const Asked asked =
            ask(context, "close_connections", {{"pids", std::move(batch)}, {"reason", reason}});
        if (asked.exit_code != 0) return asked.exit_code;
    }
    print_outcome(context, fmt::format("Closed {} connections", pids.size()));
    return 0;
}

int run_trace(VerbContext& context) {
    const std::string& vhost = context.options.vhost;
    const bool on = context.options.verb == "trace_on";
    context.banner(
        fmt::format("{} tracing for vhost \"{}\" ...", on ? "Starting" : "Stopping", vhost));
    const Asked asked = ask(context, context.options.verb, {{"vhost", vhost}});
    if (asked.exit_code != 0) return asked.exit_code;
    print_outcome(
        context, fmt::format("Trace {} for vhost {}", on ? "enabled" : "disabled", vhost));
    return 0;
}

/// "absolute SIZE" or "FRACTION", "SIZE" or "mem_relative FRACTION".
struct Threshold {
    std::optional<double> fraction;
    std::uint64_t bytes = 0;
};

const ArgumentFault kBadArgument{"Bad argument.", kExitData};

boost::system::result<Threshold, ArgumentFault> threshold_of(const CtlOptions& options);

std::optional<ArgumentFault> check_threshold(const CtlOptions& options) {
    const auto threshold = threshold_of(options);
    if (threshold.has_error()) return threshold.error();
    return std::nullopt;
}

boost::system::result<Threshold, ArgumentFault> threshold_of(const CtlOptions& options) {
    const bool memory = options.verb == "set_vm_memory_high_watermark";
    const std::string_view keyword = memory ? "absolute" : "mem_relative";
    const bool named = options.args.front() == keyword;
    if (named && options.args.size() < 2) return ArgumentFault{"not enough arguments."};
    if (!named && options.args.size() > 1) return ArgumentFault{"too many arguments."};
    const std::string& value = options.args[named ? 1 : 0];
    Threshold threshold;
    if (memory == named) {
        if (!parse_information_size(value, threshold.bytes).empty()) return kBadArgument;
        return threshold;
    }
    char* end = nullptr;
    const double fraction = std::strtod(value.c_str(), &end);
    if (value.empty() || *end != '\0') return kBadArgument;
    if (memory && (fraction < 0 || fraction > 1))
        return ArgumentFault{
            "Bad argument: The threshold should be a fraction between 0.0 and 1.0", kExitData};
    if (!(fraction >= 0 && fraction < 1e6)) return kBadArgument;
    threshold.fraction = fraction;
    return threshold;
}

int run_set_threshold(VerbContext& context) {
    const CtlOptions& options = context.options;
    const bool memory = options.verb == "set_vm_memory_high_watermark";
    const Threshold threshold = *threshold_of(options);
    context.banner(fmt::format(
        "Setting {} on {} to {}{} ...",
        memory ? "memory threshold" : "disk free limit",
        context.node,
        options.args.back(),
        !threshold.fraction ? " bytes"
        : memory            ? ""
                            : " times the total RAM"));
    const json::object args = threshold.fraction ? json::object{{"fraction", *threshold.fraction}}
                                                 : json::object{{"bytes", threshold.bytes}};
    const Asked asked = ask(context, options.verb, args);
    return asked.exit_code != 0 ? asked.exit_code : finish(context);
}

int run_app(VerbContext& context) {
    const bool stop = context.options.verb == "stop_app";
    context.banner(
        stop ? fmt::format("Stopping rabbit application on node {} ...", context.node)
             : fmt::format("Starting node {} ...", context.node));
    const Asked asked = ask(context, context.options.verb, {});
    return asked.exit_code != 0 ? asked.exit_code : finish(context);
}

int run_list_hashes(VerbContext& context) {
    const json::array hashes{"sha512", "sha256", "md5"};
    context.banner("Listing supported hash algorithms ...");
    if (context.options.formatter == Formatter::json)
        context.out << json::serialize(json::object{
                           {"node", context.node}, {"result", "ok"}, {"value", hashes}})
                    << '\n';
    else
        context.out << "[sha512,sha256,md5]\n";
    return 0;
}

int run_eval(VerbContext& context) {
    context.err << "Error:\neval is not supported: the broker has no Erlang runtime\n";
    return kExitUnavailable;
}

constexpr std::string_view kDeleteQueueOptions[] = {"if-empty", "if-unused"};
constexpr std::string_view kCloseAllOptions[] = {"global", "limit", "per-connection-delay"};

constexpr Verb kOperateVerbs[] = {
    {.name = "purge_queue",
     .usage = "<queue>",
     .help = "Purges a queue (removes all messages in it)",
     .args_min = 1,
     .args_max = 1,
     .run = run_purge_queue},
    {.name = "delete_queue",
     .usage = "<queue_name> [--if-empty|-e] [--if-unused|-u]",
     .help = "Deletes a queue",
     .args_min = 1,
     .args_max = 1,
     .run = run_delete_queue,
     .options = kDeleteQueueOptions},
    {.name = "close_connection",
     .usage = "<connection pid> <explanation>",
     .help = "Instructs the broker to close the connection associated with the Erlang process id",
     .args_min = 2,
     .args_max = 2,
     .run = run_close_connection},
    {.name = "close_all_connections",
     .usage = "[--vhost <vhost> --limit <limit>] [-n <node> --global] [--per-connection-delay "
              "<delay>] <explanation>",
     .help = "Instructs the broker to close all connections for the specified vhost or entire "
             "RabbitMQ node",
     .args_min = 1,
     .args_max = 1,
     .run = run_close_all_connections,
     .options = kCloseAllOptions,
     .check = check_close_all},
    {.name = "trace_on",
     .usage = "[--vhost <vhost>]",
     .help = "Starts message tracing",
     .run = run_trace},
    {.name = "trace_off",
     .usage = "[--vhost <vhost>]",
     .help = "Stops message tracing",
     .run = run_trace},
    {.name = "set_vm_memory_high_watermark",
     .usage = "<fraction> | absolute <value>",
     .help = "Sets the vm_memory_high_watermark setting",
     .args_min = 1,
     .args_max = 2,
     .run = run_set_threshold,
     .check = check_threshold},
    {.name = "set_disk_free_limit",
     .usage = "<disk_limit> | mem_relative <fraction>",
     .help = "Sets the disk_free_limit setting",
     .args_min = 1,
     .args_max = 2,
     .run = run_set_threshold,
     .check = check_threshold},
    {.name = "stop_app",
     .help = "Stops the RabbitMQ application, leaving the runtime running",
     .run = run_app,
     .without_app = true},
    {.name = "start_app",
     .help = "Starts the RabbitMQ application but leaves the runtime running",
     .run = run_app,
     .without_app = true},
    {.name = "list_hashes",
     .help = "Lists hash functions supported by encoding commands",
     .run = run_list_hashes,
     .without_app = true},
    {.name = "eval",
     .usage = "<expression>",
     .help = "Not supported: the broker has no Erlang runtime",
     .args_max = 1000,
     .run = run_eval,
     .without_app = true},
};

}  // namespace

std::span<const Verb> operate_verbs() { return kOperateVerbs; }

}  // namespace lvt::broker
