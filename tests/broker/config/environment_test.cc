#include "broker/config/data_dir.h"
#include "tests/broker/config/load_config_fixture.h"

namespace lvt::broker {
namespace {

using Environment = LoadConfig;

TEST_F(Environment, DefaultUserOfTheImage) {
    environment("RABBITMQ_DEFAULT_USER", "u");
    environment("RABBITMQ_DEFAULT_PASS", "p");
    environment("RABBITMQ_DEFAULT_VHOST", "v");
    const DefaultUser user = load().default_user;
    EXPECT_EQ(user.name, "u");
    EXPECT_EQ(user.password, "p");
    EXPECT_EQ(user.vhost, "v");
}

TEST_F(Environment, DefaultUserFromFiles) {
    environment("RABBITMQ_DEFAULT_USER_FILE", write("u\n", "user").string());
    environment("RABBITMQ_DEFAULT_PASS_FILE", write("p q\r\n", "pass").string());
    const Config config = load();
    EXPECT_EQ(config.default_user.name, "u");
    EXPECT_EQ(config.default_user.password, "p q");
    EXPECT_EQ(setting(config, "default_user"), "u from environment RABBITMQ_DEFAULT_USER_FILE");
}

TEST_F(Environment, AMissingSecretIsAnError) {
    environment("RABBITMQ_DEFAULT_PASS_FILE", (directory_ / "none").string());
    EXPECT_EQ(
        error(),
        "environment RABBITMQ_DEFAULT_PASS_FILE: default_pass: DIR/none: No such file or "
        "directory");
}

TEST_F(Environment, AVariableAndItsFileExcludeEachOther) {
    environment("RABBITMQ_DEFAULT_PASS", "p");
    environment("RABBITMQ_DEFAULT_PASS_FILE", write("p", "pass").string());
    EXPECT_EQ(
        error(),
        "environment RABBITMQ_DEFAULT_PASS_FILE: default_pass: RABBITMQ_DEFAULT_PASS is set too, "
        "only one of them may be");
}

TEST_F(Environment, EmptyVariablesCountAsAbsent) {
    environment("RABBITMQ_DEFAULT_USER", "");
    environment("RABBITMQ_NODE_PORT", "");
    const Config config = load();
    EXPECT_EQ(config.default_user.name, "guest");
    EXPECT_EQ(config.listeners.front().port, 5672);
}

TEST_F(Environment, NodeNameIsCompletedWithTheHost) {
    environment("RABBITMQ_NODENAME", "hare");
    EXPECT_EQ(load().node_name, "hare@h");
    environment("RABBITMQ_NODENAME", "hare@field");
    EXPECT_EQ(load().node_name, "hare@field");
}

TEST_F(Environment, PortAndAddress) {
    environment("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1");
    EXPECT_EQ(load().listeners, (std::vector<ListenAddress>{{"127.0.0.1", 5672}}));
    environment("RABBITMQ_NODE_PORT", "5999");
    EXPECT_EQ(load().listeners, (std::vector<ListenAddress>{{"127.0.0.1", 5999}}));
}

TEST_F(Environment, DataDirectory) {
    environment("RABBITMQ_MNESIA_BASE", "/base");
    EXPECT_EQ(load().data_dir, "/base");
    environment("RABBITMQ_MNESIA_DIR", "/dir");
    EXPECT_EQ(load().data_dir, "/dir");
    environment("LEVERET_DATA_DIR", "/own");
    EXPECT_EQ(load().data_dir, "/own");
    EXPECT_EQ(default_data_dir(sources_.environment), "/own");
    set("data_dir", "/set");
    EXPECT_EQ(load().data_dir, "/set");
}

TEST_F(Environment, Logs) {
    environment("RABBITMQ_LOGS", "/l/x.log");
    EXPECT_FALSE(load().log.console);
    EXPECT_EQ(load().log.file, "/l/x.log");
    environment("RABBITMQ_LOGS", "-");
    EXPECT_TRUE(load().log.console);
    EXPECT_TRUE(load().log.file.empty());
}

TEST_F(Environment, LogLevels) {
    environment("RABBITMQ_LOG", "debug,connection=error,+color,queue=info");
    const LogConfig log = load().log;
    EXPECT_EQ(log.console_level, LogLevel::debug);
    EXPECT_EQ(log.connection_level, LogLevel::error);
}

TEST_F(Environment, MemoryWatermarkInItsThreeForms) {
    const std::pair<const char*, std::uint64_t> cases[] = {
        {"40%", 400'000'000}, {"5%", 50'000'000}, {"0.3", 300'000'000}, {"200MB", 200'000'000}};
    for (const auto& [text, bytes] : cases) {
        environment("RABBITMQ_VM_MEMORY_HIGH_WATERMARK", text);
        EXPECT_EQ(load().memory_limit_bytes, bytes) << text;
    }
}

TEST_F(Environment, TheCookieIsTheClustersSecret) {
    environment("RABBITMQ_ERLANG_COOKIE", "secret");
    const Config config = load();
    EXPECT_EQ(config.cluster_formation.at("cluster.secret"), "secret");
    EXPECT_TRUE(config.warnings.empty());
}

TEST_F(Environment, VariablesOfAutoclusterAreKeysWithALineEach) {
    environment("AUTOCLUSTER_TYPE", "etcd");
    environment("ETCD_HOST", "e.example");
    environment("AUTOCLUSTER_DELAY", "5");
    file("cluster_formation.peer_discovery_backend = dns\n");
    const Config config = load();
    EXPECT_EQ(
        setting(config, "cluster_formation.peer_discovery_backend"),
        "etcd from environment AUTOCLUSTER_TYPE");
    EXPECT_EQ(config.cluster_formation.at("cluster_formation.etcd.host"), "e.example");
    EXPECT_EQ(
        config.warnings,
        (std::vector<std::string>{
            "environment AUTOCLUSTER_TYPE is autocluster's and deprecated: write "
            "cluster_formation.peer_discovery_backend = etcd",
            "environment AUTOCLUSTER_DELAY is autocluster's and has no effect: nodes that start "
            "together need no random delay",
            "environment ETCD_HOST is autocluster's and deprecated: write "
            "cluster_formation.etcd.host = e.example"}));
    environment("AUTOCLUSTER_TYPE", "zookeeper");
    EXPECT_TRUE(
        error().starts_with("environment AUTOCLUSTER_TYPE: "
                            "cluster_formation.peer_discovery_backend: expected one of "));
}

TEST_F(Environment, ATaskOfMarathonIsFoundAtItsAgentsPorts) {
    environment("MESOS_TASK_ID", "mq.1");
    environment("HOST", "10.0.0.7");
    environment("PORT0", "31000");
    environment("PORT1", "31001");
    environment("PORT_PEER_1", "31002");
    const auto advertised = [this] { return setting(load(), "cluster.advertise"); };
    EXPECT_EQ(advertised(), "absent");
    set("cluster_formation.peer_discovery_backend", "dcos");
    EXPECT_EQ(advertised(), "10.0.0.7:31000 from environment HOST");
    set("cluster_formation.marathon.port_index", "1");
    EXPECT_EQ(advertised(), "10.0.0.7:31001 from environment HOST");
    set("cluster_formation.marathon.port_name", "peer-1");
    EXPECT_EQ(advertised(), "10.0.0.7:31002 from environment HOST");
    set("cluster_formation.marathon.static_port", "25672");
    EXPECT_EQ(advertised(), "10.0.0.7:25672 from environment HOST");
    set("cluster_formation.marathon.address_source", "container_ip");
    EXPECT_EQ(advertised(), "absent");
    set("cluster_formation.marathon.address_source", "host");
    set("cluster.advertise", "mq.example:1");
    EXPECT_EQ(advertised(), "mq.example:1 from --set");
}

TEST_F(Environment, ANodeIsDialledAtTheHostOfTheNameThatItWasGiven) {
    const auto advertised = [this] { return setting(load(), "cluster.advertise"); };
    environment("RABBITMQ_NODENAME", "rabbit@mq-0.mq");
    EXPECT_EQ(advertised(), "absent");
    set("cluster_formation.peer_discovery_backend", "k8s");
    EXPECT_EQ(advertised(), "mq-0.mq from node_name");
    set("cluster.listener", "31001");
    EXPECT_EQ(advertised(), "mq-0.mq from node_name");
    set("cluster.listener", "127.0.0.1:31001");
    EXPECT_EQ(advertised(), "absent");
    set("cluster.listener", "0.0.0.0:31001");
    EXPECT_EQ(advertised(), "mq-0.mq from node_name");
    environment("RABBITMQ_NODENAME", "rabbit");
    EXPECT_EQ(advertised(), "absent");
    environment("RABBITMQ_NODENAME", "rabbit@::1");
    EXPECT_EQ(advertised(), "::1 from node_name");
    environment("RABBITMQ_NODENAME", "rabbit@a b");
    EXPECT_EQ(advertised(), "absent");
}

TEST_F(Environment, CleanupIsAKeyAndNodeTypeHasNoEffect) {
    environment("CLEANUP_INTERVAL", "60");
    environment("CLEANUP_ONLY_LOG_WARNING", "false");
    environment("RABBITMQ_NODE_TYPE", "ram");
    const Config config = load();
    EXPECT_EQ(config.warnings.size(), 1u);
    EXPECT_EQ(config.cluster_formation.at("cluster_formation.node_cleanup.interval"), "60");
    EXPECT_EQ(
        config.cluster_formation.at("cluster_formation.node_cleanup.only_log_warning"), "false");
}

TEST_F(Environment, WhatKubernetesInjectsIsNobodysBusiness) {
    environment("RABBITMQ_PORT_5672_TCP", "tcp://10.0.0.1:5672");
    environment("RABBITMQ_SERVICE_HOST", "10.0.0.1");
    EXPECT_TRUE(load().warnings.empty());
}

}  // namespace
}  // namespace lvt::broker
