#include "broker/config/accepted_keys.h"

namespace lvt::broker {
namespace {

constexpr std::string_view kErlang = "there is no Erlang runtime here";
constexpr std::string_view kMirrors = "there are no mirrored queues here";
constexpr std::string_view kStore = "the store is not RabbitMQ's";
constexpr std::string_view kStatistics = "statistics are exact and cost nothing to collect";
constexpr std::string_view kTimes = "the HTTP server has times of its own";
constexpr std::string_view kAcceptors = "accepting needs no pool here";
constexpr std::string_view kSocket = "this socket option is not set";
constexpr std::string_view kOutputs = "logs go to the console and to a file";
constexpr std::string_view kFormat = "the log's format is fixed";
constexpr std::string_view kRotation = "files are opened again on SIGHUP: let logrotate turn them";
constexpr std::string_view kCategory = "only connections have a level of their own";
constexpr std::string_view kPasswords = "passwords are kept as salted SHA-256";
constexpr std::string_view kLimits = "this limit is not enforced in this version";
constexpr std::string_view kTlsAlways = "TLS 1.2 and 1.3 are served without what this is about";
constexpr std::string_view kPartitions =
    "a minority never serves, so there is no strategy to choose";

constexpr IdleKey kIdle[] = {
    {"consumer_timeout", "the ack timeout is off"},
    {"num_acceptors.tcp", kAcceptors},
    {"num_acceptors.ssl", kAcceptors},
    {"socket_writer.gc_threshold", kErlang},
    {"erlang.K", kErlang},
    {"hipe_compile", kErlang},
    {"background_gc_enabled", kErlang},
    {"background_gc_target_interval", kErlang},
    {"default_worker_pool_size", kErlang},
    {"delegate_count", kErlang},
    {"net_ticktime", kErlang},
    {"sysmon_handler.*", kErlang},
    {"runtime.*", kErlang},
    {"distribution.*", "there is no Erlang distribution here"},
    {"reverse_dns_lookups", "names of peers are not looked up"},
    {"password_hashing_module", kPasswords},
    {"connection_max", kLimits},
    {"channel_max_per_node", kLimits},
    {"consumer_max_per_channel", kLimits},
    {"vhost_max", kLimits},
    {"default_limits.*", kLimits},
    {"ssl_options", "set the options one by one"},
    {"ssl_options.dh", "keys are agreed on elliptic curves"},
    {"ssl_options.dhfile", "keys are agreed on elliptic curves"},
    {"ssl_options.client_renegotiation", kTlsAlways},
    {"ssl_options.secure_renegotiate", kTlsAlways},
    {"ssl_options.honor_ecc_order", kTlsAlways},
    {"ssl_options.reuse_sessions", "connections live long: sessions are not resumed"},
    {"ssl_options.log_level", "a handshake that fails is one line of the log"},
    {"ssl_options.log_alert", "a handshake that fails is one line of the log"},
    {"ssl_options.bypass_pem_cache", "files that change are read again by themselves"},
    {"ssl_allow_poodle_attack", kTlsAlways},
    {"tcp_listen_options", "set the options one by one"},
    {"tcp_listen_options.buffer", kSocket},
    {"tcp_listen_options.delay_send", kSocket},
    {"tcp_listen_options.dontroute", kSocket},
    {"tcp_listen_options.exit_on_close", kSocket},
    {"tcp_listen_options.fd", kSocket},
    {"tcp_listen_options.high_msgq_watermark", kSocket},
    {"tcp_listen_options.high_watermark", kSocket},
    {"tcp_listen_options.low_msgq_watermark", kSocket},
    {"tcp_listen_options.low_watermark", kSocket},
    {"tcp_listen_options.port", kSocket},
    {"tcp_listen_options.priority", kSocket},
    {"tcp_listen_options.send_timeout", "tcp_user_timeout does this"},
    {"tcp_listen_options.send_timeout_close", "tcp_user_timeout does this"},
    {"tcp_listen_options.tos", kSocket},
    {"vm_memory_high_watermark_paging_ratio", "queues page to disk by their own budget"},
    {"memory_monitor_interval", "memory is measured as it changes"},
    {"vm_memory_calculation_strategy", "anonymous memory is what counts"},
    {"queue_master_locator", kMirrors},
    {"queue_leader_locator", kMirrors},
    {"mirroring_sync_batch_size", kMirrors},
    {"mirroring_sync_max_throughput", kMirrors},
    {"ha-mode", kMirrors},
    {"ha-params", kMirrors},
    {"ha-sync-mode", kMirrors},
    {"ha-sync-batch-size", kMirrors},
    {"ha-promote-on-shutdown", kMirrors},
    {"ha-promote-on-failure", kMirrors},
    {"cluster_partition_handling", kPartitions},
    {"cluster_partition_handling.*", kPartitions},
    {"collect_statistics", kStatistics},
    {"collect_statistics_interval", kStatistics},
    {"management_agent.*", kStatistics},
    {"management.rates_mode", kStatistics},
    {"management.sample_retention_policies.*", kStatistics},
    {"management.disable_stats", kStatistics},
    {"management.enable_queue_totals", kStatistics},
    {"management.db_cache_multiplier", kStatistics},
    {"management.process_stats_gc_timeout", kErlang},
    {"management.http_log_dir", kOutputs},
    {"management.disable_basic_auth", "it is the only login there is"},
    {"management.tcp.compress", "answers are not compressed"},
    {"management.ssl.compress", "answers are not compressed"},
    {"management.ssl.idle_timeout", kTimes},
    {"management.ssl.inactivity_timeout", kTimes},
    {"management.ssl.request_timeout", kTimes},
    {"management.ssl.max_keepalive", kTimes},
    {"management.ssl.client_renegotiation", kTlsAlways},
    {"management.ssl.secure_renegotiate", kTlsAlways},
    {"management.ssl.honor_ecc_order", kTlsAlways},
    {"management.tcp.*", kTimes},
    {"mnesia_table_loading_retry_timeout", kStore},
    {"mnesia_table_loading_retry_limit", kStore},
    {"message_store_shutdown_timeout", kStore},
    {"queue_index_embed_msgs_below", kStore},
    {"queue_index_max_journal_entries", kStore},
    {"msg_store_file_size_limit", kStore},
    {"msg_store_credit_disc_bound.*", kStore},
    {"lazy_queue_explicit_gc_run_operation_threshold", kStore},
    {"queue_explicit_gc_run_operation_threshold", kStore},
    {"classic_queue.default_version", kStore},
    {"quorum_queue.*", kStore},
    {"raft.*", kStore},
    {"vhost_restart_strategy", "a vhost cannot fail alone"},
    {"default_queue_type", "queues without x-queue-type are classic"},
    {"deprecated_features.*", "nothing is switched off"},
    {"feature_flags.*", "every feature is on"},
    {"motd_file", "there is no banner"},
    {"log.console.use_colors", kFormat},
    {"log.console.color_esc_seqs.$", kFormat},
    {"log.console.formatter.*", kFormat},
    {"log.file.formatter.*", kFormat},
    {"log.file.rotation.*", kRotation},
    {"log.exchange", kOutputs},
    {"log.exchange.*", kOutputs},
    {"log.journald", kOutputs},
    {"log.journald.*", kOutputs},
    {"log.syslog", kOutputs},
    {"log.syslog.*", kOutputs},
    {"log.connection.file", kCategory},
    {"log.connection.rotation.*", kRotation},
    {"log.default.rotation.*", kRotation},
    {"log.channel.*", kCategory},
    {"log.queue.*", kCategory},
    {"log.mirroring.*", kCategory},
    {"log.federation.*", kCategory},
    {"log.upgrade.*", kCategory},
    {"log.ra.*", kCategory},
    {"log.feature_flags.*", kCategory},
    {"log.prelaunch.*", kCategory},
};

constexpr std::string_view kTrust[] = {
    "trust_store.*",
    "ssl_options.cacerts.$",
    "ssl_options.cert",
    "ssl_options.key.$",
    "ssl_options.psk_identity"};
constexpr std::string_view kManagement[] = {"management.*"};
constexpr std::string_view kPrometheus[] = {"prometheus.*"};
constexpr std::string_view kClustering[] = {
    "cluster_keepalive_interval", "cluster_tags.*", "node_tags.*", "aws.*"};
constexpr std::string_view kDefinitions[] = {
    "definitions.*", "default_users.*", "default_policies.*"};
constexpr std::string_view kProtocols[] = {
    "mqtt.*", "web_mqtt.*", "stomp.*", "web_stomp.*", "stream.*", "amqp1_0.*"};
constexpr std::string_view kAuthentication[] = {
    "auth_backends.*",
    "auth_cache.*",
    "auth_http.*",
    "auth_ldap.*",
    "auth_oauth2.*",
    "credential_validator.*",
    "anonymous_login_user",
    "anonymous_login_pass"};
constexpr std::string_view kTracing[] = {"event_exchange.*", "message_interceptors.*"};

constexpr LaterPart kLater[] = {
    {"trust in another form", "PEM files of ssl_options are read and nothing else", kTrust},
    {"the rest of the HTTP API", "management.tcp.* and management.ssl.* serve it", kManagement},
    {"metrics over TLS and with a login", "prometheus.tcp.port serves them", kPrometheus},
    {"the rest of clustering", "cluster_formation.* forms clusters", kClustering},
    {"definitions from elsewhere", "only load_definitions is imported", kDefinitions},
    {"any other protocol", "listeners speak AMQP 0-9-1 alone", kProtocols},
    {"any other authentication", "users are those of the broker itself", kAuthentication},
    {"intercepting messages", "nothing is intercepted", kTracing},
};

}  // namespace

std::span<const IdleKey> idle_keys() { return kIdle; }
std::span<const LaterPart> later_parts() { return kLater; }

}  // namespace lvt::broker
