// The environment's part of the configuration: the variables of the RabbitMQ image, and LEVERET_DATA_DIR.
#pragma once

#include "broker/config/key_rules.h"
#include "protocol/base/result.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lvt::broker {

struct EnvironmentSettings {
    std::vector<Assignment> assignments;
    std::vector<std::string> warnings;
};

/// Empty variables count as absent. Reads the files that RABBITMQ_DEFAULT_*_FILE name. `host` completes a node name.
[[nodiscard]] Result<EnvironmentSettings> read_environment(
    const std::map<std::string, std::string>& environment, const std::string& host);

/// HOST:PORT at which a task of Marathon is found, where `formation` (cluster_formation.*) asks for that mechanism: the host port that its keys name, else the
/// first. Nothing: there is no such task or port, or nodes are found by their containers' addresses.
[[nodiscard]] std::optional<std::string> marathon_address(
    const std::map<std::string, std::string>& environment,
    const std::map<std::string, std::string>& formation);

/// "rabbit" or "rabbit@host" as RabbitMQ completes it.
[[nodiscard]] std::string complete_node_name(const std::string& name, const std::string& host);

}  // namespace lvt::broker
