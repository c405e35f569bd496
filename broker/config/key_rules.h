// The keys that have an effect: pattern, default, and what a value does to the Config being made.
#pragma once

#include "broker/config/config.h"
#include "broker/config/encrypted_value.h"
#include "broker/config/values.h"

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace lvt::broker {

/// Where a value comes from; a later one wins.
enum class Level { fallback, file, environment, set };

/// A key, its value and its origin.
struct Assignment {
    std::string key;  // as written
    std::string value;
    std::string source;
    Level level = Level::fallback;
    /// `value` stood encrypted: it is shown nowhere.
    bool hidden = false;
};

/// Last words of keys of a list: "2" comes before "10".
struct ByNumber {
    bool operator()(const std::string& left, const std::string& right) const {
        return left.size() != right.size() ? left.size() < right.size() : left < right;
    }
};

/// A TlsConfig on its way.
struct TlsDraft {
    TlsConfig config = {};
    std::map<std::string, TlsIdentity, ByNumber> sni_hosts = {};
    std::map<std::string, std::string, ByNumber> ciphers = {};
    std::set<std::string> versions = {};
};
/// Takes it out of the draft.
[[nodiscard]] TlsConfig finished(TlsDraft& draft);

/// A Config on its way: what several keys together decide.
struct Draft {
    Config config;
    std::map<std::string, ListenAddress> listeners;      // by key
    std::map<std::string, ListenAddress> tls_listeners;  // by key
    TlsDraft tls;
    TlsDraft management_tls = {.config = {.key = "management.ssl"}};
    DecoderSettings decoder;
    std::set<std::string> mechanisms;
    std::map<std::string, Network, ByNumber> proxy_trusted;
    std::set<std::string> loopback_users;
    std::set<std::string> default_user_tags;
    double memory_fraction = 0;
    std::optional<std::uint64_t> memory_limit;
    double disk_fraction = 0;
    std::optional<std::uint64_t> disk_limit;
    std::uint64_t memory_override = 0;
    bool linger = false;
    int linger_timeout_s = 0;
    std::optional<std::uint16_t> prometheus_port;
    std::string prometheus_ip;
    std::optional<std::uint16_t> management_port;
    std::string management_ip;
    std::optional<std::uint16_t> management_tls_port;
    std::string management_tls_ip;
    std::map<std::string, std::string> cors_origins;  // by key
    std::optional<LogLevel> log_level;
    std::string log_dir;
    std::string log_file;
};

/// Keys of one group stand for one thing.
enum class Group {
    none,
    listeners,          // what a level says replaces what lower levels said
    tls_listeners,      // the same
    loopback_users,     // what is said replaces the default
    default_user_tags,  // the same
    memory_limit,       // the last one wins
    disk_limit,         // the same
};

struct KeyRule {
    /// A word `$` stands for any one word, handed to `take` as `name`.
    std::string_view pattern;
    /// Null: no default of its own, or one that load_config() works out.
    const char* fallback = nullptr;
    /// Takes the value; answers what was expected if it is wrong.
    Expected (*take)(Draft& draft, const std::string& name, const std::string& value) = nullptr;
    Group group = Group::none;
    bool secret = false;
};

/// All of them.
[[nodiscard]] std::span<const KeyRule> key_rules();
/// Those of security, which are among them.
[[nodiscard]] std::span<const KeyRule> security_key_rules();
/// Those of TLS, for every kind of listener.
[[nodiscard]] std::span<const KeyRule> tls_key_rules();
/// Those of the metrics' listener.
[[nodiscard]] std::span<const KeyRule> prometheus_key_rules();
/// Those of the cluster.
[[nodiscard]] std::span<const KeyRule> cluster_key_rules();
/// Those of encrypted values.
[[nodiscard]] std::span<const KeyRule> encryption_key_rules();
/// Those of the HTTP API.
[[nodiscard]] std::span<const KeyRule> management_key_rules();

/// Some keys have a second name; this is the first one.
[[nodiscard]] std::string canonical_key(std::string_view key);

/// Does `key` (as written) match? `$` is any one word, `*` at the end any number of them. `name` becomes what the last `$` stands for, else
/// the last word.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view key, std::string& name);

}  // namespace lvt::broker
