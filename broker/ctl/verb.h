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

/// Why a verb's arguments are refused.
struct ArgumentFault {
    std::string text;
    int exit_code = kExitUsage;
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
    /// Of CtlOptions::given.
    std::span<const std::string_view> options = {};
    /// What the number of arguments does not tell. Null: nothing.
    std::optional<ArgumentFault> (*check)(const CtlOptions& options) = nullptr;
    /// It also works after stop_app.
    bool without_app = false;
    /// It works only then.
    bool wants_app_stopped = false;
};

[[nodiscard]] std::span<const Verb> verbs();
// Its parts.
[[nodiscard]] std::span<const Verb> list_verbs();
[[nodiscard]] std::span<const Verb> operate_verbs();
[[nodiscard]] std::span<const Verb> admin_verbs();
[[nodiscard]] std::span<const Verb> cluster_verbs();
[[nodiscard]] const Verb* find_verb(std::string_view name);

// By kind; each runs one verb.
int run_listing(VerbContext& context);  // list_...
int run_check(VerbContext& context);    // check_*, is_*, alarms, listeners, node_health_check
int run_stop(VerbContext& context);     // stop, shutdown

/// The columns that the command line asks for.
[[nodiscard]] std::vector<std::string> columns_of(const Verb& verb, const CtlOptions& options);
/// "name,messages" is two columns.
[[nodiscard]] std::vector<std::string> split_columns(const std::vector<std::string>& args);

/// Says on `err` what went wrong. Answers the exit code.
int complain(VerbContext& context, const ControlFailure& failure);
/// The verb is done and has nothing to say: "result": "ok" where JSON is wanted.
int finish(VerbContext& context);

}  // namespace lvt::broker
