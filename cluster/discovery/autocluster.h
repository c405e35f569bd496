// The environment variables of rabbitmq-autocluster, the plugin for RabbitMQ 3.6 from which RabbitMQ's own discovery came, as settings of today.
#pragma once

#include "cluster/discovery/settings.h"

#include <string>
#include <vector>

namespace lvt::discovery {

/// One variable that was found.
struct OldVariable {
    std::string name;
    /// What it says, as a line of the configuration would; empty: it has no effect.
    std::string key;
    std::string value;
    /// One line for the operator: what to write instead.
    std::string advice;
};

/// Those that start with AUTOCLUSTER_ always; the others (ETCD_HOST, CLUSTER_NAME, ...) only beside AUTOCLUSTER_TYPE, since their names may be somebody else's.
/// Variables that RabbitMQ still reads are not among them: the mechanisms read those themselves. Values are not checked; empty variables count as absent.
[[nodiscard]] std::vector<OldVariable> autocluster_variables(const StringMap& environment);

}  // namespace lvt::discovery
