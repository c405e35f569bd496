#include "broker/config/key_rules.h"

#include "broker/config/conf_file.h"
#include "broker/config/takers.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace lvt::broker {
namespace {

/// A share of the machine's memory.
Expected take_fraction(
    const std::string& value, double& fraction, std::optional<std::uint64_t>& absolute) {
    Expected expected = parse_fraction(value, fraction);
    if (expected.empty()) absolute.reset();
    return expected;
}

Expected take_formatter(const std::string& value, bool& json) {
    std::size_t choice = 0;
    Expected expected = parse_choice(value, {"plaintext", "json"}, choice);
    if (expected.empty()) json = choice == 1;
    return expected;
}

Expected take_journal_bytes(const std::string& value, std::uint64_t& out) {
    return take_bytes(value, 0, std::uint64_t{1} << 40, out);
}

constexpr int kSocketBytesMax = 1 << 30;

#define TAKE(expression)                                                          \
    [](Draft& d, const std::string& name, const std::string& value) -> Expected { \
        static_cast<void>(name);                                                  \
        return expression;                                                        \
    }

const KeyRule
    kRules[] =
        {
            {"data_dir", nullptr, TAKE(take_path(value, d.config.data_dir))},
            {"node_name", nullptr, TAKE(take_text(value, kNameMax, d.config.node_name))},
            {"io_threads", nullptr, TAKE(take_integer(value, 0, 64, d.config.io_threads))},

            {"listeners.tcp",
             nullptr,
             [](Draft& d, const std::string&, const std::string& value) {
                 Expected expected = take_none(value);
                 if (expected.empty()) d.listeners.clear();
                 return expected;
             },
             Group::listeners},
            {"listeners.tcp.$",
             nullptr,
             TAKE(parse_listen_address(value, d.listeners["listeners.tcp." + name])),
             Group::listeners},
            {"tcp_listen_options.backlog",
             "1024",
             TAKE(take_integer(value, 1, 65535, d.config.tcp.backlog))},
            {"tcp_listen_options.nodelay",
             "true",
             TAKE(parse_boolean(value, d.config.tcp.nodelay))},
            {"tcp_listen_options.keepalive",
             "false",
             TAKE(parse_boolean(value, d.config.tcp.keepalive))},
            {"tcp_listen_options.sndbuf",
             nullptr,
             TAKE(take_integer(value, 1, kSocketBytesMax, d.config.tcp.sndbuf))},
            {"tcp_listen_options.recbuf",
             nullptr,
             TAKE(take_integer(value, 1, kSocketBytesMax, d.config.tcp.recbuf))},
            {"tcp_listen_options.linger.on", "false", TAKE(parse_boolean(value, d.linger))},
            {"tcp_listen_options.linger.timeout",
             "0",
             TAKE(take_integer(value, 0, 65535, d.linger_timeout_s))},
            {"tcp_user_timeout",
             "30000",
             TAKE(take_milliseconds(value, 0, d.config.tcp_user_timeout))},

            {"default_user", "guest", TAKE(take_text(value, kNameMax, d.config.default_user.name))},
            {"default_pass",
             "guest",
             TAKE(take_text(value, kNameMax, d.config.default_user.password)),
             Group::none,
             true},
            {"default_vhost", "/", TAKE(take_text(value, kNameMax, d.config.default_user.vhost))},
            {"default_user_tags.$",
             nullptr,
             TAKE(take_member(name, value, d.default_user_tags)),
             Group::default_user_tags},
            {"default_permissions.configure",
             ".*",
             TAKE(take_text(value, kPathMax, d.config.default_user.configure))},
            {"default_permissions.write",
             ".*",
             TAKE(take_text(value, kPathMax, d.config.default_user.write))},
            {"default_permissions.read",
             ".*",
             TAKE(take_text(value, kPathMax, d.config.default_user.read))},
            {"load_definitions", nullptr, TAKE(take_path(value, d.config.load_definitions))},
            {"definitions.import_backend",
             nullptr,
             [](Draft&, const std::string&, const std::string& value) {
                 return value == "local_filesystem" ? Expected{} : Expected{"local_filesystem"};
             }},
            {"definitions.local.path", nullptr, TAKE(take_path(value, d.config.load_definitions))},
            {"loopback_users",
             nullptr,
             [](Draft& d, const std::string&, const std::string& value) {
                 Expected expected = take_none(value);
                 if (expected.empty()) d.loopback_users.clear();
                 return expected;
             },
             Group::loopback_users},
            {"loopback_users.$",
             nullptr,
             TAKE(take_member(name, value, d.loopback_users)),
             Group::loopback_users},

            {"server.product",
             "RabbitMQ",
             TAKE(take_text(value, kNameMax, d.config.server.product))},
            {"server.version", "3.13.7", TAKE(take_text(value, kNameMax, d.config.server.version))},
            {"cluster_name",
             nullptr,
             TAKE(take_text(value, kNameMax, d.config.server.cluster_name))},

            {"heartbeat", "60", TAKE(take_integer(value, 0, 65535, d.config.heartbeat_s))},
            {"frame_max", "131072", TAKE(take_bytes(value, 4096, 0x7fffffff, d.config.frame_max))},
            {"initial_frame_max",
             "4096",
             TAKE(take_bytes(value, 4096, 0x7fffffff, d.config.initial_frame_max))},
            {"channel_max", "2047", TAKE(take_integer(value, 0, 65535, d.config.channel_max))},
            {"max_message_size",
             "134217728",
             TAKE(take_bytes(value, 1, 536870912, d.config.max_message_size))},
            {"handshake_timeout", "10000", TAKE(parse_timeout(value, d.config.handshake_timeout))},
            {"login_failure_delay",
             "3000",
             TAKE(take_milliseconds(value, 0, d.config.login_failure_delay))},

            {"vm_memory_high_watermark.relative",
             "0.4",
             TAKE(take_fraction(value, d.memory_fraction, d.memory_limit)),
             Group::memory_limit},
            {"vm_memory_high_watermark.absolute",
             nullptr,
             TAKE(take_limit(value, d.memory_limit)),
             Group::memory_limit},
            {"unacked_memory_ratio",
             "0.4",
             TAKE(parse_fraction(value, d.config.unacked_memory_ratio))},
            {"publisher_nack_timeout",
             "30000",
             TAKE(take_milliseconds(value, 0, d.config.blocked_nack_after))},
            {"total_memory_available_override_value",
             nullptr,
             TAKE(parse_information_size(value, d.memory_override))},
            {"disk_free_limit.absolute",
             "50MB",
             TAKE(take_limit(value, d.disk_limit)),
             Group::disk_limit},
            {"disk_free_limit.relative",
             nullptr,
             TAKE(take_fraction(value, d.disk_fraction, d.disk_limit)),
             Group::disk_limit},
            {"journal.size",
             nullptr,
             TAKE(take_journal_bytes(value, d.config.storage.journal_bytes))},
            {"store.memtable_size",
             nullptr,
             TAKE(take_journal_bytes(value, d.config.storage.memtable_bytes))},
            {"store.cache_size",
             nullptr,
             TAKE(take_journal_bytes(value, d.config.storage.cache_bytes))},

            {"close_barrier.enabled", "true", TAKE(parse_boolean(value, d.config.close_barrier))},
            {"delivery_slow_start.enabled",
             "true",
             TAKE(parse_boolean(value, d.config.slow_start.enabled))},
            {"delivery_slow_start.initial_window",
             "8",
             TAKE(take_integer(value, 1, 65535, d.config.slow_start.initial_window))},
            {"delivery_slow_start.interval",
             "50",
             TAKE(take_milliseconds(value, 1, d.config.slow_start.interval))},
            {"poison.max_returns",
             "5",
             TAKE(take_integer(value, 0, 1'000'000, d.config.poison_max_returns))},

            {"log.console", "true", TAKE(parse_boolean(value, d.config.log.console))},
            // The two outputs follow log.default.level unless they have their own.
            {"log.default.level", "info", TAKE(parse_log_level(value, d.log_level))},
            {"log.console.level",
             nullptr,
             TAKE(parse_log_level(value, d.config.log.console_level))},
            {"log.console.stdio",
             nullptr,
             [](Draft& d, const std::string&, const std::string& value) {
                 std::size_t choice = 0;
                 Expected expected = parse_choice(value, {"stdout", "stderr"}, choice);
                 if (expected.empty()) d.config.log.console_to_stdout = choice == 0;
                 return expected;
             }},
            {"log.console.formatter",
             "plaintext",
             TAKE(take_formatter(value, d.config.log.console_json))},
            {"log.dir", "/var/log/leveret", TAKE(take_text(value, kPathMax, d.log_dir))},
            {"log.file", "false", TAKE(take_text(value, kPathMax, d.log_file))},
            {"log.file.level", nullptr, TAKE(parse_log_level(value, d.config.log.file_level))},
            {"log.file.formatter",
             "plaintext",
             TAKE(take_formatter(value, d.config.log.file_json))},
            {"log.connection.level",
             "info",
             TAKE(parse_log_level(value, d.config.log.connection_level))},
};

#undef TAKE

}  // namespace

std::span<const KeyRule> key_rules() {
    static const std::vector<KeyRule> kAll = [] {
        std::vector<KeyRule> all(std::begin(kRules), std::end(kRules));
        for (const KeyRule& rule : security_key_rules()) all.push_back(rule);
        for (const KeyRule& rule : tls_key_rules()) all.push_back(rule);
        for (const KeyRule& rule : prometheus_key_rules()) all.push_back(rule);
        for (const KeyRule& rule : management_key_rules()) all.push_back(rule);
        for (const KeyRule& rule : cluster_key_rules()) all.push_back(rule);
        for (const KeyRule& rule : encryption_key_rules()) all.push_back(rule);
        return all;
    }();
    return kAll;
}

std::string canonical_key(std::string_view key) {
    static constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
        {"vm_memory_high_watermark", "vm_memory_high_watermark.relative"},
        {"product.name", "server.product"},
        {"product.version", "server.version"},
        {"log.level", "log.default.level"},
        {"prometheus.listener.port", "prometheus.tcp.port"},
        {"prometheus.listener.ip", "prometheus.tcp.ip"},
        {"management.load_definitions", "load_definitions"},
        {"management.listener.port", "management.tcp.port"},
        {"management.listener.ip", "management.tcp.ip"},
    };
    for (const auto& [alias, meant] : kAliases)
        if (alias == key) return std::string{meant};
    return std::string{key};
}

bool matches(std::string_view pattern, std::string_view key, std::string& name) {
    const std::vector<std::string> words = split_key(key);
    const std::vector<std::string> wanted = split_key(pattern);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (i >= words.size()) return false;
        if (wanted[i] == "*") return true;
        if (wanted[i] != "$" && wanted[i] != words[i]) return false;
    }
    if (words.size() != wanted.size()) return false;
    // The last `$`, else the last word.
    const auto free = std::find(wanted.rbegin(), wanted.rend(), "$");
    name = words[words.size() - 1 - (free == wanted.rend() ? 0 : free - wanted.rbegin())];
    return true;
}

}  // namespace lvt::broker
