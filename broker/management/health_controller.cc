// /health/checks, those of RabbitMQ 3.10 and of 4.x, and /healthchecks/node of old.
#include "broker/management/management_api.h"
#include "broker/management/node_facts.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace lvt::broker {

namespace json = boost::json;
using http::Verb;

namespace {

void pass(const CallPtr& call, json::object more = {}) {
    json::object out{{"status", "ok"}};
    for (auto& [key, value] : more) out[key] = std::move(value);
    call->value(std::move(out));
}

void fail(const CallPtr& call, std::string_view reason, json::object more = {}) {
    json::object out{{"status", "failed"}, {"reason", reason}};
    for (auto& [key, value] : more) out[key] = std::move(value);
    call->value(std::move(out), 503);
}

void add_alarms(json::array& out, const std::string& node, const NodeFacts& facts) {
    const auto add = [&](const char* resource) {
        out.push_back(json::object{{"node", node}, {"resource", resource}});
    };
    if (facts.memory_alarm) add("memory");
    if (facts.disk_alarm) add("disk");
}

/// Of all nodes that run: nobody knows what one that does not answer has.
void check_alarms(const CallPtr& call) {
    json::array all;
    for (const MemberFacts& one : call->api.member_facts())
        if (one.running && one.facts) add_alarms(all, one.name, *one.facts);
    if (all.empty()) return pass(call);
    fail(call, "There are alarms in effect in the cluster", {{"alarms", std::move(all)}});
}

void check_local_alarms(const CallPtr& call) {
    json::array all;
    add_alarms(all, call->api.options.node_name, call->api.node_facts());
    if (all.empty()) return pass(call);
    fail(call, "There are alarms in effect on the node", {{"alarms", std::move(all)}});
}

std::optional<Milliseconds> time_unit(std::string_view word) {
    constexpr std::pair<std::string_view, std::int64_t> kDays[] = {
        {"days", 1}, {"weeks", 7}, {"months", 30}, {"years", 365}};
    for (const auto& [name, days] : kDays)
        if (word == name) return Milliseconds(days * 24 * 60 * 60 * 1000);
    return std::nullopt;
}

/// None of the TLS listeners' certificates ends within that time.
void check_certificates(const CallPtr& call) {
    std::int32_t within = 0;
    const std::string& number = call->names[0];
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), within);
    if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size())
        return call->bad_request("Invalid expiration value.");
    const auto unit = time_unit(call->names[1]);
    if (!unit)
        return call->bad_request(
            "Time unit not recognised. Supported units: days, weeks, months, years.");
    const Milliseconds limit = call->api.clock.now().wall + *unit * within;
    json::array expired;
    for (const CertificateInUse& one : call->api.node_facts().certificates)
        if (one.not_after < limit) expired.emplace_back(one.file);
    if (expired.empty()) return pass(call);
    fail(call, "Certificates expiring", {{"expired", std::move(expired)}});
}

void check_port(const CallPtr& call) {
    unsigned port = 0;
    const std::string& number = call->names[0];
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), port);
    if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size())
        return call->bad_request("Invalid port");
    json::array ports;
    for (const ListeningAt& one : call->api.node_facts().listeners) {
        if (one.port == port) return pass(call, {{"port", port}});
        ports.push_back(one.port);
    }
    fail(call, "No active listener", {{"missing", port}, {"ports", std::move(ports)}});
}

void check_protocol(const CallPtr& call) {
    // One protocol has several names.
    std::string wanted = call->names[0];
    if (wanted == "amqp091" || wanted == "amqp0.9.1" || wanted == "amqp0-9-1") wanted = "amqp";
    if (wanted == "amqps" || wanted == "tls" || wanted == "ssl") wanted = "amqp/ssl";
    json::array protocols;
    for (const ListeningAt& one : call->api.node_facts().listeners) {
        if (one.protocol == wanted) return pass(call, {{"protocol", wanted}});
        protocols.emplace_back(one.protocol);
    }
    fail(
        call,
        "No active listener",
        {{"missing", call->names[0]}, {"protocols", std::move(protocols)}});
}

void check_nothing(const CallPtr& call) { pass(call); }

/// No queue has mirrors.
void check_mirrors(const CallPtr& call) {
    if (call->api.member_facts().size() > 1) return pass(call);
    pass(call, {{"reason", "single node cluster"}});
}

/// Whether those who vote on the cluster's definitions would be a majority without this node.
void check_quorum(const CallPtr& call) {
    const std::vector<MemberFacts> members = call->api.member_facts();
    if (members.size() < 2) return pass(call, {{"reason", "single node cluster"}});
    std::size_t voters = 0;
    std::size_t others = 0;
    bool votes = false;
    for (const MemberFacts& one : members) {
        if (!one.voter) continue;
        ++voters;
        votes = votes || one.itself;
        if (one.running && !one.itself) ++others;
    }
    if (!votes || others > voters / 2) return pass(call);
    fail(
        call,
        "The cluster would lose its quorum if the target node is shut down",
        {{"queues", json::array()}});
}

void check_service(const CallPtr& call) {
    if (call->api.node_facts().accepts_clients) return pass(call);
    fail(call, "the rabbit node is not currently available to serve");
}

void check_connection_limit(const CallPtr& call) {
    pass(call, {{"current", call->api.core.object_totals().connections}, {"limit", "infinity"}});
}

void check_node(const CallPtr& call) {
    if (!call->names.empty() && call->names[0] != call->api.options.node_name)
        return call->not_found();
    const NodeFacts facts = call->api.node_facts();
    if (!facts.memory_alarm && !facts.disk_alarm) return pass(call);
    call->value(json::object{{"status", "failed"}, {"reason", "resource alarm(s) in effect"}});
}

constexpr Access kAnyone = Access::manager;
constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/health/checks/alarms", kAnyone, check_alarms},
    {Verb::get, "/health/checks/local-alarms", kAnyone, check_local_alarms},
    {Verb::get,
     "/health/checks/certificate-expiration/{within}/{unit}",
     kAnyone,
     check_certificates},
    {Verb::get, "/health/checks/port-listener/{port}", kAnyone, check_port},
    {Verb::get, "/health/checks/protocol-listener/{protocol}", kAnyone, check_protocol},
    {Verb::get, "/health/checks/virtual-hosts", kAnyone, check_nothing},
    {Verb::get, "/health/checks/node-is-mirror-sync-critical", kAnyone, check_mirrors},
    {Verb::get, "/health/checks/node-is-quorum-critical", kAnyone, check_quorum},
    {Verb::get, "/health/checks/ready-to-serve-clients", kAnyone, check_service},
    {Verb::get, "/health/checks/is-in-service", kAnyone, check_service},
    {Verb::get, "/health/checks/below-node-connection-limit", kAnyone, check_connection_limit},
    {Verb::get, "/health/checks/metadata-store/initialized", kAnyone, check_nothing},
    {Verb::get, "/health/checks/metadata-store/initialized/with-data", kAnyone, check_nothing},
    {Verb::get,
     "/health/checks/quorum-queues-without-elected-leaders/all-vhosts",
     kAnyone,
     check_nothing},
    {Verb::get,
     "/health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}",
     Access::vhost,
     check_nothing},
    {Verb::get, "/healthchecks/node", kAnyone, check_node},
    {Verb::get, "/healthchecks/node/{node}", kAnyone, check_node},
};

}  // namespace

std::span<const Endpoint> health_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
