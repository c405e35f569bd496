// ManagementServer: the HTTP API on a thread of its own, between its listener and the core.
#pragma once

#include "broker/app/resource_watch.h"
#include "broker/config/config.h"
#include "broker/core/core.h"
#include "broker/net/core_thread.h"
#include "broker/net/listener.h"
#include "broker/net/tls_context.h"
#include "protocol/base/random.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace lvt::broker {

class AmqpCaller;
class ManagementApi;
class SliceQueue;

}  // namespace lvt::broker

namespace lvt::http {

class Server;

}  // namespace lvt::http

namespace lvt::broker {

class ManagementServer {
public:
    /// All must outlive it. `loop` is the server's own; it must outlive the core thread's loop too.
    struct Parts {
        const Config& config;
        const Core& core;
        CoreThread& thread;
        EventLoop& loop;
        const Clock& clock;
        LogSink& log;
        const std::vector<std::shared_ptr<Listener>>& amqp_listeners;
    };

    /// What it asks of the application, on the core's thread.
    struct Hooks {
        std::function<bool()> accepts_clients;
        /// "127.0.0.1:15692"; empty where there is none.
        std::function<std::string()> prometheus_listener;
        std::function<std::vector<TlsCertificate>()> certificates;
    };

    /// Binds where the configuration says so. The error's text names the key.
    [[nodiscard]] static Result<std::unique_ptr<ManagementServer>> bind(Parts parts);
    /// As stop().
    ~ManagementServer();

    /// Before the core's thread starts: the API acts as a client on the core's inner lane.
    void open(ResourceWatch& watch, Hooks hooks);
    /// Starts the thread and accepts.
    void start(FatalHandler on_fatal);
    /// Any thread: nothing is accepted any more.
    void close_listener();
    /// Ends the thread.
    void stop();

    /// "127.0.0.1:15672"; none where nothing listens.
    std::vector<std::string> names() const;

private:
    explicit ManagementServer(Parts parts);
    void accept(int fd);

    Parts parts_;
    Milliseconds started_;
    SystemRandom random_;
    std::shared_ptr<Listener> listener_;
    std::unique_ptr<AmqpCaller> caller_;
    std::unique_ptr<SliceQueue> slices_;
    std::unique_ptr<ManagementApi> api_;
    std::unique_ptr<http::Server> server_;
    std::thread thread_;
};

}  // namespace lvt::broker
