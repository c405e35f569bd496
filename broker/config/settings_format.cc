#include "broker/config/config.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace lvt::broker {

std::string format_settings(const Config& config, bool json) {
    if (json) {
        boost::json::array array;
        for (const Setting& setting : config.settings)
            array.push_back(
                {{"key", setting.key}, {"value", setting.value}, {"source", setting.source}});
        return boost::json::serialize(array) + "\n";
    }
    std::size_t width = 0;
    for (const Setting& setting : config.settings)
        width = std::max(width, setting.key.size() + setting.value.size() + 3);
    width = std::min<std::size_t>(width, 60);
    std::string out;
    for (const Setting& setting : config.settings) {
        // A value that a file could not hold as it is stands in single quotes.
        const bool quoted = setting.value.empty() || setting.value.find('#') != std::string::npos;
        const std::string line =
            fmt::format("{0} = {2}{1}{2}", setting.key, setting.value, quoted ? "'" : "");
        out += fmt::format("{:<{}}  # {}\n", line, width, setting.source);
    }
    out += fmt::format(
        "\n# memory of this machine or cgroup: {} octets; the alarm is on above {}\n"
        "# the disk alarm is on below {} octets free\n",
        config.memory_total_bytes,
        config.memory_limit_bytes,
        config.disk_free_limit_bytes);
    return out;
}

}  // namespace lvt::broker
