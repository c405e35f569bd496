#include "broker/ctl/verb.h"

#include "broker/ctl/ctl_output.h"
#include "broker/ctl/node_status.h"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace lvt::broker {
namespace {

namespace json = boost::json;

constexpr std::size_t kAnyNumber = 1000;
constexpr Milliseconds kDefaultTimeout{60'000};

constexpr std::string_view kVhostColumns[] = {
    "name", "tracing", "cluster_state", "description", "tags", "default_queue_type"};
constexpr std::string_view kUserColumns[] = {"user", "tags"};

int run_ping(VerbContext& context) {
    const auto timeout = context.timeout(kDefaultTimeout);
    context.banner(fmt::format(
        "Will ping {}. This asks the broker behind its control socket. Timeout: {} ms.",
        context.node,
        timeout ? std::to_string(timeout->count()) : "infinity"));
    const auto answer = context.client.ask("ping", {}, timeout);
    if (answer.has_error()) return complain(context, answer.error());
    print_message(context.out, "Ping succeeded", context.options);
    return 0;
}

int run_await_startup(VerbContext& context) {
    const auto answer =
        context.client.ask("await_startup", {}, context.timeout(Milliseconds{300'000}));
    return answer.has_error() ? complain(context, answer.error()) : 0;
}

int run_status(VerbContext& context) {
    context.banner(fmt::format("Status of node {} ...", context.node));
    if (context.options.formatter == Formatter::json)
        context.out << json::serialize(rabbitmq_status(context.status)) << '\n';
    else
        print_status(context.out, context.status);
    return 0;
}

int run_server_version(VerbContext& context) {
    context.banner(fmt::format("Asking node {} for its RabbitMQ version...", context.node));
    print_message(context.out, cell_text(context.status["version"]), context.options);
    return 0;
}

int run_environment(VerbContext& context) {
    context.banner(fmt::format("Application environment of node {} ...", context.node));
    const auto answer = context.client.ask("environment", {}, context.timeout(kDefaultTimeout));
    if (answer.has_error()) return complain(context, answer.error());
    const json::array* const rows = answer->if_array();
    if (rows) print_rows(context.out, *rows, {"key", "value", "source"}, context.options);
    return 0;
}

constexpr std::string_view kCertificateOptions[] = {"within", "unit"};

std::optional<ArgumentFault> check_port(const CtlOptions& options) {
    const std::string& port = options.args.front();
    if (!port.empty() && port.find_first_not_of("0123456789") == std::string::npos)
        return std::nullopt;
    return ArgumentFault{"Bad argument: Argument must be a positive integer", kExitData};
}

constexpr Verb kVerbs[] = {
    {"help", "[<command>]", "Displays usage information for a command", 0, 1},
    {"version", "", "Displays the tool's version"},
    {.name = "ping",
     .help = "Checks that the broker answers",
     .run = run_ping,
     .without_app = true},
    {"status", "", "Displays status of a node", 0, 0, run_status},
    {.name = "await_startup",
     .help = "Waits until the broker has started",
     .run = run_await_startup,
     .without_app = true},
    {.name = "stop",
     .usage = "[<pidfile>]",
     .help = "Stops the broker; waits until its process is gone",
     .args_max = 1,
     .run = run_stop,
     .without_app = true},
    {.name = "shutdown",
     .usage = "[--wait]",
     .help = "The same as stop",
     .args_max = 1,
     .run = run_stop,
     .without_app = true},
    {.name = "environment",
     .help = "Displays every setting and its source",
     .run = run_environment,
     .without_app = true},
    {.name = "server_version",
     .help = "Displays the version that clients are told",
     .run = run_server_version,
     .without_app = true},
    {"list_vhosts",
     "[<column> ...]",
     "Lists virtual hosts",
     0,
     kAnyNumber,
     run_listing,
     kVhostColumns,
     1},
    {"list_users", "", "List user names and tags", 0, 0, run_listing, kUserColumns, 2},
    {"alarms", "", "Lists resource alarms", 0, 0, run_check},
    {"check_alarms", "", "Fails if there is a resource alarm", 0, 0, run_check},
    {"check_local_alarms", "", "Fails if there is a resource alarm on the node", 0, 0, run_check},
    {.name = "check_running",
     .help = "Fails if the broker has not started",
     .run = run_check,
     .without_app = true},
    {"check_virtual_hosts", "", "Fails if a virtual host is down", 0, 0, run_check},
    {"check_port_connectivity", "", "Connects to every listener", 0, 0, run_check},
    {.name = "check_port_listener",
     .usage = "<port>",
     .help = "Fails if nothing listens on the port",
     .args_min = 1,
     .args_max = 1,
     .run = run_check,
     .check = check_port},
    {"check_protocol_listener",
     "<protocol>",
     "Fails if nothing listens for the protocol",
     1,
     1,
     run_check},
    {.name = "check_certificate_expiration",
     .usage = "[--within <period>] [--unit <unit>]",
     .help = "Fails if a certificate expires soon",
     .run = run_check,
     .options = kCertificateOptions},
    {"check_if_node_is_quorum_critical",
     "",
     "Fails if queues would lose their quorum without the node",
     0,
     0,
     run_check},
    {"check_if_node_is_mirror_sync_critical",
     "",
     "Fails if mirrored queues would lose messages without the node",
     0,
     0,
     run_check},
    {.name = "is_running",
     .help = "Asks if the broker has started",
     .run = run_check,
     .without_app = true},
    {.name = "is_booting",
     .help = "Asks if the broker is starting",
     .run = run_check,
     .without_app = true},
    {"listeners", "", "Lists listeners", 0, 0, run_check},
    {"node_health_check", "", "The same as check_running", 0, 0, run_check},
};

}  // namespace

std::optional<Milliseconds> VerbContext::timeout(Milliseconds fallback) const {
    const Milliseconds chosen = options.timeout.value_or(fallback);
    return chosen == kNoTimeout ? std::nullopt : std::optional{chosen};
}

void VerbContext::banner(const std::string& line) const {
    if (!options.no_banner()) out << line << '\n';
}

int complain(VerbContext& context, const ControlFailure& failure) {
    if (failure.exit_code == kExitTimeout)
        context.err << fmt::format(
            "Error: operation {} on node {} timed out. Timeout value used: {}\n",
            context.options.verb,
            context.node,
            context.options.timeout.value_or(kDefaultTimeout).count());
    else
        context.err << "Error:\n" << failure.message << '\n';
    return failure.exit_code;
}

int finish(VerbContext& context) {
    if (context.options.formatter == Formatter::json)
        context.out << json::serialize(json::object{{"node", context.node}, {"result", "ok"}})
                    << '\n';
    return 0;
}

std::span<const Verb> verbs() {
    static const std::vector<Verb> all = [] {
        std::vector<Verb> gathered(std::begin(kVerbs), std::end(kVerbs));
        for (const auto part : {list_verbs(), operate_verbs(), admin_verbs(), cluster_verbs()})
            gathered.insert(gathered.end(), part.begin(), part.end());
        return gathered;
    }();
    return all;
}

const Verb* find_verb(std::string_view name) {
    const auto all = verbs();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Verb& verb) { return verb.name == name; });
    return found == all.end() ? nullptr : &*found;
}

std::vector<std::string> split_columns(const std::vector<std::string>& args) {
    std::vector<std::string> out;
    for (const std::string& arg : args) {
        for (std::size_t at = 0; at <= arg.size();) {
            const std::size_t comma = std::min(arg.find(',', at), arg.size());
            if (comma > at) out.push_back(arg.substr(at, comma - at));
            at = comma + 1;
        }
    }
    return out;
}

std::vector<std::string> columns_of(const Verb& verb, const CtlOptions& options) {
    if (!options.args.empty()) return split_columns(options.args);
    return {verb.columns.begin(), verb.columns.begin() + static_cast<long>(verb.columns_shown)};
}

int run_stop(VerbContext& context) {
    const bool shutdown = context.options.verb == "shutdown";
    const std::string pid = cell_text(context.status["pid"]);
    context.banner(
        shutdown
            ? fmt::format("Shutting down RabbitMQ node {} running at PID {}", context.node, pid)
            : fmt::format("Stopping and halting node {} ...", context.node));
    const auto answer = context.client.ask("stop", {}, context.timeout(kDefaultTimeout));
    if (answer.has_error()) return complain(context, answer.error());
    if (shutdown) context.banner(fmt::format("Waiting for PID {} to terminate", pid));
    if (!context.client.wait_until_gone(context.timeout(kNoTimeout)))
        return complain(
            context, {fmt::format("the broker with PID {} is still running", pid), kExitTimeout});
    if (shutdown)
        context.banner(fmt::format(
            "RabbitMQ node {} running at PID {} successfully shut down", context.node, pid));
    return 0;
}

}  // namespace lvt::broker
