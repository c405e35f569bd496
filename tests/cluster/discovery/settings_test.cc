#include "cluster/discovery/settings.h"

#include "cluster/discovery/registry.h"

#include <gtest/gtest.h>

namespace lvt::discovery {
namespace {

constexpr SettingSpec kSpecs[] = {
    {.name = "host", .environment = "X_HOST", .fallback = "localhost"},
    {.name = "port", .kind = SettingKind::port, .environment = "X_PORT", .fallback = "80"},
    {.name = "ttl", .kind = SettingKind::integer, .environment = "X_TTL", .min = 15, .max = 90},
    {.name = "time", .kind = SettingKind::integer, .min = 15, .max = 90, .meant = "ttl"},
    {.name = "tags", .kind = SettingKind::list, .environment = "X_TAGS"},
    {.name = "meta", .kind = SettingKind::map, .environment = "X_META"},
    {.name = "secret", .kind = SettingKind::integer, .secret = true},
    {.name = "tries", .kind = SettingKind::limit, .fallback = "unlimited"},
    {.name = "old", .idle = "nobody needs it"},
    {.name = "path", .fallback = "a"},
    {.name = "path", .kind = SettingKind::list, .meant = "paths"},
    {.name = "paths", .kind = SettingKind::list},
};

Result<Settings> resolve(const StringMap& given, const StringMap& environment = {}) {
    return Settings::resolve("p.", kSpecs, given, environment);
}

TEST(Settings, EnvironmentBeatsFileBeatsDefault) {
    const Settings none = resolve({}).value();
    EXPECT_EQ(none.text("host"), "localhost");
    EXPECT_FALSE(none.has("host"));
    EXPECT_EQ(none.integer("ttl"), 0);
    EXPECT_EQ(resolve({{"p.host", "f"}}).value().text("host"), "f");
    EXPECT_EQ(resolve({{"p.host", "f"}}, {{"X_HOST", "e"}}).value().text("host"), "e");
    EXPECT_EQ(resolve({{"p.host", "f"}}, {{"X_HOST", ""}}).value().text("host"), "f");
    EXPECT_EQ(resolve({}, {{"X_PORT", "tcp://h:8500"}}).value().integer("port"), 8500);
    EXPECT_EQ(resolve({{"p.hosts", "x"}, {"q.host", "x"}}).value().text("host"), "localhost");
}

TEST(Settings, ListsGoByNumberAndMapsByName) {
    const Settings read = resolve({{"p.tags.10", "c"},
                                   {"p.tags.2", "b"},
                                   {"p.tags.1", "a"},
                                   {"p.meta.a\\.b", "x"},
                                   {"p.meta.c.d", "y"}})
                              .value();
    EXPECT_EQ(read.list("tags"), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(read.map("meta"), (StringMap{{"a.b", "x"}, {"c.d", "y"}}));
    const Settings outside =
        resolve({{"p.tags.1", "a"}}, {{"X_TAGS", "x, y,"}, {"X_META", R"({"k":"v"})"}}).value();
    EXPECT_EQ(outside.list("tags"), (std::vector<std::string>{"x", "y"}));
    EXPECT_EQ(outside.map("meta"), (StringMap{{"k", "v"}}));
    EXPECT_TRUE(resolve({{"p.tags", "none"}}).value().list("tags").empty());
}

TEST(Settings, AKeyMayHaveASecondNameAndBeAList) {
    EXPECT_EQ(resolve({{"p.time", "20"}}).value().integer("ttl"), 20);
    const Settings read = resolve({{"p.path", "b"}, {"p.path.1", "c"}}).value();
    EXPECT_EQ(read.text("path"), "b");
    EXPECT_EQ(read.list("paths"), (std::vector<std::string>{"c"}));
}

TEST(Settings, ALimitMayBeNone) {
    EXPECT_EQ(resolve({}).value().limit("tries"), std::nullopt);
    EXPECT_EQ(resolve({{"p.tries", "3"}}).value().limit("tries"), 3);
}

TEST(Settings, WhatIsWrongIsNamed) {
    EXPECT_EQ(
        resolve({{"p.ttl", "7"}}).error().message,
        "p.ttl: expected an integer from 15 to 90, got '7'");
    EXPECT_EQ(
        resolve({}, {{"X_TTL", "x"}}).error().message,
        "environment X_TTL: p.ttl: expected an integer from 15 to 90, got 'x'");
    EXPECT_EQ(
        resolve({{"p.secret", "hush"}}).error().message,
        "p.secret: expected an integer from 0 to 2147483647, got '...'");
    EXPECT_EQ(
        resolve({{"p.tags", "a"}}).error().message,
        "p.tags: expected none, or values at tags.$, got 'a'");
    EXPECT_EQ(
        resolve({{"p.tags.a", "a"}}).error().message,
        "p.tags.a: expected a number behind tags., got 'a'");
    EXPECT_EQ(
        resolve({}, {{"X_META", "[1]"}}).error().message,
        "environment X_META: p.meta: expected a JSON object of strings, got '[1]'");
}

TEST(Settings, EveryKeyOfRabbitMqIsKnown) {
    const std::pair<const char*, const char*> keys[] = {
        {"peer_discovery_backend", "rabbit_peer_discovery_k8s"},
        {"peer_discovery_backend", "rabbitmq_peer_discovery_etcd"},
        {"peer_discovery_backend", "kubernetes"},
        {"peer_discovery_backend", "dcos"},
        {"peer_discovery_backend", "classic"},
        {"node_type", "disc"},
        {"registration.enabled", "false"},
        {"target_cluster_size_hint", "3"},
        {"discovery_retry_limit", "unlimited"},
        {"discovery_retry_interval", "500"},
        {"lock_retry_limit", "10"},
        {"internal_lock_retries", "80"},
        {"randomized_startup_delay_range.min", "5"},
        {"node_cleanup.interval", "10"},
        {"node_cleanup.only_log_warning", "true"},
        {"proxy.http_proxy", "h:1"},
        {"proxy.proxy_exclusions.1", "localhost"},
        {"classic_config.nodes.1", "rabbit@a"},
        {"dns.hostname", "seed.example"},
        {"aws.region", "us-west-2"},
        {"aws.use_autoscaling_group", "true"},
        {"aws.instance_tags.Name", "x"},
        {"aws.instance_tags", "none"},
        {"aws.hostname_path", "networkInterfaceSet,1,association,publicDnsName"},
        {"aws.hostname_path.1", "privateDnsName"},
        {"aws.ec2_instance_states.1", "running"},
        {"consul.svc_tags.1", "a"},
        {"consul.svc_meta.owner", "a"},
        {"consul.lock_wait_time", "30"},
        {"consul.ssl_options.cacertfile", "/x"},
        {"consul.ssl_options", "none"},
        {"etcd.endpoints.1", "h:2379"},
        {"etcd.endpoints", "none"},
        {"etcd.ssl_options.versions.1", "tlsv1.2"},
        {"etcd.ssl_options.key.RSAPrivateKey", "x"},
        {"etcd.lock_timeout", "60"},
        {"k8s.address_type", "hostname"},
        {"k8s.ordinal_start", "0"},
        {"k8s.tls.verify", "verify_none"},
    };
    for (const auto& [key, value] : keys) {
        const KeyCheck check = check_key(std::string{"cluster_formation."} + key, value);
        EXPECT_TRUE(check.known) << key;
        EXPECT_EQ(check.expected, "") << key;
    }
    EXPECT_TRUE(check_key("aws.prefer_imdsv2", "false").known);
}

TEST(Settings, KeysThatThereAreNotAreUnknown) {
    for (const char* key :
         {"cluster_formation.nope",
          "cluster_formation.etcd.nope",
          "cluster_formation.etcd",
          "cluster_formation.etcd.ssl_options.nope",
          "cluster_formation.",
          "aws.nope",
          "heartbeat"})
        EXPECT_FALSE(check_key(key, "1").known) << key;
    EXPECT_NE(check_key("cluster_formation.peer_discovery_backend", "zookeeper").expected, "");
    EXPECT_NE(check_key("cluster_formation.k8s.address_type", "mac").expected, "");
    EXPECT_TRUE(check_key("cluster_formation.etcd.password", "x").secret);
    EXPECT_FALSE(check_key("cluster_formation.lock_retry_limit", "x").idle.empty());
}

}  // namespace
}  // namespace lvt::discovery
