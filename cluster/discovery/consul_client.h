// ConsulClient: what is asked of a Consul agent over HTTP. One thread; cancel() from any.
#pragma once

#include "cluster/discovery/http_client.h"

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lvt::discovery {

struct ConsulOptions {
    std::string base;   // "http://localhost:8500"
    std::string token;  // empty: without
};

class ConsulClient {
public:
    ConsulClient(ConsulOptions options, HttpOptions http, LogSink& log, const Clock& clock);

    /// The agent's list, an array. `tag` empty: any.
    [[nodiscard]] DiscoveryResult<boost::json::value> services(
        std::string_view service, std::string_view tag, bool only_passing);
    [[nodiscard]] DiscoveryResult<void> put(std::string_view path, const boost::json::object& body);
    /// One that is not there is no error. Works after cancel().
    [[nodiscard]] DiscoveryResult<void> deregister(std::string_view service_id);

    enum class Pass { told, unknown_check };
    /// Says that the service's TTL check passes.
    [[nodiscard]] DiscoveryResult<Pass> pass(std::string_view service_id);

    /// Waits until the key is this session's, which ends `ttl_s` after its last renewal.
    [[nodiscard]] DiscoveryResult<void> lock(
        std::string_view key, std::string_view name, std::int64_t ttl_s, Milliseconds timeout);
    /// Renews the lock's session, if there is one.
    [[nodiscard]] DiscoveryResult<void> renew();
    /// Releases the lock and ends its session, if there is one. Works after cancel().
    [[nodiscard]] DiscoveryResult<void> unlock();

    /// Writes unless the key is there; answers the value that is there then.
    [[nodiscard]] DiscoveryResult<std::string> create(std::string_view key, std::string_view value);
    [[nodiscard]] DiscoveryResult<std::optional<std::string>> get(std::string_view key);

    void cancel() { http_.cancel(); }

private:
    /// What stands at a key: its session if it is locked, and the index after which to wait for a change.
    struct Holder {
        std::string session;
        std::int64_t index = 0;
    };

    [[nodiscard]] HttpRequest request(std::string method, std::string_view path) const;
    [[nodiscard]] DiscoveryResult<HttpResponse> ask(std::string_view what, HttpRequest request);
    [[nodiscard]] DiscoveryResult<boost::json::value> ask_json(
        std::string_view what, HttpRequest request);
    [[nodiscard]] DiscoveryResult<bool> acquire();
    [[nodiscard]] DiscoveryResult<Holder> holder(std::int64_t after, Milliseconds wait);
    [[nodiscard]] DiscoveryResult<void> wait_for_lock(std::int64_t ttl_s, Milliseconds until);

    ConsulOptions options_;
    HttpClient http_;
    const Clock& clock_;
    std::string lock_path_;
    std::string session_;
};

/// The interface's first IPv4 address; empty: there is none.
[[nodiscard]] std::string address_of_interface(const std::string& interface);

}  // namespace lvt::discovery
