// BrokerControl: what `leveret ctl` asks, answered from the core. Lives on the core's thread.
#pragma once

#include "broker/app/cluster_server.h"
#include "broker/app/resource_watch.h"
#include "broker/config/config.h"
#include "broker/core/core.h"
#include "broker/management/members.h"
#include "broker/management/node_facts.h"
#include "broker/management/pid_names.h"
#include "broker/net/core_thread.h"
#include "broker/net/listener.h"
#include "broker/net/tls_context.h"
#include "protocol/base/owned_fd.h"
#include "protocol/base/result.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lvt::broker {

/// What control asks of the application, on the core's thread.
struct ControlHooks {
    std::function<void()> on_stop_requested;
    /// Calls `done` when no connection is left.
    std::function<void(std::function<void()> done)> stop_app;
    std::function<Result<void>()> start_app;
    /// That clients are shown.
    std::function<std::vector<TlsCertificate>()> certificates;
    /// Takes a client of the control socket that speaks HTTP.
    std::function<void(OwnedFd)> speaks_http;
    /// Nothing: the node is in no cluster and wants none.
    std::function<std::optional<ClusterStatus>()> cluster_status;
    std::function<ToldFacts()> node_facts;
    /// Null: the same.
    std::function<ClusterServer*()> cluster;
    Members members;
    /// The data is marked for removal (node_reset.h): the broker ends and begins anew, its app stopped.
    std::function<void()> restart;
    /// Until start_app.
    bool app_stopped = false;
};

class BrokerControl {
public:
    /// Binds the control socket in the data directory; it is served while the core's loop runs. All must outlive it.
    [[nodiscard]] static Result<std::unique_ptr<BrokerControl>> open(
        const Config& config, const Core& core, CoreThread& thread, const Clock& clock,
        ResourceWatch& watch, const std::vector<std::shared_ptr<Listener>>& listeners, LogSink& log,
        ControlHooks hooks);
    /// The names that it gives to connections and channels.
    const PidNames& pids() const;
    /// As `leveret ctl stop_app`.
    void stop_app();
    /// Clients are let in.
    void on_serving();
    /// What another member asks of this node: {"verb", "args"}. `done` is called once, with rabbitmqctl's exit code and the value, or
    /// what is wrong.
    void answer_member(
        const std::string& question, std::function<void(unsigned code, std::string text)> done);
    /// When the loop does not run any more.
    ~BrokerControl();

private:
    class Handler;
    BrokerControl();

    std::unique_ptr<Handler> handler_;
};

}  // namespace lvt::broker
