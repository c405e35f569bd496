#include "cluster/discovery/autocluster.h"

#include <fmt/format.h>

namespace lvt::discovery {
namespace {

struct Translation {
    std::string_view variable;
    /// Below cluster_formation.; empty: the variable has no effect, because of `because`.
    std::string_view key;
    std::string_view because = {};
};

constexpr Translation kAlways[] = {
    {"AUTOCLUSTER_TYPE", "peer_discovery_backend"},
    {"AUTOCLUSTER_HOST", "dns.hostname"},
    {"AUTOCLUSTER_DELAY", "", "nodes that start together need no random delay"},
    {"AUTOCLUSTER_LOG_LEVEL", "", "log.default.level is for everything"},
    {"AUTOCLUSTER_CLEANUP", "", "node_cleanup.only_log_warning says whether lost members go"},
};

constexpr Translation kWithAnyType[] = {
    {"CLEANUP_WARN_ONLY", "node_cleanup.only_log_warning"},
};

constexpr Translation kWithEtcd[] = {
    {"ETCD_SCHEME", "etcd.scheme"},
    {"ETCD_HOST", "etcd.host"},
    {"ETCD_PORT", "etcd.port"},
    {"ETCD_PREFIX", "etcd.key_prefix"},
    {"ETCD_NODE_TTL", "etcd.node_ttl"},
    {"CLUSTER_NAME", "etcd.cluster_name"},
    {"LOCK_WAIT_TIME", "etcd.lock_timeout"},
};

class Translator {
public:
    explicit Translator(const StringMap& environment) : environment_(environment) {}

    std::vector<OldVariable> translate() {
        const std::string type = text_of("AUTOCLUSTER_TYPE");
        for (const Translation& one : kAlways) take(one);
        failure();
        if (type.empty()) return std::move(out_);
        for (const Translation& one : kWithAnyType) take(one);
        if (type == "etcd")
            for (const Translation& one : kWithEtcd) take(one);
        // Its Kubernetes was the API server's, which is not the default any more.
        if (type == "k8s") add("AUTOCLUSTER_TYPE", "k8s.method", "endpoints");
        return std::move(out_);
    }

private:
    std::string text_of(std::string_view name) const {
        const auto found = environment_.find(std::string{name});
        return found == environment_.end() ? std::string{} : found->second;
    }

    void take(const Translation& one) {
        std::string text = text_of(one.variable);
        if (text.empty()) return;
        if (one.key.empty()) return without_effect(one.variable, one.because);
        // A link of Docker's, "tcp://172.17.0.2:2379".
        if (one.key == "etcd.port" && text.starts_with("tcp://"))
            text = text.substr(text.rfind(':') + 1);
        if (one.key == "etcd.cluster_name" && text == "undefined") text = "default";
        add(one.variable, one.key, std::move(text));
    }

    /// "ignore" went on alone, which no node does here.
    void failure() {
        const std::string text = text_of("AUTOCLUSTER_FAILURE");
        if (text.empty()) return;
        if (text == "stop") return add("AUTOCLUSTER_FAILURE", "discovery_retry_limit", "1");
        without_effect(
            "AUTOCLUSTER_FAILURE", "a node whose discovery fails waits and forms no cluster");
    }

    void add(std::string_view variable, std::string_view name, std::string value) {
        const std::string key = fmt::format("cluster_formation.{}", name);
        std::string advice = fmt::format(
            "environment {} is autocluster's and deprecated: write {} = {}", variable, key, value);
        out_.push_back({std::string{variable}, key, std::move(value), std::move(advice)});
    }

    void without_effect(std::string_view variable, std::string_view because) {
        out_.push_back(
            {std::string{variable},
             {},
             {},
             fmt::format(
                 "environment {} is autocluster's and has no effect: {}", variable, because)});
    }

    const StringMap& environment_;
    std::vector<OldVariable> out_;
};

}  // namespace

std::vector<OldVariable> autocluster_variables(const StringMap& environment) {
    return Translator{environment}.translate();
}

}  // namespace lvt::discovery
