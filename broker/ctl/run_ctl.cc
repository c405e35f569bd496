#include "broker/ctl/run_ctl.h"

#include "broker/ctl/ctl_output.h"
#include "broker/ctl/verb.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

namespace lvt::broker {
namespace {

constexpr Milliseconds kRetryInterval{20};
constexpr Milliseconds kAwaitStartup{300'000};

void print_usage(std::ostream& out, const std::string& program) {
    out << "\nUsage\n\n"
        << program
        << " [--data-dir <dir>] [--node <node>] [--timeout <timeout>] [--quiet] [--silent] "
           "<command> [<command options>]\n\nAvailable commands:\n\n";
    for (const Verb& verb : verbs()) out << fmt::format("   {:<26}{}\n", verb.name, verb.help);
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
    std::ostream& err, const CtlOptions& options, const Verb& verb, const std::string& text) {
    err << "Error (argument validation): " << text << "\nArguments given:\n\t" << options.verb;
    for (const std::string& arg : options.args) err << ' ' << arg;
    err << '\n';
    print_usage_of(err, options.program, verb);
    return kExitUsage;
}

/// Empty: the arguments suit the verb.
std::string fault_in_arguments(const CtlOptions& options, const Verb& verb) {
    if (options.args.size() < verb.args_min) return "not enough arguments.";
    if (options.args.size() > verb.args_max) return "too many arguments.";
    if (verb.columns.empty()) return {};
    std::string unknown;
    for (const std::string& column : options.args)
        if (std::find(verb.columns.begin(), verb.columns.end(), column) == verb.columns.end())
            unknown.append(unknown.empty() ? "" : ", ").append(column);
    return unknown.empty() ? "" : fmt::format("Info key(s) {} are not supported", unknown);
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
        if (left.count() == 0) left = Milliseconds::max();
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
    const Milliseconds timeout = options.timeout.value_or(Milliseconds{60'000});
    auto status =
        client->ask("status", {}, timeout.count() == 0 ? std::nullopt : std::optional{timeout});
    if (status.has_error()) {
        err << "Error:\n" << status.error().message << '\n';
        return status.error().exit_code;
    }
    VerbContext context{options, *client, options.node, {}, out, err};
    if (boost::json::object* object = status->if_object()) context.status = std::move(*object);
    if (const boost::json::value* node = context.status.if_contains("node"))
        context.node = cell_text(*node);
    return verb.run(context);
}

/// rabbitmq-plugins: what RabbitMQ has as plugins is part of the broker here or not there.
int run_plugins(const CtlOptions& options, std::ostream& out) {
    if (!options.no_banner() && options.verb != "list")
        out << "There are no plugins to turn on or off: nothing has changed.\n";
    return 0;
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
        return run_plugins(options, out);
    const Verb* const verb = find_verb(options.verb);
    if (!verb) {
        err << fmt::format("\nCommand '{}' not found. \n", options.verb);
        print_usage(err, options.program);
        return kExitUsage;
    }
    const std::string fault = fault_in_arguments(options, *verb);
    if (!fault.empty()) return usage_error(err, options, *verb, fault);
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
