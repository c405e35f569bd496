// ManagementServer: the HTTP API on a thread of its own, between its listener and the core. TLS handshakes come before it, on another.
#pragma once

#include "broker/app/resource_watch.h"
#include "broker/config/config.h"
#include "broker/core/core.h"
#include "broker/management/members.h"
#include "broker/net/admission_control.h"
#include "broker/net/core_thread.h"
#include "broker/net/handshake_thread.h"
#include "broker/net/listener.h"
#include "broker/net/tls_context.h"
#include "protocol/base/owned_fd.h"
#include "protocol/base/random.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace lvt::broker {

class AmqpCaller;
class ManagementApi;
class SliceQueue;
struct ClusterStatus;
struct NodeFacts;
struct ToldFacts;

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
        /// Nothing where there is no cluster.
        std::function<std::optional<ClusterStatus>()> cluster;
        Members members;
    };

    /// Binds where the configuration says so. The error's text names the key.
    [[nodiscard]] static Result<std::unique_ptr<ManagementServer>> bind(Parts parts);
    /// As stop().
    ~ManagementServer();

    /// Before the core's thread starts: the API acts as a client on the core's inner lane.
    void open(ResourceWatch& watch, Hooks hooks);
    /// Starts the thread and accepts; nothing where nobody can come: by no listener, and not `otherwise` (the control socket, members).
    void start(bool otherwise, FatalHandler on_fatal);
    /// Any thread: serves who has come by the control socket and may do everything.
    void adopt_owner(OwnedFd socket);
    /// Any thread: a request that another member's user has made there, about this node alone. `done` is called on the server's thread.
    void answer_member(
        MemberRequest request, std::function<void(unsigned status, std::string body)> done);
    /// Any thread: nothing is accepted any more.
    void close_listeners();
    /// Ends the thread.
    void stop();

    /// "http://127.0.0.1:15672", "https://[::]:15671"; none where nothing listens.
    std::vector<std::string> urls() const;
    /// What this node tells others. The core's thread, after open().
    ToldFacts told_facts() const;

private:
    explicit ManagementServer(Parts parts);
    Result<void> bind(const std::optional<ListenAddress>& address, bool tls);
    NodeFacts node_facts() const;
    void accept(const Listener& listener, int fd);
    void adopt(Arrival arrival);

    Parts parts_;
    Milliseconds started_;
    ResourceWatch* watch_ = nullptr;
    Hooks hooks_;
    SystemRandom random_;
    std::vector<std::shared_ptr<Listener>> listeners_;
    /// Null where no listener wants it.
    std::shared_ptr<TlsContext> tls_;
    /// Connections of one source under way through their handshake.
    AdmissionControl admission_;
    /// Null before start(), and where there is no TLS.
    std::unique_ptr<HandshakeThread> handshakes_;
    std::unique_ptr<AmqpCaller> caller_;
    std::unique_ptr<SliceQueue> slices_;
    std::unique_ptr<ManagementApi> api_;
    std::unique_ptr<http::Server> server_;
    /// Of the control socket: strangers do not take its places.
    std::unique_ptr<http::Server> owners_server_;
    std::thread thread_;
};

}  // namespace lvt::broker
