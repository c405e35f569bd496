// The executable `leveret`: parses argv and hands over.
#include "broker/app/hidden_arguments.h"
#include "broker/app/serve.h"
#include "broker/ctl/run_ctl.h"
#include "broker/load/bench.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <malloc.h>

#include <cstdio>
#include <string_view>

namespace {

constexpr int kUsageExitCode = 64;

/// Blocks of memory from this size on have a mapping each.
constexpr int kMappedFrom = 4 * 1024 * 1024;
/// What is free at an arena's end stays up to this size: it is used again at once where much passes through. ResourceWatch gives it back.
constexpr int kTrimmedFrom = 8 * 1024 * 1024;

struct Arguments {
    std::string file;
    std::string data_dir;
    bool ephemeral = false;
    std::vector<std::string> set;
    std::string formatter = "table";
};

void add_config_options(CLI::App& command, Arguments& arguments) {
    command.add_option("--config", arguments.file, "configuration file in rabbitmq.conf's syntax");
    command.add_option("--data-dir", arguments.data_dir, "where everything durable is kept");
    command
        .add_option("--set", arguments.set, "KEY=VALUE as in the configuration file; repeatable")
        ->allow_extra_args(false);
}

/// Empty where a --set is not KEY=VALUE.
std::optional<lvt::broker::ConfigArguments> config_arguments(const Arguments& arguments) {
    lvt::broker::ConfigArguments result;
    if (!arguments.file.empty()) result.file = arguments.file;
    if (!arguments.data_dir.empty()) result.data_dir = arguments.data_dir;
    result.ephemeral = arguments.ephemeral;
    for (const std::string& one : arguments.set) {
        const std::size_t equals = one.find('=');
        if (equals == std::string::npos || equals == 0) {
            fmt::print(stderr, "leveret: --set wants KEY=VALUE, not '{}'\n", one);
            return std::nullopt;
        }
        result.set.emplace_back(one.substr(0, equals), one.substr(equals + 1));
    }
    return result;
}

int print_config(const Arguments& arguments) {
    const auto sources = config_arguments(arguments);
    if (!sources) return lvt::broker::kConfigExitCode;
    const auto config = lvt::broker::load_process_config(*sources);
    if (config.has_error()) {
        fmt::print(stderr, "leveret: {}\n", config.error().message);
        return lvt::broker::kConfigExitCode;
    }
    for (const std::string& line : config->warnings) fmt::print(stderr, "leveret: {}\n", line);
    fmt::print("{}", lvt::broker::format_settings(*config, arguments.formatter == "json"));
    return 0;
}

int run(int argc, char** argv) {
    if (lvt::broker::acts_as_ctl(argv[0])) return lvt::broker::run_ctl(argc, argv);
    // These have command lines of their own.
    const std::string_view verb = argc > 1 ? argv[1] : "";
    if (verb == "ctl") return lvt::broker::run_ctl(argc - 1, argv + 1);
    if (verb == "bench") return lvt::broker::run_bench(argc - 1, argv + 1);

    CLI::App app{"Leveret, an AMQP 0-9-1 broker", "leveret"};
    app.set_version_flag("--version", "leveret " LEVERET_VERSION);
    app.require_subcommand(1);
    Arguments arguments;
    CLI::App* const serve = app.add_subcommand("serve", "run a broker in the foreground");
    add_config_options(*serve, arguments);
    serve->add_flag(
        "--ephemeral",
        arguments.ephemeral,
        "in memory, on loopback and a free port; standard output says which");
    CLI::App* const config = app.add_subcommand("config", "print the effective configuration");
    add_config_options(*config, arguments);
    config->add_option("--formatter", arguments.formatter, "table or json")
        ->check(CLI::IsMember({"table", "json"}));
    app.add_subcommand("ctl", "ask or command a running broker; see leveret ctl --help");
    app.add_subcommand("bench", "load an AMQP broker and measure; see leveret bench --help");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kUsageExitCode;
    }
    if (config->parsed()) return print_config(arguments);
    const auto sources = config_arguments(arguments);
    // Large blocks of memory (bodies, pages, buffers of a burst) go back to the system when they are freed, however many there were before.
    ::mallopt(M_MMAP_THRESHOLD, kMappedFrom);
    ::mallopt(M_TRIM_THRESHOLD, kTrimmedFrom);
    return sources ? lvt::broker::run_serve(*sources) : lvt::broker::kConfigExitCode;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        lvt::broker::HiddenArguments arguments(argc, argv);
        return run(arguments.argc(), arguments.argv());
    } catch (const std::exception& failure) {
        fmt::print(stderr, "leveret: {}\n", failure.what());
        return 1;
    }
}
