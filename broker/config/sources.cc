#include "broker/config/config.h"
#include "broker/config/data_dir.h"

#include <fmt/format.h>

#include <algorithm>

extern "C" char** environ;

namespace lvt::broker {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultFile = "/etc/leveret/leveret.conf";
constexpr const char* kDefaultDirectory = "/etc/leveret/conf.d";

const std::string* find(const std::map<std::string, std::string>& map, const char* name) {
    const auto found = map.find(name);
    return found == map.end() || found->second.empty() ? nullptr : &found->second;
}

/// RabbitMQ takes the name without ".conf" too.
fs::path with_extension(const std::string& name) {
    return name.ends_with(".conf") ? fs::path{name} : fs::path{name + ".conf"};
}

void add_directory(const fs::path& directory, std::vector<fs::path>& files) {
    std::error_code error;
    std::vector<fs::path> found;
    for (fs::directory_iterator at{directory, error}, end; !error && at != end; at.increment(error))
        if (at->path().extension() == ".conf") found.push_back(at->path());
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
}

void add_named(const char* variable, const fs::path& path, ConfigSources& sources) {
    std::error_code error;
    if (fs::is_directory(path, error))
        add_directory(path, sources.files);
    else if (fs::exists(path, error))
        sources.files.push_back(path);
    else
        sources.warnings.push_back(
            fmt::format("environment {}: {} does not exist", variable, path.string()));
}

/// RABBITMQ_CONFIG_FILES is a directory or a pattern like /etc/rabbitmq/conf.d/*.conf.
fs::path without_pattern(const std::string& name) {
    const std::size_t star = name.find('*');
    return star == std::string::npos ? fs::path{name}
                                     : fs::path{name.substr(0, star)}.parent_path();
}

}  // namespace

std::map<std::string, std::string> process_environment() {
    std::map<std::string, std::string> out;
    for (char** entry = environ; entry && *entry; ++entry) {
        const std::string_view text = *entry;
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos)
            out.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return out;
}

fs::path default_data_dir(const std::map<std::string, std::string>& environment) {
    for (const char* variable : kDataDirVariables)
        if (const std::string* value = find(environment, variable)) return *value;
    std::error_code error;
    const fs::path image = "/var/lib/rabbitmq";
    if (fs::is_directory(image, error) && !fs::exists(image / "mnesia", error)) return image;
    return "/var/lib/leveret";
}

ConfigSources process_sources(const std::optional<fs::path>& file) {
    ConfigSources sources;
    sources.environment = process_environment();
    if (const std::string* host = find(sources.environment, "HOSTNAME")) {
        const std::string* const long_names = find(sources.environment, "RABBITMQ_USE_LONGNAME");
        sources.machine.host_name =
            long_names && *long_names == "true" ? *host : host->substr(0, host->find('.'));
    }
    if (file) {
        sources.files.push_back(*file);
        return sources;
    }
    const std::string* const named = find(sources.environment, "RABBITMQ_CONFIG_FILE");
    const std::string* const more = find(sources.environment, "RABBITMQ_CONFIG_FILES");
    if (named) add_named("RABBITMQ_CONFIG_FILE", with_extension(*named), sources);
    if (more) add_named("RABBITMQ_CONFIG_FILES", without_pattern(*more), sources);
    if (named || more) return sources;
    std::error_code error;
    if (fs::exists(kDefaultFile, error)) sources.files.push_back(kDefaultFile);
    add_directory(kDefaultDirectory, sources.files);
    return sources;
}

}  // namespace lvt::broker
