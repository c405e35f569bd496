#include "broker/ctl/run_ctl.h"

#include "broker/ctl/ctl_output.h"
#include "broker/ctl/verb.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <utility>

namespace lvt::broker {
namespace {

constexpr Milliseconds kRetryInterval{20};
constexpr Milliseconds kAwaitStartup{300'000};
constexpr Milliseconds kDefaultTimeout{60'000};

void print_usage(std::ostream& out, const std::string& program) {
    out << "\nUsage\n\n"
        << program
        << " [--data-dir <dir>] [--node <node>] [--timeout <timeout>] [--quiet] [--silent] "
           "<command> [<command options>]\n\nAvailable commands:\n\n";
    for (const Verb& verb : verbs()) out << fmt::format("   {:<38}{}\n", verb.name, verb.help);
    out << fmt::format(
        "\nUse '{} help <command>' to learn more about a specific command\n", program);
}

void print_usage_of(std::ostream& out, const std::string& program, const Verb& verb) {
    out << fmt::format(
        "\nUsage\n\n{} [--data-dir <dir>] [--node <node>] [--quiet] {}{}{} [--timeout <timeout>] "
        "[--formatter <table|json|csv>]\n",
        program,
        verb.name,
        verb.usage.empty() ? "" : " ",
        verb.usage);
    if (verb.columns.empty()) return;
    out << "\nColumns:\n\n";
    for (const std::string_view column : verb.columns) out << "   " << column << '\n';
}

int usage_error(
    std::ostream& err, const CtlOptions& options, const Verb& verb, const ArgumentFault& fault) {
    err << "Error (argument validation): " << fault.text << "\nArguments given:\n\t"
        << options.command_line << '\n';
    print_usage_of(err, options.program, verb);
    return fault.exit_code;
}

/// Options that are not this verb's, and values that are none.
std::optional<ArgumentFault> fault_in_options(const CtlOptions& options, const Verb& verb) {
    std::string invalid;
    for (const auto& [option, value] : options.invalid)
        invalid += fmt::format("\n{} : {}", option, value);
    for (const auto& [option, value] : options.given)
        if (std::find(verb.options.begin(), verb.options.end(), option) == verb.options.end())
            invalid += fmt::format("\n--{} : {}", option, value);
    if (invalid.empty()) return std::nullopt;
    return ArgumentFault{"Invalid options for this command:" + invalid};
}

std::optional<ArgumentFault> fault_in_columns(const CtlOptions& options, const Verb& verb) {
    std::vector<std::string> unknown;
    for (const std::string& column : split_columns(options.args))
        if (std::find(verb.columns.begin(), verb.columns.end(), column) == verb.columns.end())
            unknown.push_back(column);
    if (unknown.empty()) return std::nullopt;
    std::sort(unknown.begin(), unknown.end());
    return ArgumentFault{fmt::format("Info key(s) {} are not supported", fmt::join(unknown, ","))};
}

/// Nothing: the arguments suit the verb.
std::optional<ArgumentFault> fault_in_arguments(const CtlOptions& options, const Verb& verb) {
    if (const auto fault = fault_in_options(options, verb)) return fault;
    if (options.args.size() < verb.args_min) return ArgumentFault{"not enough arguments."};
    if (options.args.size() > verb.args_max) return ArgumentFault{"too many arguments."};
    const bool names_columns = !verb.columns.empty() && verb.args_min == 0;
    if (names_columns) return fault_in_columns(options, verb);
    return verb.check ? verb.check(options) : std::nullopt;
}

/// As Elixir's Jaro distance finds what was meant: here, the fewest letters to change.
std::size_t edits(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row.back();
}

int unknown_verb(std::ostream& err, const CtlOptions& options) {
    err << fmt::format("\nCommand '{}' not found. \n", options.verb);
    const Verb* nearest = nullptr;
    std::size_t fewest = options.verb.size() / 3 + 1;
    for (const Verb& verb : verbs()) {
        const std::size_t distance = edits(options.verb, verb.name);
        if (distance >= fewest) continue;
        nearest = &verb;
        fewest = distance;
    }
    if (nearest)
        err << fmt::format("Did you mean '{}'? \n\n", nearest->name);
    else
        print_usage(err, options.program);
    return kExitUsage;
}

int app_is(std::string_view state, std::ostream& err, const CtlOptions& options, const Verb& verb) {
    const bool running = state == "running";
    err << fmt::format(
        "Error: this command requires the 'rabbit' app to be {} on the target node. {} it with "
        "'rabbitmqctl {}_app'.\nArguments given:\n\t{}\n",
        running ? "stopped" : "running",
        running ? "Stop" : "Start",
        running ? "stop" : "start",
        options.command_line);
    print_usage_of(err, options.program, verb);
    return kExitUsage;
}

int no_node(std::ostream& err, const CtlOptions& options, const Error& error) {
    if (options.verb == "ping") {
        err << fmt::format(
            "Error:\nFailed to connect and authenticate to {} ({})\n", options.node, error.message);
        return kExitUnavailable;
    }
    err << fmt::format(
        "Error: unable to perform an operation on node '{}'. Please see diagnostics information "
        "and suggestions below.\n\n"
        " * no broker answers: {}\n"
        " * start it, or say where its data is: --data-dir, LEVERET_DATA_DIR or "
        "RABBITMQ_MNESIA_BASE\n"
        " * only root and the broker's own user may ask it\n",
        options.node,
        error.message);
    return kExitUnavailable;
}

/// await_startup gives the broker time to appear; everything else wants it there.
Result<ControlClient> connect(const CtlOptions& options) {
    Milliseconds left{0};
    if (options.verb == "await_startup") {
        left = options.timeout.value_or(kAwaitStartup);
    }
    for (;;) {
        Result<ControlClient> client = ControlClient::connect(options.data_dir);
        if (client.has_value() || client.error().kind != ErrorKind::not_found || left.count() <= 0)
            return client;
        ::poll(nullptr, 0, static_cast<int>(kRetryInterval.count()));
        left -= kRetryInterval;
    }
}

int run_on_node(const CtlOptions& options, const Verb& verb, std::ostream& out, std::ostream& err) {
    Result<ControlClient> client = connect(options);
    if (client.has_error()) return no_node(err, options, client.error());
    VerbContext context{options, *client, options.node, {}, out, err};
    auto status = client->ask("status", {}, context.timeout(kDefaultTimeout));
    if (status.has_error()) return complain(context, status.error());
    if (boost::json::object* object = status->if_object()) context.status = std::move(*object);
    if (const boost::json::value* node = context.status.if_contains("node"))
        context.node = cell_text(*node);
    const boost::json::value* const app = context.status.if_contains("app_running");
    const bool stopped = app && app->is_bool() && !app->get_bool();
    if (stopped && !verb.without_app) return app_is("stopped", err, options, verb);
    if (!stopped && verb.wants_app_stopped) return app_is("running", err, options, verb);
    return verb.run(context);
}

/// rabbitmq-plugins: what RabbitMQ has as plugins is part of the broker here or not there. Scripts that turn some on or off go on.
int run_plugins(const CtlOptions& options, std::ostream& out, std::ostream& err) {
    const bool json = options.formatter == Formatter::json;
    const std::string named = fmt::format("{}", fmt::join(options.args, "\n"));
    if (options.verb == "list") {
        if (json)
            out << "{\"format\":\"normal\",\"plugins\":[]}\n";
        else if (!options.no_banner())
            out << fmt::format(
                "Listing plugins with pattern \"{}\" ...\n",
                options.args.empty() ? ".*" : options.args.front());
        return 0;
    }
    if (options.verb == "enable" || options.verb == "disable") {
        if (options.no_banner()) return 0;
        out << fmt::format(
            "{} plugins on node {}:\n{}\n\nnothing to do.\n",
            options.verb == "enable" ? "Enabling" : "Disabling",
            options.node,
            named);
        return 0;
    }
    if (options.verb == "set") {
        if (!options.no_banner()) out << "nothing to do.\n";
        return 0;
    }
    if (options.verb == "is_enabled") {
        err << fmt::format(
            "Error:\nPlugin {} is not enabled on node {}. Enabled plugins and dependencies: \n",
            named,
            options.node);
        return kExitUnavailable;
    }
    err << fmt::format("\nCommand '{}' not found. \n", options.verb);
    return kExitUsage;
}

}  // namespace

bool acts_as_ctl(const char* argv0) {
    const std::string name = std::filesystem::path{argv0}.filename().string();
    return name == "rabbitmqctl" || name == "rabbitmq-diagnostics" || name == "rabbitmq-plugins" ||
           name == "rabbitmq-queues";
}

int run_ctl(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
    const Result<CtlOptions> parsed = parse_ctl_options(argc, argv);
    if (parsed.has_error()) {
        err << "Error (argument validation): " << parsed.error().message << '\n';
        return kExitUsage;
    }
    const CtlOptions& options = *parsed;
    if (options.verb.empty() && options.help) {
        print_usage(out, options.program);
        return 0;
    }
    if (options.verb.empty()) {
        print_usage(err, options.program);
        return kExitUsage;
    }
    if (options.program == "rabbitmq-plugins" && options.verb != "help")
        return run_plugins(options, out, err);
    const Verb* const verb = find_verb(options.verb);
    if (!verb) return unknown_verb(err, options);
    const auto fault = options.help ? std::nullopt : fault_in_arguments(options, *verb);
    if (fault) return usage_error(err, options, *verb, *fault);
    if (verb->name == "help" || options.help) {
        const Verb* const asked = options.help           ? verb
                                  : options.args.empty() ? nullptr
                                                         : find_verb(options.args.front());
        if (asked)
            print_usage_of(out, options.program, *asked);
        else
            print_usage(out, options.program);
        return 0;
    }
    if (verb->name == "version") {
        print_message(out, LEVERET_VERSION, options);
        return 0;
    }
    return run_on_node(options, *verb, out, err);
}

int run_ctl(int argc, const char* const* argv) {
    const int code = run_ctl(argc, argv, std::cout, std::cerr);
    std::cout.flush();
    return code;
}

}  // namespace lvt::broker
