#include "broker/net/event_loop.h"

#include "protocol/base/owned_fd.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <optional>
#include <system_error>
#include <vector>

namespace lvt::broker {

namespace {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;

/// Sockets served between two looks at timers and posts.
constexpr std::size_t kReadyMax = 128;

int checked(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

}  // namespace

/// A descriptor and who waits for it. What epoll tells of it outlasts the wait: mostly it is waited for again before the next look. Where
/// something happens for which nobody waits, epoll is told to forget it.
struct EventLoop::Watch {
    std::shared_ptr<Impl> loop;
    int fd = -1;
    std::uint32_t told = 0;  // EPOLLIN, EPOLLOUT; 0: epoll does not know it
    std::shared_ptr<SocketEvents> reader;
    std::shared_ptr<SocketEvents> writer;
    std::size_t index = 0;  // in Impl::watches

    Watch(std::shared_ptr<Impl> of, int descriptor);
    ~Watch();
    /// Has epoll tell of `events` too.
    void tell(std::uint32_t events);
    /// ... of these alone.
    void tell_only(std::uint32_t events);
    /// Its waits are dropped. The descriptor.
    int let_go();
};

struct EventLoop::Timer {
    std::shared_ptr<Impl> loop;
    std::function<void()> handler;
    std::optional<Milliseconds> armed;
    SteadyClock::time_point due;

    ~Timer();
};

struct EventLoop::Impl {
    OwnedFd epoll{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
    OwnedFd bell{checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")};
    OwnedFd clock{
        checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")};
    std::atomic<bool> stopped{false};

    std::mutex mutex;
    std::vector<std::function<void()>> posted;  // guarded by mutex
    bool asleep = false;                        // guarded by mutex: a post must ring
    std::vector<std::function<void()>> running;

    std::array<epoll_event, kReadyMax> ready;
    std::size_t ready_count = 0;
    std::vector<Watch*> watches;
    /// Waits that were dropped: who closes a socket may live by its wait alone, and goes when the step is over.
    std::vector<std::shared_ptr<SocketEvents>> dropped;
    std::vector<Timer*> timers;  // those that are armed: a handful
    /// What `clock` is set to. Not the timeout of the wait: the kernel would set its own clock anew at every sleep.
    std::optional<SteadyClock::time_point> set_to;
    bool clock_rang = false;
    std::unique_ptr<Host> host;

    Impl();
    void ring() { ::eventfd_write(bell.get(), 1); }
    /// False where something has been posted: then posts need not ring.
    bool fall_asleep() {
        const std::lock_guard lock(mutex);
        return asleep = posted.empty();
    }
    void step(bool may_wait);
    void look(int timeout_ms);
    void set_clock();
    void serve_sockets();
    void serve_timers();
    void run_posted();
    void drop_everything();
};

/// The io_context whose guest the loop is: it waits for the loop's epoll.
struct EventLoop::Host {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    asio::posix::stream_descriptor descriptor;
    Impl& guest;

    explicit Host(Impl& impl)
        : descriptor(context, checked(::dup(impl.epoll.get()), "dup")), guest(impl) {}

    void start() {
        wait();
        serve();
    }
    void wait() {
        descriptor.async_wait(
            asio::posix::descriptor_base::wait_read,
            [this](const boost::system::error_code& error) {
                if (error) return;
                serve();
                wait();
            });
    }
    void serve() {
        guest.step(false);
        if (!guest.fall_asleep()) asio::post(context, [this] { serve(); });
    }
};

EventLoop::Impl::Impl() {
    // Neither is ever read, as an edge is told once.
    for (OwnedFd* const fd : {&bell, &clock}) {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.ptr = fd;
        checked(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd->get(), &event), "epoll_ctl");
    }
}

EventLoop::Watch::Watch(std::shared_ptr<Impl> of, int descriptor)
    : loop(std::move(of)), fd(descriptor), index(loop->watches.size()) {
    loop->watches.push_back(this);
}

EventLoop::Watch::~Watch() {
    if (const int open = let_go(); open >= 0) ::close(open);
    loop->watches[index] = loop->watches.back();
    loop->watches[index]->index = index;
    loop->watches.pop_back();
}

void EventLoop::Watch::tell(std::uint32_t events) {
    if ((told & events) != events) tell_only(told | events);
}

/// Nothing at all: it leaves epoll, which else tells of an error again and again.
void EventLoop::Watch::tell_only(std::uint32_t events) {
    if (events == 0 && told == 0) return;
    epoll_event event{};
    event.events = events;
    event.data.ptr = this;
    int operation = EPOLL_CTL_MOD;
    if (told == 0) operation = EPOLL_CTL_ADD;
    if (events == 0) operation = EPOLL_CTL_DEL;
    const int done = ::epoll_ctl(loop->epoll.get(), operation, fd, &event);
    if (events != 0) checked(done, "epoll_ctl");
    told = events;
}

int EventLoop::Watch::let_go() {
    tell_only(0);
    if (reader) loop->dropped.push_back(std::move(reader));
    if (writer) loop->dropped.push_back(std::move(writer));
    for (std::size_t i = 0; i < loop->ready_count; ++i)
        if (loop->ready[i].data.ptr == this) loop->ready[i].data.ptr = nullptr;
    return std::exchange(fd, -1);
}

EventLoop::Timer::~Timer() { std::erase(loop->timers, this); }

void EventLoop::Impl::step(bool may_wait) {
    const bool waits = may_wait && fall_asleep();
    look(waits ? -1 : 0);
    {
        const std::lock_guard lock(mutex);
        asleep = false;
        running.swap(posted);
    }
    serve_sockets();
    if (std::exchange(clock_rang, false)) serve_timers();
    run_posted();
    set_clock();
    dropped.clear();
}

void EventLoop::Impl::look(int timeout_ms) {
    const int count = ::epoll_wait(epoll.get(), ready.data(), kReadyMax, timeout_ms);
    if (count < 0 && errno != EINTR) checked(count, "epoll_wait");
    ready_count = count < 0 ? 0 : static_cast<std::size_t>(count);
}

void EventLoop::Impl::serve_sockets() {
    constexpr std::uint32_t kBroken = EPOLLERR | EPOLLHUP;
    for (std::size_t i = 0; i < ready_count && !stopped; ++i) {
        void* const of = ready[i].data.ptr;
        if (of == &clock) clock_rang = true;
        if (of == &clock || of == &bell || !of) continue;  // nothing: closed meanwhile
        auto* const watch = static_cast<Watch*>(of);
        const std::uint32_t events = ready[i].events;
        std::shared_ptr<SocketEvents> reader;
        std::shared_ptr<SocketEvents> writer;
        if (events & (EPOLLIN | kBroken)) reader = std::move(watch->reader);
        if (events & (EPOLLOUT | kBroken)) writer = std::move(watch->writer);
        const bool unheard = ((events & EPOLLIN) && !reader) || ((events & EPOLLOUT) && !writer) ||
                             (!reader && !writer);
        if (unheard) {
            const std::uint32_t wanted = (reader || watch->reader ? EPOLLIN : 0u) |
                                         (writer || watch->writer ? EPOLLOUT : 0u);
            watch->tell_only(wanted);
        }
        if (reader) reader->on_readable();
        if (writer && ready[i].data.ptr) writer->on_writable();
    }
    ready_count = 0;
}

void EventLoop::Impl::serve_timers() {
    set_to.reset();
    const SteadyClock::time_point now = SteadyClock::now();
    // At most once each: one that is armed anew for now comes with the next step.
    for (std::size_t left = timers.size(); left > 0 && !stopped; --left) {
        const auto at = std::find_if(
            timers.begin(), timers.end(), [now](const Timer* timer) { return timer->due <= now; });
        if (at == timers.end()) return;
        Timer* const timer = *at;
        timers.erase(at);
        timer->armed.reset();
        timer->handler();
    }
}

void EventLoop::Impl::run_posted() {
    for (std::function<void()>& handler : running) {
        if (stopped) break;
        std::exchange(handler, nullptr)();
    }
    running.clear();
}

/// It may ring early, and then finds nothing to do; it is not set to a later time.
void EventLoop::Impl::set_clock() {
    if (timers.empty()) return;
    const auto earlier = [](const Timer* a, const Timer* b) { return a->due < b->due; };
    const auto due = (*std::min_element(timers.begin(), timers.end(), earlier))->due;
    if (set_to && *set_to <= due) return;
    set_to = due;
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(due.time_since_epoch());
    constexpr std::int64_t kSecond = 1'000'000'000;
    itimerspec spec{};
    spec.it_value.tv_sec = ns.count() / kSecond;
    spec.it_value.tv_nsec = ns.count() % kSecond;
    checked(::timerfd_settime(clock.get(), TFD_TIMER_ABSTIME, &spec, nullptr), "timerfd_settime");
}

void EventLoop::Impl::drop_everything() {
    for (;;) {
        std::vector<std::function<void()>> handlers;
        {
            const std::lock_guard lock(mutex);
            handlers.swap(posted);
        }
        for (Watch* const watch : watches) {
            if (watch->reader) dropped.push_back(std::move(watch->reader));
            if (watch->writer) dropped.push_back(std::move(watch->writer));
        }
        std::vector<std::shared_ptr<SocketEvents>> waits;
        waits.swap(dropped);
        if (handlers.empty() && waits.empty()) return;
    }
}

EventLoop::EventLoop() : impl_(std::make_shared<Impl>()) {}

EventLoop::~EventLoop() {
    impl_->running.clear();
    impl_->drop_everything();
    impl_->host.reset();
    impl_->drop_everything();
}

void EventLoop::run() {
    impl_->set_clock();
    if (!impl_->host) {
        while (!impl_->stopped) impl_->step(true);
        return;
    }
    impl_->host->start();
    impl_->host->context.run();
}

void EventLoop::stop() {
    impl_->stopped = true;
    if (impl_->host) impl_->host->context.stop();
    impl_->ring();
}

void EventLoop::post(std::function<void()> handler) {
    bool wake = false;
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->posted.push_back(std::move(handler));
        wake = std::exchange(impl_->asleep, false);
    }
    if (wake) impl_->ring();
}

boost::asio::io_context& EventLoop::context() {
    if (!impl_->host) impl_->host = std::make_unique<Host>(*impl_);
    return impl_->host->context;
}

WatchedSocket::WatchedSocket(EventLoop& loop, int fd)
    : watch_(std::make_unique<EventLoop::Watch>(loop.impl_, fd)) {}

WatchedSocket::~WatchedSocket() = default;

int WatchedSocket::fd() const { return watch_->fd; }

void WatchedSocket::wait_readable(std::shared_ptr<SocketEvents> events) {
    watch_->reader = std::move(events);
    watch_->tell(EPOLLIN);
}

void WatchedSocket::wait_writable(std::shared_ptr<SocketEvents> events) {
    watch_->writer = std::move(events);
    watch_->tell(EPOLLOUT);
}

void WatchedSocket::close() {
    if (const int open = watch_->let_go(); open >= 0) ::close(open);
}

int WatchedSocket::release() { return watch_->let_go(); }

LoopTimer::LoopTimer(EventLoop& loop, std::function<void()> handler)
    : timer_(new EventLoop::Timer{loop.impl_, std::move(handler), std::nullopt, {}}) {}

LoopTimer::~LoopTimer() = default;

void LoopTimer::arm_at_latest(Milliseconds deadline, Milliseconds now) {
    if (timer_->armed && *timer_->armed <= deadline) return;
    EventLoop::Impl& loop = *timer_->loop;
    if (!timer_->armed) loop.timers.push_back(timer_.get());
    timer_->armed = deadline;
    // Relative, so that whose clock `now` is does not matter.
    timer_->due = SteadyClock::now() + std::max(deadline - now, Milliseconds(0));
    if (loop.host) loop.set_clock();  // perhaps not within a step
}

}  // namespace lvt::broker
