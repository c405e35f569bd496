#include "broker/management/global_parameters.h"

#include "broker/core/topology.h"

#include <boost/json/parse.hpp>

namespace lvt::broker {

Bytes cluster_name(const Topology& topology, std::string_view configured) {
    const auto found = topology.global_parameters().find(kClusterNameParameter);
    if (found == topology.global_parameters().end()) return Bytes(configured);
    boost::system::error_code error;
    const boost::json::value value = boost::json::parse(found->second, error);
    if (error || !value.is_string()) return Bytes(configured);
    return Bytes(value.get_string());
}

}  // namespace lvt::broker
