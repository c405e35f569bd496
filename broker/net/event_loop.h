// EventLoop: one thread's reactor, over epoll: a socket is waited for, then read or written by its owner without blocking (one wait, one recv,
// no buffer handed to the loop). A lonely message costs one epoll_wait, one recv and one send: a wait that is asked for again and again
// stays registered, one clock is set for all timers and seldom, and a post rings only where the loop sleeps.
#pragma once

#include "protocol/base/clock.h"

#include <functional>
#include <memory>

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

    /// For what brings its own Asio objects. First called before run(): the loop is then a guest of this io_context, which costs it a second
    /// look a wake-up.
    boost::asio::io_context& context();

private:
    friend class WatchedSocket;
    friend class LoopTimer;
    struct Watch;
    struct Timer;
    struct Host;
    struct Impl;
    std::shared_ptr<Impl> impl_;  // sockets and timers may outlive the loop
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
    std::unique_ptr<EventLoop::Watch> watch_;
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
    std::unique_ptr<EventLoop::Timer> timer_;
};

}  // namespace lvt::broker
