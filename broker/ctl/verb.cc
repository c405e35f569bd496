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

constexpr std::string_view kQueueColumns[] = {
    "name",
    "messages",
    "durable",
    "auto_delete",
    "arguments",
    "policy",
    "operator_policy",
    "effective_policy_definition",
    "pid",
    "owner_pid",
    "exclusive",
    "exclusive_consumer_pid",
    "exclusive_consumer_tag",
    "messages_ready",
    "messages_unacknowledged",
    "messages_ready_ram",
    "messages_unacknowledged_ram",
    "messages_ram",
    "messages_persistent",
    "message_bytes",
    "message_bytes_ready",
    "message_bytes_unacknowledged",
    "message_bytes_ram",
    "message_bytes_persistent",
    "messages_paged_out",
    "head_message_timestamp",
    "disk_reads",
    "disk_writes",
    "consumers",
    "consumer_utilisation",
    "consumer_capacity",
    "memory",
    "slave_pids",
    "synchronised_slave_pids",
    "mirror_pids",
    "synchronised_mirror_pids",
    "state",
    "type",
    "leader",
    "members",
    "online",
    "vhost"};
constexpr std::string_view kConnectionColumns[] = {
    "user",
    "peer_host",
    "peer_port",
    "state",
    "pid",
    "name",
    "port",
    "host",
    "ssl",
    "ssl_protocol",
    "ssl_key_exchange",
    "ssl_cipher",
    "ssl_hash",
    "peer_cert_subject",
    "peer_cert_issuer",
    "peer_cert_validity",
    "channels",
    "protocol",
    "auth_mechanism",
    "vhost",
    "timeout",
    "frame_max",
    "channel_max",
    "client_properties",
    "recv_oct",
    "recv_cnt",
    "send_oct",
    "send_cnt",
    "send_pend",
    "connected_at"};
constexpr std::string_view kVhostColumns[] = {
    "name", "tracing", "cluster_state", "description", "tags", "default_queue_type"};
constexpr std::string_view kUserColumns[] = {"user", "tags"};

int complain(VerbContext& context, const ControlFailure& failure) {
    context.err << "Error:\n" << failure.message << '\n';
    return failure.exit_code;
}

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

constexpr Verb kVerbs[] = {
    {"help", "[<command>]", "Displays usage information for a command", 0, 1},
    {"version", "", "Displays the tool's version"},
    {"ping", "", "Checks that the broker answers", 0, 0, run_ping},
    {"status", "", "Displays status of a node", 0, 0, run_status},
    {"await_startup", "", "Waits until the broker has started", 0, 0, run_await_startup},
    {"stop", "[<pidfile>]", "Stops the broker; waits until its process is gone", 0, 1, run_stop},
    {"shutdown", "[--wait]", "The same as stop", 0, 1, run_stop},
    {"environment", "", "Displays every setting and its source", 0, 0, run_environment},
    {"server_version", "", "Displays the version that clients are told", 0, 0, run_server_version},
    {"list_queues",
     "[--vhost <vhost>] [<column>, ...]",
     "Lists queues and their properties",
     0,
     kAnyNumber,
     run_listing,
     kQueueColumns,
     2},
    {"list_connections",
     "[<column> ...]",
     "Lists AMQP 0.9.1 connections for the node",
     0,
     kAnyNumber,
     run_listing,
     kConnectionColumns,
     4},
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
    {"check_running", "", "Fails if the broker has not started", 0, 0, run_check},
    {"check_virtual_hosts", "", "Fails if a virtual host is down", 0, 0, run_check},
    {"check_port_connectivity", "", "Connects to every listener", 0, 0, run_check},
    {"check_port_listener", "<port>", "Fails if nothing listens on the port", 1, 1, run_check},
    {"is_running", "", "Asks if the broker has started", 0, 0, run_check},
    {"is_booting", "", "Asks if the broker is starting", 0, 0, run_check},
    {"listeners", "", "Lists listeners", 0, 0, run_check},
    {"node_health_check", "", "The same as check_running", 0, 0, run_check},
};

}  // namespace

std::optional<Milliseconds> VerbContext::timeout(Milliseconds fallback) const {
    const Milliseconds chosen = options.timeout.value_or(fallback);
    return chosen.count() == 0 ? std::nullopt : std::optional{chosen};
}

void VerbContext::banner(const std::string& line) const {
    if (!options.no_banner()) out << line << '\n';
}

std::span<const Verb> verbs() { return kVerbs; }

const Verb* find_verb(std::string_view name) {
    const auto found = std::find_if(
        std::begin(kVerbs), std::end(kVerbs), [&](const Verb& verb) { return verb.name == name; });
    return found == std::end(kVerbs) ? nullptr : found;
}

std::vector<std::string> columns_of(const Verb& verb, const CtlOptions& options) {
    if (!options.args.empty()) return options.args;
    return {verb.columns.begin(), verb.columns.begin() + static_cast<long>(verb.columns_shown)};
}

int run_listing(VerbContext& context) {
    const CtlOptions& options = context.options;
    const Verb& verb = *find_verb(options.verb);
    const auto timeout = context.timeout(kDefaultTimeout);
    if (verb.name == "list_queues") {
        context.banner(
            timeout ? fmt::format("Timeout: {:.1f} seconds ...", timeout->count() / 1000.0)
                    : "Timeout: infinity ...");
        context.banner(fmt::format("Listing queues for vhost {} ...", options.vhost));
    } else {
        context.banner(fmt::format("Listing {} ...", verb.name.substr(5)));
    }
    const auto answer =
        context.client.ask(std::string{verb.name}, {{"vhost", options.vhost}}, timeout);
    if (answer.has_error()) return complain(context, answer.error());
    const json::array* const rows = answer->if_array();
    if (!rows) return complain(context, {"the broker's answer is not understood", kExitSoftware});
    print_rows(context.out, *rows, columns_of(verb, options), options);
    return 0;
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
    if (!context.client.wait_until_gone(context.timeout(Milliseconds{0})))
        return complain(
            context, {fmt::format("the broker with PID {} is still running", pid), kExitTimeout});
    if (shutdown)
        context.banner(fmt::format(
            "RabbitMQ node {} running at PID {} successfully shut down", context.node, pid));
    return 0;
}

}  // namespace lvt::broker
