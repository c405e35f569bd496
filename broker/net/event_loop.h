// EventLoop: one thread's reactor. It hides Boost.Asio from everything else: a socket is waited for, then read or written
// by its owner without blocking (reference: one wait, one recv, no buffer handed to the loop).
#pragma once

#include <functional>
#include <memory>

#include "protocol/base/clock.h"

namespace boost::asio {
class io_context;
}

namespace lvt::broker {

/// Whoever waits for a file descriptor. Kept alive by the loop while a wait is pending.
class SocketEvents {
public:
    virtual ~SocketEvents() = default;
    virtual void on_readable() = 0;
    virtual void on_writable() = 0;
};

class EventLoop {
public:
    EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    ~EventLoop();

    /// Runs handlers until stop(). What a handler throws comes out of here.
    void run();
    /// Any thread. Handlers that have not run are dropped with the loop.
    void stop();
    /// Any thread. Runs in run(), in the order of posting.
    void post(std::function<void()> handler);

    /// For what brings its own Asio objects.
    boost::asio::io_context& context();

private:
    friend class WatchedSocket;
    friend class LoopTimer;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// A non-blocking file descriptor, closed with it. The loop's thread only.
class WatchedSocket {
public:
    /// Owns `fd` from here on.
    WatchedSocket(EventLoop& loop, int fd);
    WatchedSocket(const WatchedSocket&) = delete;
    WatchedSocket& operator=(const WatchedSocket&) = delete;
    ~WatchedSocket();

    /// -1 once closed.
    int fd() const;
    /// One on_readable() as soon as there is something to read (end of file and errors count). One wait at a time.
    void wait_readable(std::shared_ptr<SocketEvents> events);
    /// One on_writable().
    void wait_writable(std::shared_ptr<SocketEvents> events);
    /// Pending waits are dropped without a call.
    void close();
    /// The same, but the descriptor stays open and belongs to the caller. -1 once closed.
    [[nodiscard]] int release();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Calls its handler once for each arm(). The loop's thread only; the owner outlives the loop's run().
class LoopTimer {
public:
    LoopTimer(EventLoop& loop, std::function<void()> handler);
    LoopTimer(const LoopTimer&) = delete;
    LoopTimer& operator=(const LoopTimer&) = delete;
    ~LoopTimer();

    /// Not later than `deadline` (monotonic); replaces an earlier arm() only if it is due sooner, so that the handler looks
    /// for itself what is due. At once where the deadline has passed.
    void arm_at_latest(Milliseconds deadline, Milliseconds now);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lvt::broker
