// DiscoveryThread: a mechanism of peer discovery on a thread of its own, since its calls block. It registers the node before it lists, and keeps the registration alive.
#pragma once

#include "cluster/discovery/peer_discovery.h"
#include "protocol/base/log_sink.h"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace lvt::broker {

class DiscoveryThread {
public:
    /// On its thread; the receiver posts it on.
    using Listed = std::function<void(discovery::DiscoveryResult<discovery::PeerList>)>;

    DiscoveryThread(
        std::unique_ptr<discovery::PeerDiscovery> mechanism, bool registers, Listed listed,
        LogSink& log);
    /// As stop().
    ~DiscoveryThread();

    void start();
    /// Any thread: asks once, as soon as what is under way is done.
    void list();
    /// The same for somebody else. Nobody is told once it stops.
    void list_for(Listed listed);
    /// Ends what is under way, unregisters, ends the thread. Takes seconds where the service is slow.
    void stop();

private:
    void run();
    void list_once(const Listed& listed);
    void maintain();

    const std::unique_ptr<discovery::PeerDiscovery> mechanism_;
    const bool registers_;
    const Listed listed_;
    LogSink& log_;
    bool registered_ = false;  // of the thread
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool wanted_ = false;                // guarded by mutex_
    std::vector<Listed> others_wanted_;  // guarded by mutex_
    bool stopping_ = false;              // guarded by mutex_
};

}  // namespace lvt::broker
