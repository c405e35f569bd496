// parse_conf: what it takes is well-formed and comes back the same when it is written again.
#include "broker/config/conf_file.h"
#include "broker/config/config.h"
#include "broker/config/key_rules.h"
#include "protocol/base/assert.h"

#include <cstddef>
#include <cstdint>

namespace lvt::broker {
namespace {

void check(std::string_view text) {
    const Result<std::vector<ConfLine>> lines = parse_conf(text, "f");
    if (lines.has_error()) {
        ASSERT(lines.error().kind == ErrorKind::invalid && !lines.error().message.empty());
        return;
    }
    ConfigSources sources{
        .ephemeral = true, .machine = {.cpus = 4, .memory_bytes = 1 << 30, .host_name = "h"}};
    std::string again;
    bool quotable = true;
    for (const ConfLine& line : *lines) {
        ASSERT(!line.key.empty() && !line.value.empty() && line.line > 0);
        ASSERT(line.value.find('\n') == std::string::npos);
        quotable = quotable && line.value.find('\'') == std::string::npos;
        again += line.key + " = '" + line.value + "'\n";
        sources.set.emplace_back(line.key, line.value);
    }
    if (quotable) {
        const Result<std::vector<ConfLine>> second = parse_conf(again, "f");
        ASSERT(second.has_value() && second->size() == lines->size());
        for (std::size_t i = 0; i < lines->size(); ++i)
            ASSERT((*second)[i].key == (*lines)[i].key && (*second)[i].value == (*lines)[i].value);
    }
    // Whatever the values are: a whole Config, or one line that says why not.
    const Result<Config> config = load_config(sources);
    if (config.has_error())
        ASSERT(config.error().kind == ErrorKind::invalid && !config.error().message.empty());
}

}  // namespace
}  // namespace lvt::broker

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    lvt::broker::check({reinterpret_cast<const char*>(data), size});
    return 0;
}
