// ClusterServer's names of peers, looked up on a thread of their own.
#include "broker/app/cluster_node.h"
#include "broker/net/socket_address.h"

#include <netdb.h>

#include <algorithm>

namespace lvt::broker {

void ClusterServer::Node::resolve(const std::string& host, Resolved done) {
    const std::lock_guard lock(resolve_mutex_);
    to_resolve_.emplace_back(host, std::move(done));
    resolve_changed_.notify_all();
}

void ClusterServer::Node::run_resolver() {
    std::unique_lock lock(resolve_mutex_);
    while (true) {
        resolve_changed_.wait(lock, [this] { return resolve_no_more_ || !to_resolve_.empty(); });
        if (resolve_no_more_) return;
        auto [host, done] = std::move(to_resolve_.front());
        to_resolve_.pop_front();
        lock.unlock();
        std::vector<std::string> found;
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* list = nullptr;
        if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) == 0) {
            for (const addrinfo* one = list; one; one = one->ai_next) {
                sockaddr_storage storage{};
                std::copy_n(
                    reinterpret_cast<const char*>(one->ai_addr),
                    one->ai_addrlen,
                    reinterpret_cast<char*>(&storage));
                found.push_back(socket_end(storage).address);
            }
            ::freeaddrinfo(list);
        }
        loop_.post([done = std::move(done), found = std::move(found)] { done(found); });
        lock.lock();
    }
}

}  // namespace lvt::broker
