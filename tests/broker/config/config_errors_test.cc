// Every bad key and value: one line that names source and key.
#include "tests/broker/config/load_config_fixture.h"

namespace lvt::broker {
namespace {

using ConfigErrors = LoadConfig;

TEST_F(ConfigErrors, UnknownKey) {
    file("heartbeat = 1\n\nhart.beat = 1\n");
    EXPECT_EQ(error(), "DIR/r.conf:3: unknown key 'hart.beat'");
}

TEST_F(ConfigErrors, UnknownKeyBesideKnownOnes) {
    for (const char* key :
         {"listeners",
          "listeners.tcp.a.b",
          "heartbeats",
          "ssl_options.nope",
          "log",
          "management",
          "default_permissions.x",
          "tcp_listen_options.x",
          "vm_memory_high_watermark.x",
          "cluster_formation.etcd.endpoint",
          "cluster_formation.zookeeper.host"}) {
        sources_.files.clear();
        file(std::string{key} + " = 1\n");
        EXPECT_EQ(error(), "DIR/r.conf:1: unknown key '" + std::string{key} + "'");
    }
}

TEST_F(ConfigErrors, UnknownKeyOfSet) {
    set("nope", "1");
    EXPECT_EQ(error(), "--set: unknown key 'nope'");
}

TEST_F(ConfigErrors, NotAnAssignment) {
    file("heartbeat = 1\nheartbeat\n");
    EXPECT_EQ(error(), "DIR/r.conf:2: expected 'key = value', got 'heartbeat'");
}

TEST_F(ConfigErrors, FileThatIsNotThere) {
    sources_.files.push_back(directory_ / "none.conf");
    EXPECT_EQ(error(), "DIR/none.conf: No such file or directory");
}

TEST_F(ConfigErrors, AValueThatALaterLineReplacesIsCheckedToo) {
    file("heartbeat = x\nheartbeat = 1\n");
    EXPECT_EQ(error(), "DIR/r.conf:1: heartbeat: expected an integer from 0 to 65535, got 'x'");
}

struct BadValue {
    const char* key;
    const char* value;
    const char* expected;
};

class BadValues : public LoadConfig, public testing::WithParamInterface<BadValue> {};

TEST_P(BadValues, IsNamed) {
    const BadValue& bad = GetParam();
    file(std::string{bad.key} + " = " + bad.value + "\n");
    EXPECT_EQ(
        error(),
        std::string{"DIR/r.conf:1: "} + bad.key + ": expected " + bad.expected + ", got '" +
            bad.value + "'");
}

constexpr const char* kBoolean = "true or false";
constexpr const char* kPort = "PORT or ADDRESS:PORT with a numeric address";
constexpr const char* kSize = "a size in octets, such as 512MiB or 2GB";
constexpr const char* kStoreSize = "a size from 0 to 1099511627776 octets, such as 64KB or 128MB";
constexpr const char* kLevel =
    "one of debug, info, notice, warning, error, critical, alert, emergency, none";
constexpr const char* kMilliseconds = "an integer from 0 to 2147483647";

INSTANTIATE_TEST_SUITE_P(
    All, BadValues,
    testing::Values(
        BadValue{"io_threads", "65", "an integer from 0 to 64"},
        BadValue{"listeners.tcp", "5672", "none"}, BadValue{"listeners.tcp.1", "65536", kPort},
        BadValue{"listeners.tcp.1", "host:5672", kPort},
        BadValue{"listeners.tcp.1", "127.0.0.1:", kPort},
        BadValue{"listeners.tcp.default", "-1", kPort},
        BadValue{"tcp_listen_options.backlog", "0", "an integer from 1 to 65535"},
        BadValue{"tcp_listen_options.nodelay", "yes", kBoolean},
        BadValue{"tcp_listen_options.keepalive", "1", kBoolean},
        BadValue{"tcp_listen_options.sndbuf", "0", "an integer from 1 to 1073741824"},
        BadValue{"tcp_listen_options.recbuf", "64KB", "an integer from 1 to 1073741824"},
        BadValue{"tcp_listen_options.linger.on", "on", kBoolean},
        BadValue{"tcp_listen_options.linger.timeout", "-1", "an integer from 0 to 65535"},
        BadValue{"tcp_user_timeout", "infinity", kMilliseconds},
        BadValue{"default_user_tags.x", "maybe", kBoolean},
        BadValue{"loopback_users", "guest", "none"},
        BadValue{"loopback_users.guest", "none", kBoolean},
        BadValue{"listeners.ssl", "5671", "none"}, BadValue{"listeners.ssl.1", "host:1", kPort},
        BadValue{"ssl_options.verify", "true", "one of verify_none, verify_peer"},
        BadValue{
            "ssl_options.versions.1", "tls1", "one of tlsv1.3, tlsv1.2, tlsv1.1, tlsv1, sslv3"},
        BadValue{"ssl_options.depth", "-1", "an integer from 0 to 255"},
        BadValue{"ssl_options.crl_check", "maybe", "one of false, true, peer, best_effort"},
        BadValue{"ssl_handshake_timeout", "0", "milliseconds from 1 to 2147483647, or infinity"},
        BadValue{"auth_mechanisms.1", "GSSAPI", "one of PLAIN, AMQPLAIN, EXTERNAL"},
        BadValue{
            "proxy_protocol.trusted.1",
            "10.0.0.0/33",
            "ADDRESS or ADDRESS/BITS, such as 10.0.0.0/8"},
        BadValue{"heartbeat", "65536", "an integer from 0 to 65535"},
        BadValue{"heartbeat", "1.5", "an integer from 0 to 65535"},
        BadValue{
            "frame_max", "4095", "a size from 4096 to 2147483647 octets, such as 64KB or 128MB"},
        BadValue{
            "initial_frame_max",
            "1",
            "a size from 4096 to 2147483647 octets, such as 64KB or 128MB"},
        BadValue{"channel_max", "65536", "an integer from 0 to 65535"},
        BadValue{
            "max_message_size", "0", "a size from 1 to 536870912 octets, such as 64KB or 128MB"},
        BadValue{"handshake_timeout", "0", "milliseconds from 1 to 2147483647, or infinity"},
        BadValue{"login_failure_delay", "-1", kMilliseconds},
        BadValue{"vm_memory_high_watermark", "40%", "a fraction such as 0.4"},
        BadValue{"vm_memory_high_watermark.relative", "-0.4", "a fraction such as 0.4"},
        BadValue{"vm_memory_high_watermark.absolute", "1XB", kSize},
        BadValue{"total_memory_available_override_value", "much", kSize},
        BadValue{"disk_free_limit.absolute", "-1", kSize},
        BadValue{"disk_free_limit.relative", "nan", "a fraction such as 0.4"},
        BadValue{"journal.size", "2TB", kStoreSize},
        BadValue{"store.memtable_size", "x", kStoreSize},
        BadValue{"store.cache_size", "-1", kStoreSize},
        BadValue{"close_barrier.enabled", "off", kBoolean},
        BadValue{"delivery_slow_start.enabled", "TRUE", kBoolean},
        BadValue{"delivery_slow_start.initial_window", "0", "an integer from 1 to 65535"},
        BadValue{"delivery_slow_start.interval", "0", "an integer from 1 to 2147483647"},
        BadValue{"poison.max_returns", "-1", "an integer from 0 to 1000000"},
        BadValue{"log.console", "maybe", kBoolean}, BadValue{"log.console.level", "loud", kLevel},
        BadValue{"log.console.stdio", "tty", "one of stdout, stderr"},
        BadValue{"log.console.formatter", "xml", "one of plaintext, json"},
        BadValue{"log.default.level", "loud", kLevel}, BadValue{"log.level", "loud", kLevel},
        BadValue{"log.file.level", "INFO", kLevel},
        BadValue{"log.file.formatter", "xml", "one of plaintext, json"},
        BadValue{"log.connection.level", "off", kLevel}));

TEST_F(ConfigErrors, TooLongAValue) {
    set("default_user", std::string(256, 'x'));
    EXPECT_EQ(
        error(),
        "--set: default_user: expected at most 255 octets, got '" + std::string(256, 'x') + "'");
}

TEST_F(ConfigErrors, ASecretIsNotRepeated) {
    set("default_pass", std::string(256, 'x'));
    EXPECT_EQ(error(), "--set: default_pass: expected at most 255 octets, got '...'");
}

TEST_F(ConfigErrors, BadValueOfTheEnvironment) {
    environment("RABBITMQ_NODE_PORT", "amqp");
    EXPECT_EQ(
        error(),
        "environment RABBITMQ_NODE_PORT: listeners.tcp.default: expected PORT or ADDRESS:PORT with "
        "a numeric address, got 'amqp'");
}

TEST_F(ConfigErrors, KeysOfALaterPartAreOneWarning) {
    file(
        "mqtt.listeners.tcp.1 = 1883\nheartbeat = 7\nmqtt.vhost = /\n"
        "management.oauth_enabled = true\n");
    const Config config = load();
    ASSERT_EQ(config.warnings.size(), 2u);
    EXPECT_EQ(
        shown(config.warnings[0]),
        "DIR/r.conf:4: management.oauth_enabled: the rest of the HTTP API comes with a later "
        "version: management.tcp.* and management.ssl.* serve it");
    EXPECT_EQ(
        shown(config.warnings[1]),
        "DIR/r.conf:1: mqtt.listeners.tcp.1 (and 1 more): any other protocol comes with a later "
        "version: listeners speak AMQP 0-9-1 alone");
    EXPECT_EQ(config.heartbeat_s, 7);
}

TEST_F(ConfigErrors, KeysOfEveryLaterPartAreKnown) {
    file(
        "prometheus.ssl.port = 15691\ncluster_tags.region = a\n"
        "definitions.https.url = h\nmqtt.listeners.tcp.1 = 1883\nauth_backends.1 = ldap\n");
    EXPECT_EQ(load().warnings.size(), 5u);
}

TEST_F(ConfigErrors, KeysOfPeerDiscoveryAreCheckedAndKept) {
    file(
        "cluster_formation.peer_discovery_backend = etcd\n"
        "cluster_formation.etcd.password = pa55\n"
        "cluster_formation.etcd.ssl_options.depth = 2\n");
    const Config config = load();
    EXPECT_EQ(config.cluster_formation.at("cluster_formation.etcd.password"), "pa55");
    EXPECT_EQ(config.cluster_formation.size(), 2u);
    for (const Setting& setting : config.settings) EXPECT_NE(setting.value, "pa55");
    ASSERT_EQ(config.warnings.size(), 1u);
    EXPECT_EQ(
        shown(config.warnings[0]),
        "DIR/r.conf:3: cluster_formation.etcd.ssl_options.depth has no effect: libcurl's way is "
        "fixed");
    sources_.files.clear();
    file("cluster_formation.etcd.node_ttl = 3\n");
    EXPECT_EQ(
        error(),
        "DIR/r.conf:1: cluster_formation.etcd.node_ttl: expected an integer from 15 to 86400, got "
        "'3'");
}

TEST_F(ConfigErrors, KeysOfTheClusterAreCheckedAndTheSecretIsNotShown) {
    file(
        "cluster.listener = 127.0.0.1:0\ncluster.advertise = mq-1.example:31001\n"
        "cluster.secret = pa55\n");
    const Config config = load();
    EXPECT_EQ(config.cluster_formation.at("cluster.listener"), "127.0.0.1:0");
    EXPECT_EQ(config.cluster_formation.at("cluster.advertise"), "mq-1.example:31001");
    EXPECT_EQ(config.cluster_formation.at("cluster.secret"), "pa55");
    EXPECT_TRUE(config.warnings.empty());
    for (const Setting& setting : config.settings) EXPECT_NE(setting.value, "pa55");
    sources_.files.clear();
    file("cluster.advertise = a:b:c\n");
    EXPECT_EQ(
        error(),
        "DIR/r.conf:1: cluster.advertise: expected HOST, HOST:PORT or [ADDRESS]:PORT, got "
        "'a:b:c'");
}

TEST_F(ConfigErrors, KeysWithoutEffectSayWhy) {
    file("queue_master_locator = min-masters\nconsumer_timeout = 1800000\n");
    const Config config = load();
    ASSERT_EQ(config.warnings.size(), 2u);
    EXPECT_EQ(
        shown(config.warnings[0]),
        "DIR/r.conf:1: queue_master_locator has no effect: there are no mirrored queues here");
    EXPECT_EQ(
        shown(config.warnings[1]),
        "DIR/r.conf:2: consumer_timeout has no effect: the ack timeout is off");
}

TEST_F(ConfigErrors, DoubleQuotesStayAndAreSaidAloud) {
    file("default_user = \"bob\"\n");
    const Config config = load();
    EXPECT_EQ(config.default_user.name, "\"bob\"");
    ASSERT_EQ(config.warnings.size(), 1u);
    EXPECT_EQ(
        shown(config.warnings[0]),
        "DIR/r.conf:1: default_user: the double quotes are part of the value, as in RabbitMQ");
}

}  // namespace
}  // namespace lvt::broker
