#include "broker/app/cluster_listing.h"

#include "broker/ctl/node_status.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

namespace lvt::broker {
namespace {

namespace json = boost::json;

json::array members(const ClusterStatus& cluster) {
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

/// This node's: of the others nothing is known here.
json::array own_listeners(const json::object& status, const std::string& node) {
    json::array out;
    for (const json::value& row : status.at("listeners").as_array()) {
        const json::object& one = row.as_object();
        out.push_back(json::object{
            {"interface", one.at("host")},
            {"node", node},
            {"port", one.at("port")},
            {"protocol", one.at("protocol")},
            {"purpose", listener_purpose(std::string(one.at("protocol").as_string()))}});
    }
    return out;
}

}  // namespace

json::object cluster_listing(
    const json::object& status, const std::optional<ClusterStatus>& cluster) {
    const std::string self = cluster ? cluster->self : std::string(status.at("node").as_string());
    json::array all;
    json::array running;
    if (cluster) {
        for (const ClusterStatus::Node& one : cluster->nodes) {
            all.push_back(json::value(one.name));
            if (one.running) running.push_back(json::value(one.name));
        }
    }
    // Before it belongs to a cluster a node is all that it knows.
    if (all.empty()) {
        all.push_back(json::value(self));
        running.push_back(json::value(self));
    }
    json::object out{
        {"alarms", status.at("alarms")},
        {"cluster_name", status.at("cluster_name")},
        {"disk_nodes", all},
        {"feature_flags", json::array{}},
        {"listeners", json::object{{self, own_listeners(status, self)}}},
        {"maintenance_status", json::object{{self, "not under maintenance"}}},
        {"partitions", json::object{}},
        {"ram_nodes", json::array{}},
        {"running_nodes", running},
        {"versions",
         json::object{
             {self,
              json::object{
                  {"rabbitmq_name", status.at("product")},
                  {"rabbitmq_version", status.at("version")}}}}},
    };
    if (cluster)
        out["leveret"] = json::object{
            {"cluster_id", cluster->cluster_id},
            {"leader", cluster->leader},
            {"members", members(*cluster)}};
    return out;
}

}  // namespace lvt::broker
