// The verbs of `leveret ctl`.
#pragma once

#include "broker/ctl/control_client.h"
#include "broker/ctl/ctl_options.h"

#include <boost/json/object.hpp>

#include <ostream>
#include <span>
#include <string>
#include <string_view>

namespace lvt::broker {

// rabbitmqctl's exit codes (sysexits.h).
inline constexpr int kExitUsage = 64;
inline constexpr int kExitData = 65;
inline constexpr int kExitUnavailable = 69;
inline constexpr int kExitSoftware = 70;
inline constexpr int kExitTimeout = 75;

/// What a verb works with. `client` is connected; `node` is the name of the node that answers.
struct VerbContext {
    const CtlOptions& options;
    ControlClient& client;
    std::string node;
    boost::json::object status;
    std::ostream& out;
    std::ostream& err;

    /// -t, or the verb's default; nothing = without end.
    std::optional<Milliseconds> timeout(Milliseconds fallback) const;
    /// Prints the line that says what is being done, unless it is unwanted.
    void banner(const std::string& line) const;
};

struct Verb {
    std::string_view name;
    /// Behind the name in a usage line.
    std::string_view usage;
    std::string_view help;
    std::size_t args_min = 0;
    std::size_t args_max = 0;
    /// Answers the exit code. Null: needs no node.
    int (*run)(VerbContext& context) = nullptr;
    /// Columns that may be asked for; the first `columns_shown` are shown unless others are.
    std::span<const std::string_view> columns = {};
    std::size_t columns_shown = 0;
};

[[nodiscard]] std::span<const Verb> verbs();
[[nodiscard]] const Verb* find_verb(std::string_view name);

// By kind; each runs one verb.
int run_listing(VerbContext& context);  // list_queues, list_connections, list_vhosts, list_users
int run_check(VerbContext& context);    // check_*, is_*, alarms, listeners, node_health_check
int run_stop(VerbContext& context);     // stop, shutdown

/// The columns that the command line asks for.
[[nodiscard]] std::vector<std::string> columns_of(const Verb& verb, const CtlOptions& options);

}  // namespace lvt::broker
