// ClusterControl: verbs of `leveret ctl` that change who belongs to the cluster, and reset. The core's thread only.
#pragma once

#include "broker/app/cluster_server.h"
#include "broker/ctl/control_server.h"

#include <functional>
#include <string>

namespace lvt::broker {

class ClusterControl {
public:
    struct Hooks {
        /// Null: the node wants no cluster.
        std::function<ClusterServer*()> cluster;
        std::function<bool()> app_running;
        /// Marks the data for removal; an error where that cannot be written.
        std::function<Result<void>()> mark_reset;
        /// The broker ends and begins anew without data, its app stopped.
        std::function<void()> restart;
    };

    /// All must outlive it and what it has begun.
    ClusterControl(CoreThread& thread, std::string node, Hooks hooks)
        : thread_(thread), node_(std::move(node)), hooks_(std::move(hooks)) {}

    /// `done` is called once. False, and nothing is called: no such verb.
    bool operate(
        const std::string& verb, const boost::json::object& args, ControlHandler::Done& done);

private:
    using Answer = std::function<ControlAnswer(ClusterOutcome::Kind)>;

    void discover(ControlHandler::Done done);
    void forget(const std::string& node, ControlHandler::Done done);
    void join(const std::string& target, ControlHandler::Done done);
    void leave(ControlHandler::Done done);
    void reset(bool force, ControlHandler::Done done);
    void wipe(ControlHandler::Done done);
    /// Runs on the core's thread when the cluster has answered.
    ClusterServer::Done then(std::function<void(ClusterOutcome::Kind)> run);

    CoreThread& thread_;
    const std::string node_;
    Hooks hooks_;
};

}  // namespace lvt::broker
