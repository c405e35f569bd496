// Config: every setting of a broker, checked and complete before anything starts. Nothing changes it afterwards.
//
// Values come from, in falling precedence: --set, the environment, configuration files (a later line wins), defaults.
// README.md in this folder lists every key.
#pragma once

#include "broker/config/machine.h"
#include "broker/config/network.h"
#include "broker/config/tls_config.h"
#include "protocol/base/clock.h"
#include "protocol/base/log_sink.h"
#include "protocol/base/result.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lvt::broker {

/// The exit code of a process whose configuration is wrong (EX_CONFIG).
inline constexpr int kConfigExitCode = 78;

/// An address to listen on. `host` is numeric; "::" means both families.
struct ListenAddress {
    std::string host = "::";
    std::uint16_t port = 5672;  // 0: the system chooses

    bool operator==(const ListenAddress&) const = default;
};

/// tcp_listen_options.*; what is empty is left to the system.
struct TcpOptions {
    int backlog = 1024;
    bool nodelay = true;
    bool keepalive = false;
    std::optional<int> sndbuf;  // bytes
    std::optional<int> recbuf;  // bytes
    /// Seconds to linger at close; empty where linger.on is false.
    std::optional<int> linger_s;
};

/// What is logged where. An empty level means "none".
struct LogConfig {
    bool console = true;
    /// False: to stderr.
    bool console_to_stdout = false;
    bool console_json = false;
    std::optional<LogLevel> console_level = LogLevel::info;
    /// Empty: no file.
    std::filesystem::path file;
    bool file_json = false;
    std::optional<LogLevel> file_level = LogLevel::info;
    /// Lines about connections coming and going are written from this level up.
    std::optional<LogLevel> connection_level = LogLevel::info;
};

/// Made at the first start of an empty data directory.
struct DefaultUser {
    std::string name = "guest";
    std::string password = "guest";
    std::string vhost = "/";
    std::vector<std::string> tags = {"administrator"};
    std::string configure = ".*";
    std::string write = ".*";
    std::string read = ".*";
};

/// What the broker says of itself in connection.start.
struct ServerIdentity {
    std::string product = "RabbitMQ";
    std::string version = "3.13.7";
    std::string cluster_name;  // default: the node's name
};

/// Deliveries to a consumer in ack mode without basic.qos start with a small window (design 7.2).
struct SlowStartConfig {
    bool enabled = true;
    std::uint32_t initial_window = 8;
    Milliseconds interval{50};
};

/// Overrides of what follows from the volume's and the machine's size (budgets.h); 0 = follow.
struct StorageOverrides {
    std::uint64_t journal_bytes = 0;
    std::uint64_t memtable_bytes = 0;
    std::uint64_t cache_bytes = 0;
};

/// Where Prometheus finds the metrics.
struct PrometheusConfig {
    /// Nothing: no port is opened.
    std::optional<ListenAddress> listener;
    /// Without a slash at its end.
    std::string path = "/metrics";
    /// There are the metrics of single objects, not only below /per-object.
    bool per_object = false;
};

/// The HTTP API's listener and what it lets in.
struct ManagementConfig {
    /// Nothing: no port is opened.
    std::optional<ListenAddress> listener;
    std::optional<ListenAddress> tls_listener;
    /// Of tls_listener.
    TlsConfig tls;
    /// In front of /api; "" or "/rabbit".
    std::string path_prefix;
    /// Origins whose pages may call; "*" stands for all.
    std::vector<std::string> cors_origins;
    std::uint32_t cors_max_age_s = 1800;
    std::uint64_t body_bytes_max = 64 * 1024 * 1024;
};

/// One value with where it came from, for `leveret config`.
struct Setting {
    std::string key;
    std::string value;
    /// "default", "FILE:LINE", "environment NAME" or "--set".
    std::string source;
};

struct Config {
    /// Empty: in memory, nothing is written.
    std::filesystem::path data_dir;
    std::string node_name;  // "rabbit@HOST" unless told
    std::vector<ListenAddress> listeners;
    std::vector<ListenAddress> tls_listeners;
    TlsConfig tls;
    /// From accept() to the end of the TLS handshake.
    Milliseconds tls_handshake_timeout{5000};
    CertificateLogin certificate_login;
    /// In the order in which they are offered.
    std::vector<std::string> auth_mechanisms = {"AMQPLAIN", "PLAIN"};
    /// Every connection begins with a PROXY header, and comes from `proxy_trusted`.
    bool proxy_protocol = false;
    std::vector<Network> proxy_trusted;
    /// Connections of one source that have not logged in; more are closed at once. 0 = no limit.
    std::uint32_t pre_login_connections_max = 1000;
    TcpOptions tcp;
    /// For clients without heartbeats: how long sent data may stay unacknowledged by the peer's TCP. 0 = the system's default.
    Milliseconds tcp_user_timeout{30'000};
    /// 0: the only lane runs on the core's thread.
    unsigned io_threads = 0;

    /// Definitions in JSON that are imported at every start: a file, or a directory of *.json; empty: none.
    std::filesystem::path load_definitions;

    DefaultUser default_user;
    /// Users that may log in from the machine itself only.
    std::vector<std::string> loopback_users;
    ServerIdentity server;

    std::uint16_t heartbeat_s = 60;
    std::uint32_t frame_max = 131'072;
    /// Before connection.tune-ok.
    std::uint32_t initial_frame_max = 4096;
    std::uint16_t channel_max = 2047;
    std::uint64_t max_message_size = 134'217'728;
    Milliseconds handshake_timeout{10'000};  // 0 = none
    /// Between a refused login and its answer or close.
    Milliseconds login_failure_delay{3000};

    /// The alarm is on while the process holds more anonymous memory than this.
    std::uint64_t memory_limit_bytes = 0;
    /// Of it, what consumers may have in hand; 0 = no limit.
    double unacked_memory_ratio = 0.4;
    /// How long an alarm holds back a publish that waits for its confirm before it is nacked; 0 = for ever.
    Milliseconds blocked_nack_after{30'000};
    /// The alarm is on while the data directory's volume has less free than this.
    std::uint64_t disk_free_limit_bytes = 50'000'000;
    /// What the machine or the cgroup gives, or total_memory_available_override_value.
    std::uint64_t memory_total_bytes = 0;
    StorageOverrides storage;

    /// channel.close-ok and connection.close-ok wait until everything before them is durable (design 7.1).
    bool close_barrier = true;
    SlowStartConfig slow_start;
    /// Counted returns after which a message goes to the tail of its queue; 0 = never (design 7.3).
    std::uint32_t poison_max_returns = 5;

    /// cluster_formation.* and aws.prefer_imdsv2 as given, each checked: for discovery::make_discovery(), which reads their environment variables itself.
    std::map<std::string, std::string> cluster_formation;

    LogConfig log;
    PrometheusConfig prometheus;
    ManagementConfig management;

    /// Every key with its effective value, sorted by key. Secrets are masked.
    std::vector<Setting> settings;
    /// Lines to log at start: keys without effect here, keys of later parts.
    std::vector<std::string> warnings;
};

/// Where load_config() looks. process_sources() fills it for the executable; an embedded broker gives `set` alone.
struct ConfigSources {
    /// In this order; each must be readable.
    std::vector<std::filesystem::path> files;
    std::map<std::string, std::string> environment;
    /// Keys and values as in a file; later ones win.
    std::vector<std::pair<std::string, std::string>> set;
    /// In memory, loopback and port 0, unless `set` says otherwise. The environment's and files' data dir and listeners are ignored.
    bool ephemeral = false;
    Machine machine = measure_machine();
    /// Told as they are (for example a file that RABBITMQ_CONFIG_FILE names and that does not exist).
    std::vector<std::string> warnings;
};

/// Reads and checks everything. ErrorKind::invalid: one line that names file, line and key; exit with kConfigExitCode.
[[nodiscard]] Result<Config> load_config(const ConfigSources& sources);

/// The sources of this process: its environment, the machine, and the files: `file` if given (--config), else what
/// RABBITMQ_CONFIG_FILE and RABBITMQ_CONFIG_FILES name, else /etc/leveret/leveret.conf and /etc/leveret/conf.d/*.conf
/// where they exist.
[[nodiscard]] ConfigSources process_sources(const std::optional<std::filesystem::path>& file);

/// What `leveret config` prints: "key = value    # source" lines, or a JSON array of {key, value, source}.
[[nodiscard]] std::string format_settings(const Config& config, bool json);

}  // namespace lvt::broker
