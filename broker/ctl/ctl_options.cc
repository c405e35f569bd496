#include "broker/ctl/ctl_options.h"

#include "broker/config/config.h"
#include "broker/config/data_dir.h"
#include "broker/config/environment.h"

#include <CLI/CLI.hpp>

#include <charconv>
#include <cmath>

namespace lvt::broker {
namespace {

bool is_integer(const std::string& text) {
    int number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

std::string program_name(const char* argv0) {
    const std::string name = std::filesystem::path{argv0}.filename().string();
    return name.starts_with("rabbitmq") ? name : "leveret ctl";
}

/// Options that one verb or another has; Verb::options says which.
struct VerbOption {
    const char* flags;
    const char* name;
    bool takes_value;
};
constexpr VerbOption kVerbOptions[] = {
    {"--online", "online", false},
    {"--offline", "offline", false},
    {"--local", "local", false},
    {"--disc", "disc", false},
    {"--ram", "ram", false},
    {"-e,--if-empty", "if-empty", false},
    {"-u,--if-unused", "if-unused", false},
    {"--global", "global", false},
    {"--user", "user", true},
    {"--priority", "priority", true},
    {"--apply-to", "apply-to", true},
    {"--description", "description", true},
    {"--tags", "tags", true},
    {"--default-queue-type", "default-queue-type", true},
    {"--pre-hashed-password", "pre-hashed-password", false},
    {"--format", "format", true},
    {"--skip-if-unchanged", "skip-if-unchanged", false},
    {"--per-connection-delay", "per-connection-delay", true},
    {"--limit", "limit", true},
    {"--within", "within", true},
    {"--unit", "unit", true},
};

std::optional<Milliseconds> timeout_of(const std::string& text) {
    if (text == "infinity") return kNoTimeout;
    char* end = nullptr;
    const double seconds = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !std::isfinite(seconds) || seconds < 0 || seconds > 1e6)
        return std::nullopt;
    return Milliseconds{std::llround(seconds * 1000)};
}

std::string command_line_of(int argc, const char* const* argv) {
    std::string out;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word.starts_with("--data-dir=")) continue;
        if (word == "--data-dir") {
            ++i;
            continue;
        }
        out.append(out.empty() ? "" : " ").append(word);
    }
    return out;
}

/// CLI11 would take "[a-z]" for a list and skip what is empty: such words get this in front while it reads them.
constexpr char kMask = '\1';

std::vector<std::string> masked_words(int argc, const char* const* argv) {
    std::vector<std::string> out(argv, argv + argc);
    for (std::string& word : out)
        if (word.empty() || word.front() == '[') word.insert(word.begin(), kMask);
    return out;
}

Result<void> parse_masked(CLI::App& app, int argc, const char* const* argv) {
    const std::vector<std::string> masked = masked_words(argc, argv);
    std::vector<const char*> pointers;
    for (const std::string& word : masked) pointers.push_back(word.c_str());
    try {
        app.parse(argc, pointers.data());
    } catch (const CLI::ParseError& error) {
        return Error{ErrorKind::invalid, error.what()};
    }
    return {};
}

void unmask(std::string& word) {
    if (word.starts_with(kMask)) word.erase(0, 1);
}

/// What CLI11 has left over: options that nobody knows.
std::vector<std::pair<std::string, std::string>> unknown_options(const CLI::App& app) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const std::string& word : app.remaining()) {
        const std::size_t equals = word.find('=');
        out.emplace_back(
            word.substr(0, equals), equals == std::string::npos ? "" : word.substr(equals + 1));
    }
    return out;
}

Result<Formatter> formatter_of(const std::string& name) {
    if (name == "table" || name == "pretty_table" || name == "string") return Formatter::table;
    if (name == "json" || name == "json_stream") return Formatter::json;
    if (name == "csv") return Formatter::csv;
    return Error{ErrorKind::invalid, "--formatter takes table, json or csv"};
}

}  // namespace

Result<CtlOptions> parse_ctl_options(int argc, const char* const* argv) {
    CtlOptions options;
    std::string data_dir, node, timeout, formatter = "table", ignored;
    std::vector<std::string> words;
    bool flag = false;
    bool no_headers = false;

    CLI::App app;
    app.set_help_flag();
    app.add_flag("-?,-h,--help", options.help);
    app.add_option("--data-dir", data_dir);
    app.add_option("-n,--node", node);
    app.add_option("-t,--timeout", timeout);
    app.add_option("-p,--vhost", options.vhost);
    app.add_option("--formatter", formatter);
    app.add_flag("-q,--quiet", options.quiet);
    app.add_flag("-s,--silent", options.silent);
    app.add_flag("--no-table-headers", no_headers);
    app.add_flag("-l,--longnames", flag);
    std::map<std::string, std::string> values;
    std::map<std::string, bool> flags;
    for (const VerbOption& option : kVerbOptions) {
        if (option.takes_value)
            app.add_option(option.flags, values[option.name]);
        else
            app.add_flag(option.flags, flags[option.name]);
    }
    app.add_flag("--dry-run", flag);
    app.add_option("--erlang-cookie", ignored);
    app.add_option("--script-name", ignored);
    app.add_option("words", words);
    app.allow_extras();
    LVT_TRY(parse_masked(app, argc, argv));
    for (std::string& word : words) unmask(word);
    for (auto& [name, value] : values) unmask(value);

    options.program = program_name(argv[0]);
    options.command_line = command_line_of(argc, argv);
    options.invalid = unknown_options(app);
    for (const auto& [name, value] : values)
        if (app.count("--" + name) > 0) options.given[name] = value;
    for (const auto& [name, on] : flags)
        if (on) options.given[name];
    if (options.has("priority") && !is_integer(options.given["priority"]))
        options.invalid.emplace_back("--priority", options.given["priority"]);
    if (!words.empty()) {
        options.verb = words.front();
        options.args.assign(words.begin() + 1, words.end());
    }
    options.table_headers = !no_headers && !options.silent;
    Result<Formatter> chosen = formatter_of(formatter);
    if (chosen.has_error()) return std::move(chosen).error();
    options.formatter = *chosen;
    if (!timeout.empty()) {
        options.timeout = timeout_of(timeout);
        if (!options.timeout) options.invalid.emplace_back("-t", timeout);
    }
    const auto environment = process_environment();
    if (data_dir.empty())
        options.data_dir = default_data_dir(environment);
    else
        options.data_dir = data_dir;
    const ConfigSources process;
    if (node.empty()) {
        const auto named = environment.find("RABBITMQ_NODENAME");
        node = named == environment.end() || named->second.empty() ? "rabbit" : named->second;
    }
    options.node = complete_node_name(node, process.machine.host_name);
    return options;
}

}  // namespace lvt::broker
