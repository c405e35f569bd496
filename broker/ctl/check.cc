// Health checks: what rabbitmq-diagnostics answers in words and exit codes.
#include "broker/ctl/ctl_output.h"
#include "broker/ctl/node_status.h"
#include "broker/ctl/verb.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace lvt::broker {
namespace {

namespace json = boost::json;

int pass(VerbContext& context, const std::string& text) {
    print_message(context.out, text, context.options);
    return 0;
}

int fail(VerbContext& context, const std::string& text) {
    context.err << "Error:\n" << text << '\n';
    return kExitUnavailable;
}

/// Checks that have nothing to find on a node that stands alone.
int pass_alone(VerbContext& context, const char* of_what) {
    context.banner(
        fmt::format("Checking if node {} is critical for {} ...", context.node, of_what));
    return pass(
        context,
        fmt::format(
            "Node {} seems to be the only one in a single node cluster, the check does not apply",
            context.node));
}

/// "value" under its own name beside node and result, as JSON; answers true where that is wanted.
bool print_as_json(VerbContext& context, const char* name, const json::value& value) {
    if (context.options.formatter != Formatter::json) return false;
    context.out << json::serialize(
                       json::object{{name, value}, {"node", context.node}, {"result", "ok"}})
                << '\n';
    return true;
}

struct Endpoint {
    std::string host;
    std::string port;
    std::string protocol;
};

std::vector<Endpoint> endpoints(VerbContext& context) {
    std::vector<Endpoint> out;
    const json::value& listeners = context.status["listeners"];
    if (!listeners.is_array()) return out;
    for (const json::value& row : listeners.get_array()) {
        const json::object* const object = row.if_object();
        if (!object || !object->contains("host") || !object->contains("port")) continue;
        const json::value* const protocol = object->if_contains("protocol");
        out.push_back(
            {cell_text(object->at("host")),
             cell_text(object->at("port")),
             protocol ? cell_text(*protocol) : "amqp"});
    }
    return out;
}

std::string ports_of(VerbContext& context) {
    std::string out;
    for (const Endpoint& endpoint : endpoints(context))
        out.append(out.empty() ? "" : ", ").append(endpoint.port);
    return out;
}

/// A wildcard address is tried on loopback.
bool can_connect(const Endpoint& endpoint) {
    std::string host = endpoint.host;
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    if (host == "::" || host == "0.0.0.0") host = "localhost";
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), endpoint.port.c_str(), &hints, &found) != 0) return false;
    bool connected = false;
    for (const addrinfo* at = found; at && !connected; at = at->ai_next) {
        const OwnedFd socket{::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        connected = socket.get() >= 0 && ::connect(socket.get(), at->ai_addr, at->ai_addrlen) == 0;
    }
    ::freeaddrinfo(found);
    return connected;
}

int check_alarms(VerbContext& context, bool local_only) {
    context.banner(fmt::format(
        "Asking node {} to report any {} resource alarms ...",
        context.node,
        context.options.verb == "alarms" ? "known" : "local"));
    const json::value& alarms = context.status["alarms"];
    if (context.options.verb == "alarms" && print_as_json(context, "alarms", alarms)) return 0;
    std::string text;
    if (alarms.is_array())
        for (const json::value& alarm : alarms.get_array())
            text.append(text.empty() ? "" : ", ").append(cell_text(alarm));
    if (text.empty())
        return pass(
            context,
            fmt::format(
                "Node {} reported no {}",
                context.node,
                local_only ? "local alarms" : "alarms, local or clusterwide"));
    text = fmt::format("Node {} reported alarms: {}", context.node, text);
    return context.options.verb == "alarms" ? pass(context, text) : fail(context, text);
}

int check_running(VerbContext& context) {
    const std::string& verb = context.options.verb;
    if (verb == "node_health_check")
        context.banner(fmt::format("Checking health of node {} ...", context.node));
    else if (verb == "check_running")
        context.banner(fmt::format("Checking if RabbitMQ is running on node {} ...", context.node));
    else
        context.banner(fmt::format("Asking node {} for its status ...", context.node));
    const json::value* const app = context.status.if_contains("app_running");
    if (app && app->is_bool() && !app->get_bool()) {
        const std::string text = fmt::format(
            "RabbitMQ on node {} is not running or has not fully booted yet (check with "
            "is_booting)",
            context.node);
        return verb == "is_running" ? pass(context, text) : fail(context, text);
    }
    if (verb == "node_health_check") return pass(context, "Health check passed");
    return pass(
        context, fmt::format("RabbitMQ on node {} is fully booted and running", context.node));
}

int check_port_connectivity(VerbContext& context) {
    context.banner(fmt::format(
        "Testing TCP connections to all active listeners on node {} ...", context.node));
    for (const Endpoint& endpoint : endpoints(context))
        if (!can_connect(endpoint))
            return fail(
                context,
                fmt::format(
                    "Connection attempt to port {} on node {} failed",
                    endpoint.port,
                    context.node));
    return pass(
        context,
        fmt::format(
            "Successfully connected to ports {} on node {}.", ports_of(context), context.node));
}

int check_port_listener(VerbContext& context) {
    const std::string& port = context.options.args.front();
    context.banner(fmt::format(
        "Asking node {} if there's an active listener on port {} ...", context.node, port));
    for (const Endpoint& endpoint : endpoints(context))
        if (endpoint.port == port)
            return pass(
                context,
                fmt::format("A listener for port {} is running on node {}.", port, context.node));
    context.err << fmt::format(
        "No listener for port {} is active on node {}. Found listeners that use the following "
        "ports: {}\n",
        port,
        context.node,
        ports_of(context));
    return kExitUnavailable;
}

/// RabbitMQ takes several names for one protocol.
bool names_protocol(std::string_view asked, const std::string& protocol) {
    if (protocol == "amqp/ssl") {
        return asked == "amqp/ssl" || asked == "amqps" || asked == "amqp091/ssl" ||
               asked == "amqp/tls";
    }
    return asked == protocol || (protocol == "amqp" && asked == "amqp091");
}

int check_protocol_listener(VerbContext& context) {
    const std::string& protocol = context.options.args.front();
    context.banner(fmt::format(
        "Asking node {} if there's an active listener for protocol {} ...",
        context.node,
        protocol));
    std::string found;
    bool serves = false;
    for (const Endpoint& endpoint : endpoints(context)) {
        serves = serves || names_protocol(protocol, endpoint.protocol);
        if (found.find(endpoint.protocol) == std::string::npos)
            found.append(found.empty() ? "" : ", ").append(endpoint.protocol);
    }
    if (serves)
        return pass(
            context,
            fmt::format(
                "A listener for protocol {} is running on node {}.", protocol, context.node));
    return fail(
        context,
        fmt::format(
            "No listener for protocol {} is active on node {}. Found listeners for the following "
            "protocols: {}",
            protocol,
            context.node,
            found));
}

json::array certificates(VerbContext& context) {
    const json::value* const all = context.status.if_contains("certificates");
    return all && all->is_array() ? all->get_array() : json::array{};
}

double seconds_in(std::string_view unit) {
    constexpr double kDay = 86'400;
    if (unit.starts_with("day")) return kDay;
    if (unit.starts_with("month")) return 30 * kDay;
    if (unit.starts_with("year")) return 365 * kDay;
    return 7 * kDay;
}

int check_certificate_expiration(VerbContext& context) {
    const auto option = [&](const char* name, const char* fallback) {
        const auto given = context.options.given.find(name);
        return given == context.options.given.end() ? std::string{fallback} : given->second;
    };
    context.banner(fmt::format("Checking certificate expiration on node {} ...", context.node));
    const std::string within = option("within", "4");
    std::string unit = option("unit", "weeks");
    if (within == "1" && unit.ends_with('s')) unit.pop_back();
    std::string expiring;
    for (const json::value& row : certificates(context)) {
        const json::object& one = row.as_object();
        const double left_s =
            one.at("not_after_s").to_number<double>() - one.at("now_s").to_number<double>();
        if (left_s > std::strtod(within.c_str(), nullptr) * seconds_in(unit)) continue;
        expiring += fmt::format(
            "  {} ({})\n", cell_text(one.at("file")), cell_text(one.at("subject")));
    }
    if (!expiring.empty())
        return fail(
            context,
            fmt::format(
                "Certificates on node {} expire within {} {}:\n{}",
                context.node,
                within,
                unit,
                expiring));
    return pass(context, fmt::format("No certificates are expiring within {} {}.", within, unit));
}

int list_listeners(VerbContext& context) {
    context.banner(
        fmt::format("Asking node {} to report its protocol listeners ...", context.node));
    json::array rows;
    for (const Endpoint& endpoint : endpoints(context))
        rows.push_back(
            {{"interface", endpoint.host},
             {"node", context.node},
             {"port", std::stoi(endpoint.port)},
             {"protocol", endpoint.protocol},
             {"purpose", listener_purpose(endpoint.protocol)}});
    if (print_as_json(context, "listeners", rows)) return 0;
    for (const Endpoint& endpoint : endpoints(context))
        context.out << fmt::format(
            "Interface: {}, port: {}, protocol: {}, purpose: {}\n",
            endpoint.host,
            endpoint.port,
            endpoint.protocol,
            listener_purpose(endpoint.protocol));
    return 0;
}

}  // namespace

int run_check(VerbContext& context) {
    const std::string& verb = context.options.verb;
    if (verb == "check_port_connectivity") return check_port_connectivity(context);
    if (verb == "check_port_listener") return check_port_listener(context);
    if (verb == "listeners") return list_listeners(context);
    if (verb == "alarms" || verb == "check_alarms") return check_alarms(context, false);
    if (verb == "check_local_alarms") return check_alarms(context, true);
    if (verb == "check_virtual_hosts") {
        context.banner(
            fmt::format("Checking if all vhosts are running on node {} ...", context.node));
        return pass(context, fmt::format("Node {} reported all vhosts as running", context.node));
    }
    if (verb == "check_protocol_listener") return check_protocol_listener(context);
    if (verb == "check_certificate_expiration") return check_certificate_expiration(context);
    if (verb == "check_if_node_is_quorum_critical")
        return pass_alone(context, "quorum of any quorum queues");
    if (verb == "check_if_node_is_mirror_sync_critical")
        return pass_alone(context, "data safety of any classic mirrored queues");
    if (verb == "is_booting") {
        context.banner(fmt::format("Asking node {} for its boot status ...", context.node));
        return pass(
            context,
            fmt::format(
                "RabbitMQ on node {} is fully booted (check with is_running), stopped or has not "
                "started booting yet",
                context.node));
    }
    return check_running(context);
}

}  // namespace lvt::broker
