// EtcdClient: etcd v3 through its JSON gateway. One thread; cancel() from any.
//
// Keys and values travel in base64, 64-bit numbers as strings; fields that are zero or false are left out of answers.
#pragma once

#include "cluster/discovery/http_client.h"
#include "protocol/base/random.h"

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lvt::discovery {

struct EtcdOptions {
    /// "http://host:2379"; tried in a random order, the one that answered last first.
    std::vector<std::string> endpoints;
    /// Empty: without authentication.
    std::string user;
    std::string password;
};

struct EtcdEntry {
    std::string key;
    std::string value;
};

/// What may be said of a call besides its body.
struct EtcdCall {
    Milliseconds timeout{5000};
    bool after_cancel = false;
};

class EtcdClient {
public:
    EtcdClient(EtcdOptions options, HttpOptions http, LogSink& log, Random& random);

    /// A lease that ends `ttl_s` seconds after its last renewal.
    [[nodiscard]] DiscoveryResult<std::int64_t> grant(std::int64_t ttl_s);
    /// False: there is no such lease any more.
    [[nodiscard]] DiscoveryResult<bool> keep_alive(std::int64_t lease);
    /// A lease that is gone already is no error.
    [[nodiscard]] DiscoveryResult<void> revoke(std::int64_t lease);
    /// False: there is no such lease any more, and nothing was written.
    [[nodiscard]] DiscoveryResult<bool> put(
        std::string_view key, std::string_view value, std::int64_t lease);
    [[nodiscard]] DiscoveryResult<void> remove(std::string_view key);
    /// All whose keys begin with `prefix`, the oldest first.
    [[nodiscard]] DiscoveryResult<std::vector<EtcdEntry>> list(std::string_view prefix);
    [[nodiscard]] DiscoveryResult<std::optional<std::string>> get(std::string_view key);
    /// Writes unless the key is there; answers the value that is there then.
    [[nodiscard]] DiscoveryResult<std::string> create(std::string_view key, std::string_view value);
    /// Waits for it; answers the key to unlock with.
    [[nodiscard]] DiscoveryResult<std::string> lock(
        std::string_view name, std::int64_t lease, Milliseconds timeout);
    [[nodiscard]] DiscoveryResult<void> unlock(std::string_view key);

    void cancel() { http_.cancel(); }

private:
    [[nodiscard]] DiscoveryResult<boost::json::value> call(
        std::string_view what, std::string_view path, const boost::json::object& body,
        EtcdCall how = {});
    [[nodiscard]] DiscoveryResult<HttpResponse> ask(
        std::string_view path, const std::string& body, EtcdCall how);
    [[nodiscard]] DiscoveryResult<void> authenticate(EtcdCall how);

    EtcdOptions options_;
    HttpClient http_;
    std::string token_;
};

}  // namespace lvt::discovery
