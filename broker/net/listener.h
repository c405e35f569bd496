// Listener: one bound address. Accepted sockets are handed on as file descriptors.
#pragma once

#include "broker/net/event_loop.h"
#include "protocol/base/clock.h"
#include "protocol/base/log_sink.h"
#include "protocol/base/result.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace lvt::broker {

struct ListenerOptions {
    /// Numeric address or name. "::" takes both families (0.0.0.0 where the machine has no IPv6).
    std::string host = "::";
    /// 0: the system chooses.
    std::uint16_t port = 0;
    int backlog = 1024;
    /// What comes is to be encrypted: for listings, the listener itself does not care.
    bool tls = false;
    /// Connections are refused until listen().
    bool late = false;
};

/// Loop's thread only, but for bind().
class Listener final : public SocketEvents, public std::enable_shared_from_this<Listener> {
public:
    /// Takes a connected, non-blocking socket.
    using Accepted = std::function<void(int fd)>;

    /// Binds and, unless ListenerOptions::late, listens: connections queue in the kernel from here on. The error's text names address and reason.
    [[nodiscard]] static Result<std::shared_ptr<Listener>> bind(
        const ListenerOptions& options, EventLoop& loop, const Clock& clock, LogSink& log);

    /// Of a late one, before start(). io where another process was quicker.
    [[nodiscard]] Result<void> listen();
    /// Begins to accept.
    void start(Accepted accepted);
    void close();
    /// Binds the same address and port again; start() begins to accept.
    [[nodiscard]] Result<void> reopen();

    /// "127.0.0.1:5672" or "[::]:5672", with the real port. Any thread.
    const std::string& name() const { return name_; }
    std::uint16_t port() const { return port_; }
    bool tls() const { return options_.tls; }

    void on_readable() override;
    void on_writable() override {}

    Listener(ListenerOptions options, EventLoop& loop, const Clock& clock, LogSink& log, int fd);

private:
    void describe();

    const Clock& clock_;
    LogSink& log_;
    ListenerOptions options_;
    EventLoop& loop_;
    std::unique_ptr<WatchedSocket> socket_;
    LoopTimer retry_;
    Accepted accepted_;
    std::string name_;
    std::uint16_t port_ = 0;
    bool short_of_descriptors_ = false;
};

}  // namespace lvt::broker
