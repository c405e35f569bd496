// Global parameters that mean something to the broker.
#pragma once

#include "protocol/base/bytes.h"

#include <string_view>

namespace lvt::broker {

class Topology;

inline constexpr std::string_view kClusterNameParameter = "cluster_name";

/// What administrators have set, or what the configuration says.
[[nodiscard]] Bytes cluster_name(const Topology& topology, std::string_view configured);

}  // namespace lvt::broker
