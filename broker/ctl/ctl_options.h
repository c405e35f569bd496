// The command line of `leveret ctl`: rabbitmqctl's options, before or behind the verb.
#pragma once

#include "protocol/base/clock.h"
#include "protocol/base/result.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lvt::broker {

inline constexpr Milliseconds kNoTimeout = Milliseconds::max();

enum class Formatter { table, json, csv };

struct CtlOptions {
    std::string program;  // "rabbitmqctl", "leveret ctl", ...
    std::string verb;     // empty: none
    std::vector<std::string> args;
    std::filesystem::path data_dir;
    /// What -n says, completed; else what the environment says. For messages while no broker answers.
    std::string node;
    std::string vhost = "/";
    Formatter formatter = Formatter::table;
    bool quiet = false;
    bool silent = false;
    bool table_headers = true;
    bool help = false;
    /// Given by -t; kNoTimeout stands for infinity.
    std::optional<Milliseconds> timeout;
    /// Options of single verbs by their long names without dashes ("if-empty"); flags have an empty value.
    std::map<std::string, std::string> given;
    /// Options that nobody knows or whose values are none, as (option, value).
    std::vector<std::pair<std::string, std::string>> invalid;
    /// Everything behind the program's name, but for --data-dir, as it was given.
    std::string command_line;

    bool has(const std::string& option) const { return given.contains(option); }

    /// True where the line that announces what is being done is left out.
    bool no_banner() const { return quiet || silent || formatter != Formatter::table; }
};

/// ErrorKind::invalid: what is wrong with the arguments.
[[nodiscard]] Result<CtlOptions> parse_ctl_options(int argc, const char* const* argv);

}  // namespace lvt::broker
