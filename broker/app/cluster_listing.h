// `cluster_status` as rabbitmqctl names its fields.
#pragma once

#include "broker/app/cluster_server.h"

#include <boost/json/object.hpp>

#include <optional>

namespace lvt::broker {

/// `status` is the broker's own (BrokerControl). What only Leveret has stands below "leveret".
[[nodiscard]] boost::json::object cluster_listing(
    const boost::json::object& status, const std::optional<ClusterStatus>& cluster);

}  // namespace lvt::broker
