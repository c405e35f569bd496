// Who is in the cluster: as the HTTP API's controllers want it, and `cluster_status` as rabbitmqctl names its fields.
#pragma once

#include "broker/app/cluster_server.h"
#include "broker/management/node_facts.h"

#include <boost/json/object.hpp>

#include <optional>

namespace lvt::broker {

/// All members by name; `own` are those of this node. Before it belongs to a cluster a node is all that it knows.
[[nodiscard]] std::vector<MemberFacts> cluster_members(
    const std::optional<ClusterStatus>& cluster, const std::string& node, ToldFacts own);

/// What only Leveret has stands below "leveret". Of nodes that do not answer nothing is known but that they are members.
[[nodiscard]] boost::json::object cluster_listing(
    const std::string& cluster_name, const std::vector<MemberFacts>& members,
    const std::optional<ClusterStatus>& cluster);

}  // namespace lvt::broker
