#include "cluster/discovery/autocluster.h"

#include <gtest/gtest.h>

namespace lvt::discovery {
namespace {

/// "VARIABLE: KEY = VALUE", or "VARIABLE: " and why it has no effect.
std::vector<std::string> translated(const StringMap& environment) {
    std::vector<std::string> out;
    for (const OldVariable& one : autocluster_variables(environment)) {
        EXPECT_TRUE(one.advice.starts_with("environment " + one.name + " is autocluster's and "));
        out.push_back(
            one.name + ": " +
            (one.key.empty() ? one.advice.substr(one.advice.rfind(": ") + 2)
                             : one.key + " = " + one.value));
    }
    return out;
}

using Lines = std::vector<std::string>;

TEST(Autocluster, VariablesBecomeKeys) {
    EXPECT_EQ(
        translated({{"AUTOCLUSTER_TYPE", "dns"}, {"AUTOCLUSTER_HOST", "mq.example"}}),
        (Lines{
            "AUTOCLUSTER_TYPE: cluster_formation.peer_discovery_backend = dns",
            "AUTOCLUSTER_HOST: cluster_formation.dns.hostname = mq.example"}));
    EXPECT_EQ(
        autocluster_variables({{"AUTOCLUSTER_TYPE", "aws"}}).front().advice,
        "environment AUTOCLUSTER_TYPE is autocluster's and deprecated: write "
        "cluster_formation.peer_discovery_backend = aws");
}

TEST(Autocluster, Etcd) {
    EXPECT_EQ(
        translated(
            {{"AUTOCLUSTER_TYPE", "etcd"},
             {"ETCD_SCHEME", "https"},
             {"ETCD_HOST", "e"},
             {"ETCD_PORT", "tcp://172.17.0.2:4001"},
             {"ETCD_PREFIX", "p"},
             {"ETCD_NODE_TTL", "30"},
             {"CLUSTER_NAME", "undefined"},
             {"LOCK_WAIT_TIME", "300"}}),
        (Lines{
            "AUTOCLUSTER_TYPE: cluster_formation.peer_discovery_backend = etcd",
            "ETCD_SCHEME: cluster_formation.etcd.scheme = https",
            "ETCD_HOST: cluster_formation.etcd.host = e",
            "ETCD_PORT: cluster_formation.etcd.port = 4001",
            "ETCD_PREFIX: cluster_formation.etcd.key_prefix = p",
            "ETCD_NODE_TTL: cluster_formation.etcd.node_ttl = 30",
            "CLUSTER_NAME: cluster_formation.etcd.cluster_name = default",
            "LOCK_WAIT_TIME: cluster_formation.etcd.lock_timeout = 300"}));
}

TEST(Autocluster, ItsKubernetesIsTheApiServers) {
    EXPECT_EQ(
        translated({{"AUTOCLUSTER_TYPE", "k8s"}, {"K8S_HOST", "api"}, {"ETCD_HOST", "e"}}),
        (Lines{
            "AUTOCLUSTER_TYPE: cluster_formation.peer_discovery_backend = k8s",
            "AUTOCLUSTER_TYPE: cluster_formation.k8s.method = endpoints"}));
}

TEST(Autocluster, WhatHasNoEffectIsSaid) {
    EXPECT_EQ(
        translated(
            {{"AUTOCLUSTER_FAILURE", "ignore"},
             {"AUTOCLUSTER_DELAY", "5"},
             {"AUTOCLUSTER_LOG_LEVEL", "debug"},
             {"AUTOCLUSTER_CLEANUP", "true"}}),
        (Lines{
            "AUTOCLUSTER_DELAY: nodes that start together need no random delay",
            "AUTOCLUSTER_LOG_LEVEL: log.default.level is for everything",
            "AUTOCLUSTER_CLEANUP: node_cleanup.only_log_warning says whether lost members go",
            "AUTOCLUSTER_FAILURE: a node whose discovery fails waits and forms no cluster"}));
    EXPECT_EQ(
        translated({{"AUTOCLUSTER_FAILURE", "stop"}}),
        Lines{"AUTOCLUSTER_FAILURE: cluster_formation.discovery_retry_limit = 1"});
}

TEST(Autocluster, NamesThatMayBeOthersAreLeftAloneWithoutAType) {
    EXPECT_TRUE(autocluster_variables({{"ETCD_HOST", "e"},
                                       {"ETCD_PORT", "tcp://10.0.0.1:2379"},
                                       {"CLUSTER_NAME", "c"},
                                       {"CLEANUP_WARN_ONLY", "true"},
                                       {"AUTOCLUSTER_TYPE", ""},
                                       {"CONSUL_HOST", "c"}})
                    .empty());
    EXPECT_EQ(
        translated({{"AUTOCLUSTER_TYPE", "consul"}, {"CLEANUP_WARN_ONLY", "true"}}).back(),
        "CLEANUP_WARN_ONLY: cluster_formation.node_cleanup.only_log_warning = true");
}

}  // namespace
}  // namespace lvt::discovery
