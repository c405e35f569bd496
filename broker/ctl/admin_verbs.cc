// Verbs about users, virtual hosts, permissions, policies, limits and definitions.
#include "broker/ctl/ctl_output.h"
#include "broker/ctl/verb.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace lvt::broker {
namespace {

namespace json = boost::json;

constexpr std::size_t kAnyNumber = 1000;
constexpr Milliseconds kDefaultTimeout{60'000};
constexpr const char* kUserAdded =
    "Done. Don't forget to grant the user permissions to some virtual hosts! See 'rabbitmqctl help "
    "set_permissions' to learn more.";

int fail(VerbContext& context, const ControlFailure& failure) {
    // Of a virtual host that is missing rabbitmqctl speaks without a heading.
    if (!failure.message.starts_with("Virtual host '")) return complain(context, failure);
    context.err << failure.message << '\n';
    return failure.exit_code;
}

boost::system::result<json::value, ControlFailure> ask(
    VerbContext& context, const std::vector<std::string>& words) {
    json::array args;
    for (const std::string& word : words) args.push_back(json::value(word));
    json::object given;
    for (const auto& [name, value] : context.options.given) given[name] = value;
    return context.client.ask(
        context.options.verb,
        {{"vhost", context.options.vhost}, {"args", std::move(args)}, {"given", std::move(given)}},
        context.timeout(kDefaultTimeout));
}

std::string given(const CtlOptions& options, const char* name, const char* fallback) {
    const auto found = options.given.find(name);
    return found == options.given.end() ? fallback : found->second;
}

std::string word(const CtlOptions& options, std::size_t index) {
    return index < options.args.size() ? options.args[index] : std::string();
}

std::string words_from(const CtlOptions& options, std::size_t from) {
    std::string out;
    for (std::size_t i = from; i < options.args.size(); ++i)
        out.append(out.empty() ? "" : ", ").append(options.args[i]);
    return out;
}

/// The line that says what is being done.
std::string banner_of_users(const CtlOptions& options) {
    const std::string& verb = options.verb;
    const std::string name = word(options, 0);
    if (verb == "add_user") return fmt::format("Adding user \"{}\" ...", name);
    if (verb == "delete_user") return fmt::format("Deleting user \"{}\" ...", name);
    if (verb == "change_password")
        return fmt::format("Changing password for user \"{}\" ...", name);
    if (verb == "clear_password") return fmt::format("Clearing password for user \"{}\" ...", name);
    if (verb == "authenticate_user") return fmt::format("Authenticating user \"{}\" ...", name);
    if (verb == "set_user_tags")
        return fmt::format(
            "Setting tags for user \"{}\" to [{}] ...", name, words_from(options, 1));
    if (verb == "add_vhost") return fmt::format("Adding vhost \"{}\" ...", name);
    if (verb == "delete_vhost") return fmt::format("Deleting vhost \"{}\" ...", name);
    if (verb == "update_vhost_metadata")
        return fmt::format("Updating metadata of vhost \"{}\" ...", name);
    return {};
}

std::string banner_of_permissions(const CtlOptions& options) {
    const std::string& verb = options.verb;
    const std::string name = word(options, 0);
    const std::string& vhost = options.vhost;
    if (verb == "set_permissions")
        return fmt::format("Setting permissions for user \"{}\" in vhost \"{}\" ...", name, vhost);
    if (verb == "clear_permissions")
        return fmt::format("Clearing permissions for user \"{}\" in vhost \"{}\" ...", name, vhost);
    if (verb == "set_topic_permissions")
        return fmt::format(
            "Setting topic permissions on \"{}\" for user \"{}\" in vhost \"{}\" ...",
            word(options, 1),
            name,
            vhost);
    if (verb == "clear_topic_permissions" && options.args.size() > 1)
        return fmt::format(
            "Clearing topic permissions on \"{}\" for user \"{}\" in vhost \"{}\" ...",
            word(options, 1),
            name,
            vhost);
    if (verb == "clear_topic_permissions")
        return fmt::format(
            "Clearing topic permissions for user \"{}\" in vhost \"{}\" ...", name, vhost);
    if (verb == "list_permissions")
        return fmt::format("Listing permissions for vhost \"{}\" ...", vhost);
    if (verb == "list_user_permissions")
        return fmt::format("Listing permissions for user \"{}\" ...", name);
    if (verb == "list_topic_permissions")
        return fmt::format("Listing topic permissions for vhost \"{}\" ...", vhost);
    if (verb == "list_user_topic_permissions")
        return fmt::format("Listing topic permissions for user \"{}\" ...", name);
    return {};
}

std::string banner_of_policies(const CtlOptions& options) {
    const std::string& verb = options.verb;
    const std::string& vhost = options.vhost;
    const bool of_operator = verb.find("operator") != std::string::npos;
    const char* const what = of_operator ? "operator policy override" : "policy";
    if (verb.starts_with("set_") && verb.ends_with("policy"))
        return fmt::format(
            "Setting {} \"{}\" for pattern \"{}\" to \"{}\" with priority \"{}\" for vhost \"{}\" "
            "...",
            what,
            word(options, 0),
            word(options, 1),
            word(options, 2),
            given(options, "priority", "0"),
            vhost);
    if (verb == "clear_policy" || verb == "clear_operator_policy")
        return fmt::format(
            "Clearing {} \"{}\" on vhost \"{}\" ...",
            of_operator ? "operator policy" : "policy",
            word(options, 0),
            vhost);
    if (verb == "list_policies" || verb == "list_operator_policies")
        return fmt::format(
            "Listing {} for vhost \"{}\" ...",
            of_operator ? "operator policy overrides" : "policies",
            vhost);
    return {};
}

std::string banner_of_limits(const CtlOptions& options) {
    const std::string& verb = options.verb;
    const bool global = options.has("global");
    if (verb == "set_vhost_limits")
        return fmt::format(
            "Setting vhost limits to \"{}\" for vhost \"{}\" ...", word(options, 0), options.vhost);
    if (verb == "clear_vhost_limits")
        return fmt::format("Clearing vhost \"{}\" limits ...", options.vhost);
    if (verb == "list_vhost_limits")
        return global ? "Listing limits for all vhosts ..."
                      : fmt::format("Listing limits for vhost \"{}\" ...", options.vhost);
    if (verb == "set_user_limits")
        return fmt::format(
            "Setting user limits to \"{}\" for user \"{}\" ...",
            word(options, 1),
            word(options, 0));
    if (verb == "clear_user_limits" && word(options, 1) == "all")
        return fmt::format("Clearing all limits for user \"{}\" ...", word(options, 0));
    if (verb == "clear_user_limits")
        return fmt::format(
            "Clearing \"{}\" limit for user \"{}\" ...", word(options, 1), word(options, 0));
    return global
               ? "Listing limits for all users ..."
               : fmt::format("Listing limits for user \"{}\" ...", given(options, "user", "guest"));
}

void announce(VerbContext& context) {
    for (const auto banner_of :
         {banner_of_users, banner_of_permissions, banner_of_policies, banner_of_limits}) {
        const std::string banner = banner_of(context.options);
        if (!banner.empty()) return context.banner(banner);
    }
}

int run_change(VerbContext& context) {
    announce(context);
    const auto answer = ask(context, context.options.args);
    return answer.has_error() ? fail(context, answer.error()) : finish(context);
}

/// The password may come by the standard input, where others do not see it.
int run_with_password(VerbContext& context) {
    announce(context);
    std::vector<std::string> words = context.options.args;
    if (words.size() == 1) {
        if (!context.options.no_banner()) context.out << "Password: " << std::endl;
        std::getline(std::cin, words.emplace_back());
    }
    const auto answer = ask(context, words);
    if (answer.has_error()) return fail(context, answer.error());
    const bool as_json = context.options.formatter == Formatter::json;
    if (context.options.verb == "authenticate_user") {
        print_message(context.out, "Success", context.options);
    } else if (context.options.verb != "add_user") {
        return finish(context);
    } else if (as_json) {
        context.out << json::serialize(json::object{
                           {"message", kUserAdded}, {"node", context.node}, {"status", "ok"}})
                    << '\n';
    } else if (!context.options.silent && !context.options.quiet) {
        context.out << kUserAdded << '\n';
    }
    return 0;
}

int run_list(VerbContext& context) {
    announce(context);
    const auto answer = ask(context, context.options.args);
    if (answer.has_error()) return fail(context, answer.error());
    const json::array* const rows = answer->if_array();
    if (!rows) return complain(context, {"the broker's answer is not understood", kExitSoftware});
    const Verb& verb = *find_verb(context.options.verb);
    CtlOptions options = context.options;
    // An oddity of rabbitmqctl.
    if (verb.name == "list_user_topic_permissions") options.table_headers = false;
    print_rows(context.out, *rows, {verb.columns.begin(), verb.columns.end()}, options);
    return 0;
}

int run_list_limits(VerbContext& context) {
    const CtlOptions& options = context.options;
    const bool of_user = options.verb == "list_user_limits";
    if (options.has("global")) return run_list(context);
    announce(context);
    const auto answer = ask(context, {});
    if (answer.has_error()) return fail(context, answer.error());
    const std::string limits = cell_text(*answer);
    if (of_user || options.formatter != Formatter::json) {
        print_message(context.out, limits, options);
    } else if (limits.empty()) {
        context.out << "[]\n";
    } else {
        context.out << json::serialize(json::object{
                           {"node", context.node}, {"result", "ok"}, {"value", limits}})
                    << '\n';
    }
    return 0;
}

int run_export(VerbContext& context) {
    const std::string path = word(context.options, 0);
    if (path != "-")
        context.banner(fmt::format("Exporting definitions in JSON to a file at \"{}\" ...", path));
    const auto answer = ask(context, {});
    if (answer.has_error()) return fail(context, answer.error());
    const std::string text = json::serialize(*answer);
    if (path == "-") {
        if (context.options.formatter == Formatter::json)
            print_message(context.out, text, context.options);
        else
            context.out << text;
        return 0;
    }
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (file) return 0;
    return complain(context, {fmt::format("cannot write {}", path), kExitSoftware});
}

int run_import(VerbContext& context) {
    const std::string path = context.options.args.empty() ? "-" : word(context.options, 0);
    std::stringstream text;
    if (path == "-") {
        context.banner("Importing definitions in JSON from standard input ...");
        text << std::cin.rdbuf();
    } else {
        context.banner(
            fmt::format("Importing definitions in JSON from a file at \"{}\" ...", path));
        const std::ifstream file(path, std::ios::binary);
        text << file.rdbuf();
        if (!file) return complain(context, {fmt::format("cannot read {}", path), kExitData});
    }
    const auto answer = ask(context, {text.str()});
    if (answer.has_error()) return fail(context, answer.error());
    context.banner(
        "Successfully started definition import. This process is asynchronous and can take some "
        "time.");
    return finish(context);
}

std::optional<ArgumentFault> check_import(const CtlOptions& options) {
    if (options.args.empty() || options.args.front() == "-") return std::nullopt;
    std::error_code error;
    if (std::filesystem::exists(options.args.front(), error)) return std::nullopt;
    return ArgumentFault{
        fmt::format("Bad argument: File {} does not exist", options.args.front()), kExitData};
}

std::optional<ArgumentFault> check_export(const CtlOptions& options) {
    const std::filesystem::path directory =
        std::filesystem::path(options.args.front()).parent_path();
    std::error_code error;
    if (directory.empty() || std::filesystem::is_directory(directory, error)) return std::nullopt;
    return ArgumentFault{
        fmt::format("Bad argument: Directory {} does not exist", directory.string()), kExitData};
}

constexpr std::string_view kPolicyOptions[] = {"priority", "apply-to"};
constexpr std::string_view kVhostOptions[] = {"description", "tags", "default-queue-type"};
constexpr std::string_view kPasswordOptions[] = {"pre-hashed-password"};
constexpr std::string_view kGlobalOption[] = {"global"};
constexpr std::string_view kUserLimitsOptions[] = {"global", "user"};
constexpr std::string_view kImportOptions[] = {"format", "skip-if-unchanged"};
constexpr std::string_view kExportOptions[] = {"format"};

constexpr std::string_view kPolicyColumns[] = {
    "vhost", "name", "pattern", "apply-to", "definition", "priority"};
constexpr std::string_view kPermissionColumns[] = {"user", "configure", "write", "read"};
constexpr std::string_view kUserPermissionColumns[] = {"vhost", "configure", "write", "read"};
constexpr std::string_view kTopicColumns[] = {"user", "exchange", "write", "read"};
constexpr std::string_view kUserTopicColumns[] = {"vhost", "exchange", "write", "read"};
constexpr std::string_view kVhostLimitColumns[] = {"vhost", "limits"};
constexpr std::string_view kUserLimitColumns[] = {"user", "limits"};

constexpr Verb change(
    std::string_view name, std::string_view usage, std::string_view help, std::size_t args_min,
    std::size_t args_max, std::span<const std::string_view> options = {}) {
    return {
        .name = name,
        .usage = usage,
        .help = help,
        .args_min = args_min,
        .args_max = args_max,
        .run = run_change,
        .options = options};
}

constexpr Verb listing(
    std::string_view name, std::string_view usage, std::string_view help, std::size_t args,
    std::span<const std::string_view> columns) {
    return {
        .name = name,
        .usage = usage,
        .help = help,
        .args_min = args,
        .args_max = args,
        .run = run_list,
        .columns = columns,
        .columns_shown = columns.size()};
}

constexpr std::string_view kPolicyUsage =
    "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> "
    "<definition>";

constexpr Verb kAdminVerbs[] = {
    {.name = "add_user",
     .usage = "<username> <password>",
     .help = "Creates a new user in the internal database",
     .args_min = 1,
     .args_max = 2,
     .run = run_with_password,
     .options = kPasswordOptions},
    {.name = "change_password",
     .usage = "<username> <password>",
     .help = "Changes the user password",
     .args_min = 1,
     .args_max = 2,
     .run = run_with_password,
     .options = kPasswordOptions},
    {.name = "authenticate_user",
     .usage = "<username> <password>",
     .help = "Attempts to authenticate a user. Exits with a non-zero code if it fails",
     .args_min = 1,
     .args_max = 2,
     .run = run_with_password},
    change("clear_password", "<username>", "Clears (resets) password of a user", 1, 1),
    change("delete_user", "<username>", "Removes a user from the internal database", 1, 1),
    change("set_user_tags", "<username> <tag> [...]", "Sets user tags", 1, kAnyNumber),
    change(
        "add_vhost",
        "<vhost> [--description <description>] [--tags \"<tag1>,<tag2>,<...>\"] "
        "[--default-queue-type <quorum|classic|stream>]",
        "Creates a virtual host", 1, 1, kVhostOptions),
    change(
        "update_vhost_metadata",
        "<vhost> [--description <description>] [--tags \"<tag1>,<tag2>,<...>\"] "
        "[--default-queue-type <quorum|classic|stream>]",
        "Updates metadata of a virtual host", 1, 1, kVhostOptions),
    change("delete_vhost", "<vhost>", "Deletes a virtual host", 1, 1),
    change(
        "set_permissions", "[--vhost <vhost>] <username> <conf> <write> <read>",
        "Sets user permissions for a vhost", 4, 4),
    change(
        "clear_permissions", "[--vhost <vhost>] <username>", "Revokes user permissions for a vhost",
        1, 1),
    change(
        "set_topic_permissions", "[--vhost <vhost>] <username> <exchange> <write> <read>",
        "Sets user topic permissions for an exchange", 4, 4),
    change(
        "clear_topic_permissions", "[--vhost <vhost>] <username> [<exchange>]",
        "Clears user topic permissions for a vhost or exchange", 1, 2),
    listing(
        "list_permissions", "[--vhost <vhost>] [--no-table-headers]",
        "Lists user permissions in a virtual host", 0, kPermissionColumns),
    listing(
        "list_user_permissions", "[--no-table-headers] <username>",
        "Lists permissions of a user across all virtual hosts", 1, kUserPermissionColumns),
    listing(
        "list_topic_permissions", "[--vhost <vhost>] [--no-table-headers]",
        "Lists topic permissions in a virtual host", 0, kTopicColumns),
    listing(
        "list_user_topic_permissions", "[--no-table-headers] <username>",
        "Lists user topic permissions", 1, kUserTopicColumns),
    change("set_policy", kPolicyUsage, "Sets or updates a policy", 3, 3, kPolicyOptions),
    change("clear_policy", "[--vhost <vhost>] <name>", "Clears (removes) a policy", 1, 1),
    listing(
        "list_policies", "[--vhost <vhost>] [--no-table-headers]",
        "Lists all policies in a virtual host", 0, kPolicyColumns),
    change(
        "set_operator_policy", kPolicyUsage,
        "Sets an operator policy that overrides a subset of arguments in user policies", 3, 3,
        kPolicyOptions),
    change("clear_operator_policy", "[--vhost <vhost>] <name>", "Clears an operator policy", 1, 1),
    listing(
        "list_operator_policies", "[--vhost <vhost>] [--no-table-headers]",
        "Lists operator policy overrides for a virtual host", 0, kPolicyColumns),
    change("set_vhost_limits", "[--vhost <vhost>] <definition>", "Sets virtual host limits", 1, 1),
    change("clear_vhost_limits", "[--vhost <vhost>]", "Clears virtual host limits", 0, 0),
    {.name = "list_vhost_limits",
     .usage = "[--vhost <vhost>] [--global] [--no-table-headers]",
     .help = "Displays configured virtual host limits",
     .run = run_list_limits,
     .columns = kVhostLimitColumns,
     .columns_shown = 2,
     .options = kGlobalOption},
    change("set_user_limits", "<username> <definition>", "Sets user limits", 2, 2),
    change(
        "clear_user_limits", "<username> <limit_type> | all",
        "Clears user connection/channel limits", 2, 2),
    {.name = "list_user_limits",
     .usage = "[--user <username>] [--global]",
     .help = "Displays configured user limits",
     .run = run_list_limits,
     .columns = kUserLimitColumns,
     .columns_shown = 2,
     .options = kUserLimitsOptions},
    {.name = "export_definitions",
     .usage = "<file_path | \"-\"> [--format <json | erlang>] [--timeout <timeout>]",
     .help = "Exports definitions in JSON",
     .args_min = 1,
     .args_max = 1,
     .run = run_export,
     .options = kExportOptions,
     .check = check_export},
    {.name = "import_definitions",
     .usage = "<file_path | \"-\"> [--format <json | erlang>] [--skip-if-unchanged] [--timeout "
              "<timeout>]",
     .help = "Imports definitions in JSON from a file",
     .args_max = 1,
     .run = run_import,
     .options = kImportOptions,
     .check = check_import},
};

}  // namespace

std::span<const Verb> admin_verbs() { return kAdminVerbs; }

}  // namespace lvt::broker
