// Verbs about the cluster.
#include "broker/ctl/ctl_output.h"
#include "broker/ctl/verb.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace lvt::broker {
namespace {

namespace json = boost::json;

constexpr Milliseconds kDefaultTimeout{60'000};

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
    print_names(context.out, "Alarms", status.at("alarms"));
    context.out << "\nNetwork Partitions\n\n(none)\n";
    return 0;
}

constexpr Verb kVerbs[] = {
    {"cluster_status", "", "Displays the nodes of the cluster", 0, 0, run_cluster_status},
};

}  // namespace

std::span<const Verb> cluster_verbs() { return kVerbs; }

}  // namespace lvt::broker
