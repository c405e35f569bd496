#include "broker/app/cluster_listing.h"

#include "broker/ctl/node_status.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <algorithm>

namespace lvt::broker {
namespace {

namespace json = boost::json;

/// Peers listen under RabbitMQ's word for it.
constexpr std::string_view kPeerProtocol = "clustering";

json::array nodes_json(const ClusterStatus& cluster) {
    json::array out;
    for (const ClusterStatus::Node& one : cluster.nodes)
        out.push_back(json::object{
            {"id", one.id},
            {"name", one.name},
            {"address", one.address},
            {"running", one.running},
            {"voter", one.voter}});
    return out;
}

std::string purpose_of(const std::string& protocol) {
    if (protocol == kPeerProtocol) return "inter-node and CLI tool communication";
    if (protocol == "http") return "HTTP API";
    if (protocol == "https") return "HTTP API over TLS (HTTPS)";
    if (protocol == "http/prometheus") return "Prometheus exporter API over HTTP";
    return listener_purpose(protocol);
}

json::array listeners_json(const MemberFacts& member) {
    json::array out;
    for (const ListeningAt& one : member.facts->listeners)
        out.push_back(json::object{
            {"interface", one.address},
            {"node", member.name},
            {"port", one.port},
            {"protocol", one.protocol},
            {"purpose", purpose_of(one.protocol)}});
    return out;
}

void add_alarms(json::array& out, const MemberFacts& member) {
    const auto add = [&](const char* resource) {
        out.push_back(json::object{
            {"node", member.name}, {"resource", resource}, {"type", "resource_limit"}});
    };
    if (member.facts->memory_alarm) add("memory");
    if (member.facts->disk_alarm) add("disk");
}

}  // namespace

std::vector<MemberFacts> cluster_members(
    const std::optional<ClusterStatus>& cluster, const std::string& node, ToldFacts own) {
    std::vector<MemberFacts> out;
    if (cluster) {
        for (const ClusterStatus::Node& one : cluster->nodes) {
            MemberFacts member{one.name, one.id == cluster->self_id, one.running, one.voter, {}};
            if (!member.itself) member.facts = decode_node_facts(one.facts);
            out.push_back(std::move(member));
        }
    }
    auto self = std::ranges::find(out, true, &MemberFacts::itself);
    if (self == out.end()) self = out.insert(out.begin(), {node, true, true, false, {}});
    self->name = node;
    self->running = true;
    self->facts = std::move(own);
    std::ranges::sort(out, {}, &MemberFacts::name);
    return out;
}

json::object cluster_listing(
    const std::string& cluster_name, const std::vector<MemberFacts>& members,
    const std::optional<ClusterStatus>& cluster) {
    json::array all;
    json::array running;
    json::array alarms;
    json::object listeners;
    json::object versions;
    json::object maintenance;
    for (const MemberFacts& one : members) {
        all.push_back(json::value(one.name));
        if (!one.running) continue;
        running.push_back(json::value(one.name));
        maintenance[one.name] = "not under maintenance";
        if (!one.facts) continue;
        add_alarms(alarms, one);
        listeners[one.name] = listeners_json(one);
        versions[one.name] = json::object{
            {"rabbitmq_name", one.facts->product},
            {"rabbitmq_version", one.facts->version},
            {"erlang_version", ""}};
    }
    json::object out{
        {"alarms", std::move(alarms)},
        {"cluster_name", cluster_name},
        {"disk_nodes", std::move(all)},
        {"feature_flags", json::array{}},
        {"listeners", std::move(listeners)},
        {"maintenance_status", std::move(maintenance)},
        {"partitions", json::object{}},
        {"ram_nodes", json::array{}},
        {"running_nodes", std::move(running)},
        {"versions", std::move(versions)},
    };
    if (cluster)
        out["leveret"] = json::object{
            {"cluster_id", cluster->cluster_id},
            {"leader", cluster->leader},
            {"removed", cluster->removed},
            {"members", nodes_json(*cluster)}};
    return out;
}

}  // namespace lvt::broker
