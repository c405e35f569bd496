// Where a broker keeps its data unless it is told: the same answer for the broker and for `leveret ctl`.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace lvt::broker {

/// In falling precedence; empty ones count as absent.
inline constexpr const char* kDataDirVariables[] = {
    "LEVERET_DATA_DIR", "RABBITMQ_MNESIA_DIR", "RABBITMQ_MNESIA_BASE", "RABBITMQ_DATA_DIR"};

/// What the environment says; else /var/lib/rabbitmq where it exists and holds no RabbitMQ's data (the Docker image);
/// else /var/lib/leveret.
[[nodiscard]] std::filesystem::path default_data_dir(
    const std::map<std::string, std::string>& environment);

/// This process's environment.
[[nodiscard]] std::map<std::string, std::string> process_environment();

}  // namespace lvt::broker
