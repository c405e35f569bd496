#include "broker/config/accepted_keys.h"
#include "broker/config/conf_file.h"
#include "broker/config/config.h"
#include "broker/config/data_dir.h"
#include "broker/config/environment.h"
#include "broker/config/key_rules.h"
#include "broker/config/text_file.h"
#include "cluster/discovery/node_name.h"
#include "cluster/discovery/settings.h"
#include "protocol/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lvt::broker {
namespace {

class Loader {
public:
    explicit Loader(const ConfigSources& sources) : sources_(sources) {}

    Result<Config> load() {
        config().warnings = sources_.warnings;
        config().memory_total_bytes = sources_.machine.memory_bytes;
        given_ = fallbacks();
        LVT_TRY(read_files());
        Result<EnvironmentSettings> environment =
            read_environment(sources_.environment, sources_.machine.host_name);
        if (environment.has_error()) return std::move(environment).error();
        append(config().warnings, std::move(environment->warnings));
        append(given_, std::move(environment->assignments));
        for (const auto& [key, value] : sources_.set)
            given_.push_back({key, value, "--set", Level::set});
        LVT_TRY(assign_all());
        LVT_TRY(advertise());
        report_later_parts();
        LVT_TRY(finish_security());
        finish();
        return std::move(draft_.config);
    }

private:
    Config& config() { return draft_.config; }

    template <class T>
    static void append(std::vector<T>& to, std::vector<T> from) {
        to.insert(to.end(), from.begin(), from.end());
    }

    std::vector<Assignment> fallbacks() const {
        std::vector<Assignment> out;
        const auto add = [&out](std::string key, std::string value) {
            out.push_back({std::move(key), std::move(value), "default", Level::fallback});
        };
        for (const KeyRule& rule : key_rules())
            if (rule.fallback) add(std::string{rule.pattern}, rule.fallback);
        const unsigned cpus = sources_.machine.cpus;
        add("io_threads", std::to_string(cpus <= 2 ? 0u : std::min(cpus - 1, 4u)));
        add("node_name", complete_node_name("rabbit", sources_.machine.host_name));
        add("listeners.tcp.default", sources_.ephemeral ? "127.0.0.1:0" : "5672");
        add("loopback_users.guest", "true");
        add("default_user_tags.administrator", "true");
        add("log.console.stdio", "stderr");
        if (!sources_.ephemeral) add("data_dir", default_data_dir(sources_.environment).string());
        return out;
    }

    Result<void> read_files() {
        for (const std::filesystem::path& file : sources_.files) {
            Result<std::string> text = read_text_file(file, kConfBytesMax);
            if (text.has_error()) return Error{ErrorKind::invalid, text.error().message};
            Result<std::vector<ConfLine>> lines = parse_conf(*text, file.string());
            if (lines.has_error()) return std::move(lines).error();
            for (ConfLine& line : *lines)
                given_.push_back(
                    {std::move(line.key),
                     std::move(line.value),
                     fmt::format("{}:{}", file.string(), line.line),
                     Level::file});
        }
        return {};
    }

    /// How values are decrypted comes first, wherever it stands.
    Result<void> assign_all() {
        const auto is_decoder = [](const Assignment& one) {
            return one.key.starts_with("config_entry_decoder.");
        };
        for (const Assignment& one : given_)
            if (is_decoder(one)) LVT_TRY(assign(one));
        for (Assignment& one : given_) {
            if (is_decoder(one)) continue;
            LVT_TRY(decrypt(one));
            LVT_TRY(assign(one));
        }
        return {};
    }

    /// Where peers dial, unless it was said: a task of Marathon at its agent's ports, a node whose name was given with a host at that host, as in RabbitMQ.
    Result<void> advertise() {
        const auto& formation = config().cluster_formation;
        if (formation.contains("cluster.advertise")) return {};
        if (const auto task = marathon_address(sources_.environment, formation))
            return assign({"cluster.advertise", *task, "environment HOST", Level::environment});
        const bool alone = std::ranges::all_of(
            formation, [](const auto& one) { return one.first == "cluster.secret"; });
        const std::string host = config().node_name.substr(config().node_name.find('@') + 1);
        if (alone || host == sources_.machine.host_name) return {};
        const auto listener = formation.find("cluster.listener");
        ListenAddress bound{"::", 0};
        if (listener != formation.end()) {
            const Expected fault = parse_listen_address(listener->second, bound);
            ASSERT(fault.empty());
        }
        if ((bound.host != "::" && bound.host != "0.0.0.0") || !discovery::parse_host_port(host))
            return {};
        return assign({"cluster.advertise", host, "node_name", Level::fallback});
    }

    /// Variables are taken as they are, as RabbitMQ does.
    Result<void> decrypt(Assignment& given) const {
        if (!given.value.starts_with(kEncryptedPrefix) || given.level == Level::environment)
            return {};
        Result<std::string> text =
            decrypted_value(given.value.substr(kEncryptedPrefix.size()), draft_.decoder);
        if (text.has_error())
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}: {}: the encrypted value: {}",
                    given.source,
                    given.key,
                    text.error().message)};
        given.value = std::move(text).value();
        given.hidden = true;
        return {};
    }

    Result<void> assign(const Assignment& given) {
        const std::string key = canonical_key(given.key);
        std::string name;
        for (const KeyRule& rule : key_rules())
            if (matches(rule.pattern, key, name)) return take(rule, key, name, given);
        const discovery::KeyCheck check = discovery::check_key(key, given.value);
        if (check.known) return take_formation(check, key, given);
        if (key.starts_with("cluster_formation.")) return unknown(given);
        for (const IdleKey& idle : idle_keys()) {
            if (!matches(idle.pattern, key, name)) continue;
            warn(fmt::format("{}: {} has no effect: {}", given.source, key, idle.because));
            return {};
        }
        for (const LaterPart& part : later_parts()) {
            for (const std::string_view pattern : part.patterns) {
                if (!matches(pattern, key, name)) continue;
                later_[part.name].push_back(given);
                return {};
            }
        }
        return unknown(given);
    }

    static Error unknown(const Assignment& given) {
        return {ErrorKind::invalid, fmt::format("{}: unknown key '{}'", given.source, given.key)};
    }

    /// The mechanisms of peer discovery know their keys themselves.
    Result<void> take_formation(
        const discovery::KeyCheck& check, const std::string& key, const Assignment& given) {
        if (!check.idle.empty()) {
            warn(fmt::format("{}: {} has no effect: {}", given.source, key, check.idle));
            return {};
        }
        if (!check.expected.empty())
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}: {}: expected {}, got '{}'",
                    given.source,
                    given.key,
                    check.expected,
                    check.secret || given.hidden ? "..." : given.value)};
        config().cluster_formation[key] = given.value;
        settings_[key] = {
            key, check.secret || given.hidden ? "********" : given.value, given.source};
        return {};
    }

    Result<void> take(
        const KeyRule& rule, const std::string& key, const std::string& name,
        const Assignment& given) {
        if (sources_.ephemeral && given.level != Level::set && given.level != Level::fallback &&
            (rule.group == Group::listeners || rule.group == Group::tls_listeners ||
             key == "data_dir" || key.starts_with("management.tcp.") ||
             key.starts_with("management.ssl.") || key.starts_with("prometheus.tcp.")))
            return {};
        displace(rule, given.level);
        const Expected expected = rule.take(draft_, name, given.value);
        if (!expected.empty())
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}: {}: expected {}, got '{}'",
                    given.source,
                    given.key,
                    expected,
                    rule.secret || given.hidden ? "..." : given.value)};
        if (given.value.size() > 1 && given.value.front() == '"' && given.value.back() == '"')
            warn(fmt::format(
                "{}: {}: the double quotes are part of the value, as in RabbitMQ",
                given.source,
                given.key));
        const bool masked = given.hidden || (rule.secret && given.level != Level::fallback);
        settings_[key] = {key, masked ? "********" : given.value, given.source};
        groups_[key] = rule.group;
        return {};
    }

    /// The key that empties a group when it is set to "none".
    static std::string_view none_key_of(Group group) {
        switch (group) {
            case Group::listeners:
                return "listeners.tcp";
            case Group::tls_listeners:
                return "listeners.ssl";
            case Group::loopback_users:
                return "loopback_users";
            default:
                return "";
        }
    }

    /// Makes room for what is about to be said in a group.
    void displace(const KeyRule& rule, Level level) {
        if (rule.group == Group::none) return;
        const bool from_default =
            rule.group == Group::loopback_users || rule.group == Group::default_user_tags;
        const bool last_wins = rule.group == Group::memory_limit || rule.group == Group::disk_limit;
        Level& held = group_levels_[rule.group];
        const bool higher = held < level && (!from_default || held == Level::fallback);
        held = std::max(held, level);
        const std::string_view none_key = none_key_of(rule.group);
        if (!higher && !last_wins && rule.pattern != none_key) {
            // Something is said after "none".
            settings_.erase(std::string{none_key});
            return;
        }
        if (rule.group == Group::listeners) draft_.listeners.clear();
        if (rule.group == Group::tls_listeners) draft_.tls_listeners.clear();
        if (rule.group == Group::loopback_users) draft_.loopback_users.clear();
        if (rule.group == Group::default_user_tags) draft_.default_user_tags.clear();
        std::erase_if(
            settings_, [&](const auto& entry) { return groups_[entry.first] == rule.group; });
    }

    void warn(std::string line) { config().warnings.push_back(std::move(line)); }

    void report_later_parts() {
        for (const LaterPart& part : later_parts()) {
            const auto found = later_.find(part.name);
            if (found == later_.end()) continue;
            const Assignment& first = found->second.front();
            const std::size_t more = found->second.size() - 1;
            warn(fmt::format(
                "{}: {}{}: {} comes with a later version: {}",
                first.source,
                first.key,
                more == 0 ? "" : fmt::format(" (and {} more)", more),
                part.name,
                part.consequence));
        }
    }

    void finish() {
        for (auto& [key, address] : draft_.listeners) config().listeners.push_back(address);
        config().loopback_users.assign(draft_.loopback_users.begin(), draft_.loopback_users.end());
        config().default_user.tags.assign(
            draft_.default_user_tags.begin(), draft_.default_user_tags.end());
        if (draft_.linger) config().tcp.linger_s = draft_.linger_timeout_s;
        if (config().channel_max == 0) config().channel_max = 65535;
        finish_prometheus();
        finish_management();
        finish_identity();
        finish_limits();
        finish_log();
        for (auto& [key, setting] : settings_) config().settings.push_back(std::move(setting));
    }

    Result<void> finish_security() {
        for (auto& [key, address] : draft_.tls_listeners) config().tls_listeners.push_back(address);
        const TlsConfig& tls = config().tls = finished(draft_.tls);
        const TlsConfig& http_tls = config().management.tls = finished(draft_.management_tls);
        // Offered in this order, whatever the keys' one is: clients take the first that they know.
        if (!draft_.mechanisms.empty()) config().auth_mechanisms.clear();
        for (const char* one : {"AMQPLAIN", "PLAIN", "EXTERNAL"})
            if (draft_.mechanisms.contains(one)) config().auth_mechanisms.push_back(one);
        for (const auto& [number, network] : draft_.proxy_trusted)
            config().proxy_trusted.push_back(network);
        if (draft_.proxy_trusted.empty()) {
            for (const char* loopback : {"127.0.0.0/8", "::1"}) {
                const std::string fault =
                    parse_network(loopback, config().proxy_trusted.emplace_back());
                ASSERT(fault.empty());
            }
        }
        if (draft_.mechanisms.contains("EXTERNAL") && !tls.verify_peer)
            warn(
                "auth_mechanisms: EXTERNAL lets nobody in without "
                "ssl_options.verify = verify_peer");
        std::string fault;
        if (!config().tls_listeners.empty()) fault = fault_of(tls);
        if (fault.empty() && draft_.management_tls_port) fault = fault_of(http_tls);
        if (!fault.empty()) return Error{ErrorKind::invalid, fault};
        return {};
    }

    void finish_identity() {
        if (!config().server.cluster_name.empty()) return;
        config().server.cluster_name = config().node_name;
        settings_["cluster_name"] = {"cluster_name", config().node_name, "default"};
    }

    void finish_prometheus() {
        if (!draft_.prometheus_port) return;
        const std::string everywhere = sources_.ephemeral ? "127.0.0.1" : "::";
        config().prometheus.listener = {
            draft_.prometheus_ip.empty() ? everywhere : draft_.prometheus_ip,
            *draft_.prometheus_port};
    }

    void finish_management() {
        ManagementConfig& management = config().management;
        for (auto& [key, origin] : draft_.cors_origins) management.cors_origins.push_back(origin);
        const std::string everywhere = sources_.ephemeral ? "127.0.0.1" : "::";
        const auto address = [&](const std::string& ip, std::uint16_t port) {
            return ListenAddress{ip.empty() ? everywhere : ip, port};
        };
        if (draft_.management_port)
            management.listener = address(draft_.management_ip, *draft_.management_port);
        if (draft_.management_tls_port)
            management.tls_listener =
                address(draft_.management_tls_ip, *draft_.management_tls_port);
    }

    void finish_limits() {
        if (draft_.memory_override != 0) config().memory_total_bytes = draft_.memory_override;
        const double total = static_cast<double>(config().memory_total_bytes);
        // Never beyond what there is: an absolute watermark may name more.
        config().memory_limit_bytes = std::min(
            draft_.memory_limit.value_or(
                static_cast<std::uint64_t>(std::llround(total * draft_.memory_fraction))),
            config().memory_total_bytes);
        config().disk_free_limit_bytes = draft_.disk_limit.value_or(
            static_cast<std::uint64_t>(std::llround(total * draft_.disk_fraction)));
    }

    void finish_log() {
        LogConfig& log = config().log;
        const auto follow = [this](const char* key, std::optional<LogLevel>& level) {
            if (settings_.contains(key)) return;
            level = draft_.log_level;
            settings_[key] = settings_["log.default.level"];
            settings_[key].key = key;
        };
        follow("log.console.level", log.console_level);
        follow("log.file.level", log.file_level);
        if (draft_.log_file == "false") return;
        log.file = std::filesystem::path{draft_.log_dir} / draft_.log_file;
    }

    const ConfigSources& sources_;
    Draft draft_;
    std::vector<Assignment> given_;
    std::map<std::string, Setting> settings_;
    std::map<std::string, Group> groups_;
    std::map<Group, Level> group_levels_;
    std::map<std::string_view, std::vector<Assignment>> later_;
};

}  // namespace

Result<Config> load_config(const ConfigSources& sources) { return Loader{sources}.load(); }

}  // namespace lvt::broker
