// PrometheusServer: metrics for Prometheus over HTTP, on a thread of its own, between its listener and the core.
#pragma once

#include "broker/app/resource_watch.h"
#include "broker/config/config.h"
#include "broker/core/core.h"
#include "broker/management/pid_names.h"
#include "broker/net/core_thread.h"
#include "broker/net/listener.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace lvt::http {

class Server;

}  // namespace lvt::http

namespace lvt::broker {

struct ClusterStatus;

class PrometheusServer {
public:
    /// All must outlive its thread.
    struct Parts {
        const Config& config;
        const Core& core;
        CoreThread& thread;
        const ResourceWatch& watch;
        const Clock& clock;
        LogSink& log;
        PidNames pids;
        /// Any thread. Nothing where there is no cluster.
        std::function<std::optional<ClusterStatus>()> cluster;
    };

    /// Binds where the configuration says so. The error's text names the key.
    [[nodiscard]] static Result<std::unique_ptr<PrometheusServer>> bind(
        const Config& config, const Clock& clock, LogSink& log);
    /// As stop(). Not before the core's loop is gone, which may hold answers under way.
    ~PrometheusServer();
    PrometheusServer(const PrometheusServer&) = delete;
    PrometheusServer& operator=(const PrometheusServer&) = delete;

    /// Starts the thread and accepts.
    void start(Parts parts, FatalHandler on_fatal);
    /// Any thread: ends it at once.
    void stop();
    /// "127.0.0.1:15692".
    const std::string& name() const { return listener_->name(); }

private:
    class Handler;

    PrometheusServer();

    EventLoop loop_;
    std::shared_ptr<Listener> listener_;
    std::unique_ptr<Handler> handler_;
    std::unique_ptr<http::Server> server_;
    std::thread thread_;
};

}  // namespace lvt::broker
