// How the application ends, and how its part that clients see is stopped and started alone.
#include "broker/app/application.h"
#include "broker/app/broker_control.h"
#include "broker/app/cluster_server.h"
#include "broker/app/management_server.h"
#include "broker/app/prometheus_server.h"

namespace lvt::broker {

namespace {

/// How long clients have to answer connection.close at a stop before their sockets are closed.
constexpr Milliseconds kCloseGrace{500};
/// How often stop_app looks whether they have gone.
constexpr Milliseconds kLookInterval{5};
/// How long the core has to finish after that; a disk that takes longer is left with an unclean stop.
constexpr Milliseconds kStopLimit{10'000};

}  // namespace

void Application::stop_app(std::function<void()> done) {
    log_.log(LogLevel::info, "stop_app: listeners are closed, connections end");
    accepting_ = false;
    app_wanted_ = false;
    // Before it has opened, a node of a cluster keeps its ports without listening.
    if (opened_)
        for (const auto& listener : listeners_) listener->close();
    if (handshakes_) handshakes_->drop_all();
    core_thread_->administer(
        CloseConnections{{}, true, "broker forced connection closure with reason 'shutdown'"},
        [](const AdminReply&) {});
    app_stopped_ = std::move(done);
    drop_connections_at_ = clock_.now().monotonic + kCloseGrace;
    app_timer_ =
        std::make_unique<LoopTimer>(core_thread_->loop(), [this] { wait_for_connections(); });
    wait_for_connections();
}

void Application::wait_for_connections() {
    if (connection_count() == 0) {
        if (app_stopped_) std::exchange(app_stopped_, nullptr)();
        return;
    }
    const Milliseconds now = clock_.now().monotonic;
    if (now >= drop_connections_at_) {
        for (const auto& lane : lanes_) lane->drop_connections();
        drop_connections_at_ = now + kCloseGrace;
    }
    app_timer_->arm_at_latest(now + kLookInterval, now);
}

Result<void> Application::start_app() {
    if (cluster_ && cluster_->status().removed)
        return Error{
            ErrorKind::invalid, "this node was removed from its cluster: reset it, then start it"};
    app_wanted_ = true;
    if (cluster_ && !opened_) {
        log_.log(LogLevel::info, "start_app: connections are accepted once this node is a member");
        cluster_->begin();
        open_if_ready();
        return {};
    }
    for (const auto& listener : listeners_) {
        Result<void> opened = listener->reopen();
        if (opened.has_value()) continue;
        for (const auto& one : listeners_) one->close();
        return opened;
    }
    accept_connections();
    if (!std::exchange(opened_, true) && options_.on_ready) options_.on_ready();
    log_.log(LogLevel::info, "start_app: connections are accepted again");
    return {};
}

void Application::stop() {
    {
        const std::lock_guard lock(mutex_);
        if (!std::exchange(running_, false)) return;
    }
    if (prometheus_) prometheus_->stop();
    management_->close_listeners();
    if (!failed()) stop_gracefully();
    if (handshakes_) handshakes_->stop_and_join();
    for (const auto& lane : lanes_) lane->stop_when_drained();
    core_thread_->stop_and_join();
    for (const auto& lane : lanes_) lane->join();
    management_->stop();
    control_.reset();
    if (cluster_) cluster_->stop();
    if (!store_) return;
    // Waits until everything is durable.
    if (const Result<void> closed = store_->close(); closed.has_error() && !failed())
        fail(closed.error());
}

void Application::stop_gracefully() {
    core_thread_->loop().post([this] {
        accepting_ = false;
        opened_ = true;  // or never will be
        for (const auto& listener : listeners_) listener->close();
    });
    core_thread_->begin_stop([this] {
        {
            const std::lock_guard lock(mutex_);
            stopped_ = true;
        }
        changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    const auto over = [this] { return stopped_ || failed_; };
    if (changed_.wait_for(lock, kCloseGrace, over)) return;
    for (const auto& lane : lanes_) lane->drop_connections();
    if (changed_.wait_for(lock, kStopLimit, over)) return;
    log_.log(LogLevel::error, "the core has not come to its end; the stop is not a clean one");
}

}  // namespace lvt::broker
