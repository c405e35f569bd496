#include "broker/net/event_loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>

namespace lvt::broker {

namespace asio = boost::asio;

struct EventLoop::Impl {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}

EventLoop::~EventLoop() = default;

void EventLoop::run() { impl_->context.run(); }

void EventLoop::stop() { impl_->context.stop(); }

void EventLoop::post(std::function<void()> handler) {
    asio::post(impl_->context, std::move(handler));
}

boost::asio::io_context& EventLoop::context() { return impl_->context; }

struct WatchedSocket::Impl {
    asio::posix::stream_descriptor descriptor;
};

WatchedSocket::WatchedSocket(EventLoop& loop, int fd)
    : impl_(new Impl{asio::posix::stream_descriptor(loop.impl_->context, fd)}) {}

WatchedSocket::~WatchedSocket() = default;

int WatchedSocket::fd() const {
    return impl_->descriptor.is_open() ? impl_->descriptor.native_handle() : -1;
}

void WatchedSocket::wait_readable(std::shared_ptr<SocketEvents> events) {
    impl_->descriptor.async_wait(
        asio::posix::descriptor_base::wait_read,
        [events = std::move(events)](const boost::system::error_code& error) {
            if (error != asio::error::operation_aborted) events->on_readable();
        });
}

void WatchedSocket::wait_writable(std::shared_ptr<SocketEvents> events) {
    impl_->descriptor.async_wait(
        asio::posix::descriptor_base::wait_write,
        [events = std::move(events)](const boost::system::error_code& error) {
            if (error != asio::error::operation_aborted) events->on_writable();
        });
}

void WatchedSocket::close() {
    boost::system::error_code ignored;
    impl_->descriptor.close(ignored);
}

int WatchedSocket::release() {
    return impl_->descriptor.is_open() ? impl_->descriptor.release() : -1;
}

struct LoopTimer::Impl {
    asio::steady_timer timer;
    std::function<void()> handler;
    std::optional<Milliseconds> armed;

    void wait() {
        timer.async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            armed.reset();
            handler();
        });
    }
};

LoopTimer::LoopTimer(EventLoop& loop, std::function<void()> handler)
    : impl_(new Impl{asio::steady_timer(loop.impl_->context), std::move(handler), std::nullopt}) {}

LoopTimer::~LoopTimer() = default;

void LoopTimer::arm_at_latest(Milliseconds deadline, Milliseconds now) {
    if (impl_->armed && *impl_->armed <= deadline) return;
    impl_->armed = deadline;
    // Relative, so that whose clock `now` is does not matter. One more millisecond: clocks are read in whole ones.
    impl_->timer.expires_after(std::max(deadline - now + Milliseconds(1), Milliseconds(0)));
    impl_->wait();
}

}  // namespace lvt::broker
