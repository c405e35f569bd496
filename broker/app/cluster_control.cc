#include "broker/app/cluster_control.h"

#include <boost/json/array.hpp>

namespace lvt::broker {
namespace {

namespace json = boost::json;
using Kind = ClusterOutcome::Kind;

// Exit codes of rabbitmqctl.
constexpr int kUsage = 64;
constexpr int kData = 65;
constexpr int kUnavailable = 69;
constexpr int kSoftware = 70;

std::string text(const json::object& args, std::string_view key) {
    const json::value* const value = args.if_contains(key);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

ControlAnswer yes() { return {true, {}, 0}; }

/// As rabbitmqctl shows RabbitMQ's errors: Erlang terms in Elixir's spelling.
ControlAnswer term(std::string_view tag, std::string_view words) {
    return ControlAnswer::refusal(fmt::format("{{:{}, '{}'}}", tag, words), kUnavailable);
}

ControlAnswer no_cluster() {
    return ControlAnswer::refusal(
        "this node has no cluster.listener and no mechanism of peer discovery, so it cannot be in "
        "a "
        "cluster",
        kUnavailable);
}

ControlAnswer answer_of_departure(Kind kind, const std::string& node) {
    switch (kind) {
        case Kind::done:
            return yes();
        case Kind::unknown_node:
            return term("not_a_cluster_node", "The node selected is not in the cluster.");
        case Kind::running:
            return ControlAnswer::refusal(
                fmt::format(
                    "{{:failed_to_remove_node, :\"{}\", {{:active, 'Mnesia is running', "
                    ":\"{}\"}}}}",
                    node,
                    node),
                kUnavailable);
        case Kind::minority:
            return ControlAnswer::refusal(
                "without it no majority of the members that remain would be there: bring one back "
                "first, or remove one that is lost",
                kUnavailable);
        default:
            return term(
                "no_running_cluster_nodes",
                "You cannot leave a cluster if no online nodes are present.");
    }
}

ControlAnswer answer_of_join(Kind kind, const std::string& self, const std::string& target) {
    switch (kind) {
        case Kind::done:
            return yes();
        case Kind::already_member:
            return {"The node is already a member of this cluster", {}, 0};
        case Kind::itself:
            return ControlAnswer::refusal(
                fmt::format("Error: cannot cluster node with itself: {}", self), kSoftware);
        case Kind::bad_name:
            return ControlAnswer::refusal(
                fmt::format("'{}' is neither NODE@HOST nor HOST:PORT", target), kData);
        case Kind::other_cluster:
            return term(
                "inconsistent_cluster",
                "This node belongs to a cluster. Reset it first: its data is given up by that.");
        default:
            return ControlAnswer::refusal(
                fmt::format(
                    "Error: unable to perform an operation on node '{}'. Please see diagnostics "
                    "information and suggestions below.\n\n * no member of a cluster with this "
                    "node's cluster.secret and cluster_name answered there in time; the logs of "
                    "both nodes say more",
                    target),
                kUnavailable);
    }
}

}  // namespace

bool ClusterControl::operate(
    const std::string& verb, const json::object& args, ControlHandler::Done& done) {
    if (verb == "discover_peers")
        discover(std::move(done));
    else if (verb == "forget_cluster_node")
        forget(text(args, "node"), std::move(done));
    else if (verb == "join_cluster")
        join(text(args, "node"), std::move(done));
    else if (verb == "leave_cluster")
        leave(std::move(done));
    else if (verb == "reset" || verb == "force_reset")
        reset(verb == "force_reset", std::move(done));
    else
        return false;
    return true;
}

ClusterServer::Done ClusterControl::then(std::function<void(Kind)> run) {
    return [this, run = std::move(run)](ClusterOutcome outcome) {
        thread_.loop().post([run, kind = outcome.kind] { run(kind); });
    };
}

void ClusterControl::discover(ControlHandler::Done done) {
    ClusterServer* const cluster = hooks_.cluster();
    if (!cluster) return done({json::array{}, {}, 0});
    cluster->discover([done = std::move(done)](auto names) {
        if (names.has_error())
            return done(ControlAnswer::refusal(names.error().message, kUnavailable));
        json::array out;
        for (const std::string& name : *names) out.emplace_back(name);
        done({std::move(out), {}, 0});
    });
}

void ClusterControl::forget(const std::string& node, ControlHandler::Done done) {
    ClusterServer* const cluster = hooks_.cluster();
    if (!cluster) return done(answer_of_departure(Kind::unknown_node, node));
    cluster->forget(node, then([node, done = std::move(done)](Kind kind) {
                        done(answer_of_departure(kind, node));
                    }));
}

void ClusterControl::join(const std::string& target, ControlHandler::Done done) {
    ClusterServer* const cluster = hooks_.cluster();
    if (!cluster) return done(no_cluster());
    if (hooks_.app_running())
        return done(ControlAnswer::refusal("the app must be stopped first", kUsage));
    cluster->join(target, then([this, target, done = std::move(done)](Kind kind) {
                      done(answer_of_join(kind, node_, target));
                  }));
}

void ClusterControl::leave(ControlHandler::Done done) {
    ClusterServer* const cluster = hooks_.cluster();
    if (!cluster) return done(no_cluster());
    cluster->leave(then(
        [this, done = std::move(done)](Kind kind) { done(answer_of_departure(kind, node_)); }));
}

void ClusterControl::reset(bool force, ControlHandler::Done done) {
    if (hooks_.app_running())
        return done(ControlAnswer::refusal("the app must be stopped first", kUsage));
    ClusterServer* const cluster = hooks_.cluster();
    if (force || !cluster) return wipe(std::move(done));
    cluster->leave(then([this, done = std::move(done)](Kind kind) {
        if (kind != Kind::done) return done(answer_of_departure(kind, node_));
        wipe(done);
    }));
}

void ClusterControl::wipe(ControlHandler::Done done) {
    const Result<void> marked = hooks_.mark_reset();
    if (marked.has_error()) return done(ControlAnswer::refusal(marked.error().message, kSoftware));
    done(yes());
    hooks_.restart();
}

}  // namespace lvt::broker
