#include "broker/app/discovery_thread.h"

namespace lvt::broker {

using discovery::DiscoveryResult;

DiscoveryThread::DiscoveryThread(
    std::unique_ptr<discovery::PeerDiscovery> mechanism, bool registers, Listed listed,
    LogSink& log)
    : mechanism_(std::move(mechanism)),
      registers_(registers && mechanism_->supports_registration()),
      listed_(std::move(listed)),
      log_(log) {}

DiscoveryThread::~DiscoveryThread() { stop(); }

void DiscoveryThread::start() {
    thread_ = std::thread([this] { run(); });
}

void DiscoveryThread::list() {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
    changed_.notify_all();
}

void DiscoveryThread::list_for(Listed listed) {
    const std::lock_guard lock(mutex_);
    others_wanted_.push_back(std::move(listed));
    changed_.notify_all();
}

void DiscoveryThread::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    mechanism_->cancel();
    thread_.join();
    if (!registered_) return;
    const auto done = mechanism_->unregister_node();
    if (done.has_error())
        log_.log(LogLevel::warning, "cluster: not unregistered: {}", done.error().message);
}

void DiscoveryThread::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        const auto interval = mechanism_->maintenance_interval();
        const auto due = [this] { return wanted_ || stopping_ || !others_wanted_.empty(); };
        if (interval && registered_) {
            if (!changed_.wait_for(lock, *interval, due)) {
                lock.unlock();
                maintain();
                lock.lock();
                continue;
            }
        } else {
            changed_.wait(lock, due);
        }
        if (stopping_) return;
        const bool wanted = std::exchange(wanted_, false);
        const auto others = std::exchange(others_wanted_, {});
        lock.unlock();
        if (wanted) list_once(listed_);
        for (const Listed& other : others) list_once(other);
        lock.lock();
    }
}

void DiscoveryThread::maintain() {
    const auto done = mechanism_->maintain();
    if (done.has_error() && done.error().failure != discovery::Failure::cancelled)
        log_.log(LogLevel::warning, "cluster: registration: {}", done.error().message);
}

/// A node that is not registered is not found, so a failure to register is one of discovery.
void DiscoveryThread::list_once(const Listed& listed) {
    if (registers_ && !registered_) {
        DiscoveryResult<void> done = mechanism_->register_node();
        if (done.has_error()) return listed(std::move(done).error());
        registered_ = true;
        log_.log(LogLevel::info, "cluster: registered with {}", mechanism_->name());
    }
    listed(mechanism_->list());
}

}  // namespace lvt::broker
