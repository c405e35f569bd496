// Verbs about the cluster.
#include "broker/ctl/ctl_output.h"
#include "broker/ctl/verb.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <poll.h>

namespace lvt::broker {
namespace {

namespace json = boost::json;

constexpr Milliseconds kDefaultTimeout{60'000};
constexpr Milliseconds kLookInterval{20};

void print_names(std::ostream& out, std::string_view heading, const json::value& names) {
    out << '\n' << heading << "\n\n";
    if (!names.is_array() || names.get_array().empty()) {
        out << "(none)\n";
        return;
    }
    for (const json::value& name : names.get_array()) out << cell_text(name) << '\n';
}

int run_cluster_status(VerbContext& context) {
    context.banner(fmt::format("Cluster status of node {} ...", context.node));
    const auto answer = context.client.ask("cluster_status", {}, context.timeout(kDefaultTimeout));
    if (answer.has_error()) return complain(context, answer.error());
    if (context.options.formatter == Formatter::json || !answer->is_object()) {
        context.out << json::serialize(*answer) << '\n';
        return 0;
    }
    const json::object& status = answer->get_object();
    context.out << "Basics\n\nCluster name: " << cell_text(status.at("cluster_name")) << '\n';
    print_names(context.out, "Disk Nodes", status.at("disk_nodes"));
    print_names(context.out, "Running Nodes", status.at("running_nodes"));
    context.out << "\nVersions\n\n";
    for (const auto& [node, version] : status.at("versions").as_object())
        context.out << std::string(node) << ": "
                    << cell_text(version.as_object().at("rabbitmq_name")) << ' '
                    << cell_text(version.as_object().at("rabbitmq_version")) << '\n';
    context.out << "\nMaintenance status\n\n";
    for (const auto& [node, state] : status.at("maintenance_status").as_object())
        context.out << "Node: " << std::string(node) << ", status: " << cell_text(state) << '\n';
    context.out << "\nAlarms\n\n";
    const json::array& alarms = status.at("alarms").as_array();
    if (alarms.empty()) context.out << "(none)\n";
    for (const json::value& alarm : alarms)
        context.out << (cell_text(alarm.as_object().at("resource")) == "memory"
                            ? "Memory alarm on node "
                            : "Free disk space alarm on node ")
                    << cell_text(alarm.as_object().at("node")) << '\n';
    context.out << "\nNetwork Partitions\n\n(none)\n\nListeners\n\n";
    for (const auto& [node, listeners] : status.at("listeners").as_object())
        for (const json::value& row : listeners.as_array()) {
            const json::object& one = row.as_object();
            context.out << fmt::format(
                "Node: {}, interface: {}, port: {}, protocol: {}, purpose: {}\n",
                std::string(node),
                cell_text(one.at("interface")),
                cell_text(one.at("port")),
                cell_text(one.at("protocol")),
                cell_text(one.at("purpose")));
        }
    return 0;
}

int run_discover_peers(VerbContext& context) {
    context.banner("Discovering peers nodes ...");
    const auto answer = context.client.ask("discover_peers", {}, context.timeout(kDefaultTimeout));
    if (answer.has_error()) return complain(context, answer.error());
    if (context.options.formatter == Formatter::json) {
        context.out << json::serialize(*answer) << '\n';
        return 0;
    }
    if (!answer->is_array() || answer->get_array().empty())
        context.out << "No peers discovered\n";
    else
        for (const json::value& name : answer->get_array()) context.out << cell_text(name) << '\n';
    return 0;
}

/// Some of rabbitmqctl's texts begin with "Error: " themselves.
int refused(VerbContext& context, const ControlFailure& failure) {
    if (!failure.message.starts_with("Error: ")) return complain(context, failure);
    context.err << failure.message << '\n';
    return failure.exit_code;
}

/// forget_cluster_node, join_cluster, leave_cluster: one change of who belongs to the cluster.
int run_change(VerbContext& context) {
    const CtlOptions& options = context.options;
    json::object args;
    if (!options.args.empty()) args["node"] = options.args.front();
    if (options.verb == "forget_cluster_node")
        context.banner(fmt::format("Removing node {} from the cluster", options.args.front()));
    else if (options.verb == "join_cluster")
        context.banner(
            fmt::format("Clustering node {} with {}", context.node, options.args.front()));
    else
        context.banner(fmt::format("Node {} leaves its cluster ...", context.node));
    const auto answer = context.client.ask(options.verb, args, context.timeout(kDefaultTimeout));
    if (answer.has_error()) return refused(context, answer.error());
    if (answer->is_string()) {
        print_message(context.out, std::string(answer->get_string()), options);
        return 0;
    }
    return finish(context);
}

/// The broker ends and begins anew within its process; what comes next shall find it.
bool await_restart(VerbContext& context) {
    const json::value before = context.status["instance"];
    const auto limit = context.timeout(kDefaultTimeout);
    for (Milliseconds waited{0}; !limit || waited < *limit; waited += kLookInterval) {
        Result<ControlClient> client = ControlClient::connect(context.options.data_dir);
        if (client.has_value()) {
            const auto status = client->ask("status", {}, kDefaultTimeout);
            const json::object* const now = status.has_value() ? status->if_object() : nullptr;
            if (now && now->contains("instance") && now->at("instance") != before) return true;
        }
        ::poll(nullptr, 0, static_cast<int>(kLookInterval.count()));
    }
    return false;
}

int run_reset(VerbContext& context) {
    const bool force = context.options.verb == "force_reset";
    context.banner(
        fmt::format("{} node {} ...", force ? "Forcefully resetting" : "Resetting", context.node));
    const auto answer =
        context.client.ask(context.options.verb, {}, context.timeout(kDefaultTimeout));
    if (answer.has_error()) return refused(context, answer.error());
    if (!await_restart(context))
        return complain(context, {"the broker has not come back after its reset", kExitTimeout});
    return finish(context);
}

std::optional<ArgumentFault> check_join(const CtlOptions& options) {
    if (options.has("ram") && options.has("disc"))
        return ArgumentFault{"Bad argument. The node type must be either disc or ram.", kExitData};
    if (options.has("ram"))
        return ArgumentFault{"Bad argument. There are no ram nodes.", kExitData};
    return std::nullopt;
}

constexpr std::string_view kJoinOptions[] = {"disc", "ram"};

constexpr Verb kVerbs[] = {
    {.name = "cluster_status",
     .help = "Displays the nodes of the cluster",
     .run = run_cluster_status,
     .without_app = true},
    {.name = "discover_peers",
     .help = "Performs peer discovery and lists discovered nodes, if any",
     .run = run_discover_peers,
     .without_app = true},
    {.name = "forget_cluster_node",
     .usage = "<existing_cluster_member_node>",
     .help = "Removes a node from the cluster",
     .args_min = 1,
     .args_max = 1,
     .run = run_change},
    {.name = "join_cluster",
     .usage = "[--disc] <existing_cluster_member>",
     .help = "Instructs the node to become a member of the cluster that the specified node is in",
     .args_min = 1,
     .args_max = 1,
     .run = run_change,
     .options = kJoinOptions,
     .check = check_join,
     .without_app = true,
     .wants_app_stopped = true},
    {.name = "leave_cluster",
     .help = "The node leaves its cluster and serves nobody any more",
     .run = run_change,
     .without_app = true},
    {.name = "reset",
     .help = "Instructs a RabbitMQ node to leave the cluster and return to its virgin state",
     .run = run_reset,
     .without_app = true,
     .wants_app_stopped = true},
    {.name = "force_reset",
     .help = "Forcefully returns a RabbitMQ node to its virgin state",
     .run = run_reset,
     .without_app = true,
     .wants_app_stopped = true},
};

}  // namespace

std::span<const Verb> cluster_verbs() { return kVerbs; }

}  // namespace lvt::broker
