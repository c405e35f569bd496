// `leveret serve`: a broker as a process. Signals, standard streams and the service manager are dealt with here.
#pragma once

#include "broker/config/config.h"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lvt::broker {

/// What the command line says of the configuration.
struct ConfigArguments {
    std::optional<std::filesystem::path> file;
    std::optional<std::filesystem::path> data_dir;
    bool ephemeral = false;
    std::vector<std::pair<std::string, std::string>> set;
};

[[nodiscard]] Result<Config> load_process_config(const ConfigArguments& arguments);

/// Runs until SIGTERM, SIGINT or `leveret ctl stop`. Answers the process's exit code: 0 after a clean stop, kConfigExitCode where the
/// configuration is wrong or an address cannot be bound, 1 where the broker failed.
///
/// Standard output carries one "listening amqp://ADDRESS:PORT" line a listener and then the line that tools wait for,
/// "Server startup complete; 0 plugins started.", and nothing else; the log goes to standard error.
[[nodiscard]] int run_serve(const ConfigArguments& arguments);

}  // namespace lvt::broker
