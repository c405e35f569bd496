#include "cluster/discovery/consul_client.h"

#include "cluster/discovery/json_access.h"
#include "protocol/base/base64.h"

#include <arpa/inet.h>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>

namespace lvt::discovery {
namespace {

namespace json = boost::json;

/// How long a blocking request may take beyond its wait: Consul adds up to a sixteenth of it.
constexpr Milliseconds kMargin{5000};
/// A session's key stays locked out for this long after its holder died ("lock-delay", 15 s by default).
constexpr Milliseconds kRetryAfter{1000};

std::string escaped_key(std::string_view key) {
    std::string out;
    while (!key.empty()) {
        const std::size_t end = std::min(key.find('/'), key.size());
        out += url_escaped(key.substr(0, end));
        if (end < key.size()) out += '/';
        key.remove_prefix(std::min(end + 1, key.size()));
    }
    return out;
}

}  // namespace

ConsulClient::ConsulClient(
    ConsulOptions options, HttpOptions http, LogSink& log, const Clock& clock)
    : options_(std::move(options)), http_(std::move(http), log), clock_(clock) {}

HttpRequest ConsulClient::request(std::string method, std::string_view path) const {
    HttpRequest out{.method = std::move(method), .url = options_.base + std::string{path}};
    if (!options_.token.empty()) out.headers.emplace_back("X-Consul-Token", options_.token);
    return out;
}

DiscoveryResult<HttpResponse> ConsulClient::ask(std::string_view what, HttpRequest request) {
    DiscoveryResult<HttpResponse> response = http_.perform(request);
    if (response.has_error() || response->ok()) return response;
    return fault_of(fmt::format("consul: {}", what), *response);
}

DiscoveryResult<json::value> ConsulClient::ask_json(std::string_view what, HttpRequest request) {
    DiscoveryResult<HttpResponse> response = ask(what, std::move(request));
    if (response.has_error()) return std::move(response).error();
    std::optional<json::value> body = response->json();
    if (!body) return nonsense(fmt::format("consul: {}", what), *response);
    return *std::move(body);
}

DiscoveryResult<json::value> ConsulClient::services(
    std::string_view service, std::string_view tag, bool only_passing) {
    std::string path = fmt::format("/v1/health/service/{}", url_escaped(service));
    char separator = '?';
    if (only_passing) {
        path += "?passing";
        separator = '&';
    }
    if (!tag.empty()) path += fmt::format("{}tag={}", separator, url_escaped(tag));
    DiscoveryResult<json::value> out = ask_json("list of services", request("GET", path));
    if (out.has_value() && !out->is_array())
        return transient("consul: list of services: the answer is no array");
    return out;
}

DiscoveryResult<void> ConsulClient::put(std::string_view path, const json::object& body) {
    HttpRequest put = request("PUT", path);
    put.headers.emplace_back("Content-Type", "application/json");
    put.body = json::serialize(body);
    DiscoveryResult<HttpResponse> response = ask("registration", std::move(put));
    if (response.has_error()) return std::move(response).error();
    // Consul says nothing at all; whoever talks here is somebody else.
    if (!response->body.empty()) return nonsense("consul: registration", *response);
    return {};
}

DiscoveryResult<void> ConsulClient::deregister(std::string_view service_id) {
    HttpRequest put =
        request("PUT", fmt::format("/v1/agent/service/deregister/{}", url_escaped(service_id)));
    put.after_cancel = true;
    DiscoveryResult<HttpResponse> response = http_.perform(put);
    if (response.has_error()) return std::move(response).error();
    if (response->ok() || response->status == 404) return {};
    return fault_of("consul: unregistering", *response);
}

DiscoveryResult<ConsulClient::Pass> ConsulClient::pass(std::string_view service_id) {
    DiscoveryResult<HttpResponse> response = http_.perform(
        request("PUT", fmt::format("/v1/agent/check/pass/service:{}", url_escaped(service_id))));
    if (response.has_error()) return std::move(response).error();
    if (response->ok()) return Pass::told;
    // Consul 1.11 says 404, older ones 500.
    const bool unknown = response->body.find("nknown check") != std::string::npos ||
                         response->body.find("does not have associated TTL") != std::string::npos;
    if (unknown) return Pass::unknown_check;
    return fault_of("consul: passing the check", *response);
}

DiscoveryResult<bool> ConsulClient::acquire() {
    DiscoveryResult<json::value> answer = ask_json(
        "taking the lock", request("PUT", fmt::format("{}?acquire={}", lock_path_, session_)));
    if (answer.has_error()) return std::move(answer).error();
    if (!answer->is_bool()) return transient("consul: taking the lock: neither true nor false");
    return answer->as_bool();
}

DiscoveryResult<ConsulClient::Holder> ConsulClient::holder(std::int64_t after, Milliseconds wait) {
    HttpRequest get = request("GET", lock_path_);
    if (after > 0) {
        get.url += fmt::format("?index={}&wait={}ms", after, wait.count());
        get.timeout = wait + wait / 16 + kMargin;
    }
    DiscoveryResult<HttpResponse> response = http_.perform(get);
    if (response.has_error()) return std::move(response).error();
    if (response->status == 404) return Holder{};
    if (!response->ok()) return fault_of("consul: who has the lock", *response);
    const std::optional<json::value> body = response->json();
    if (!body || !body->is_array() || body->as_array().empty())
        return nonsense("consul: who has the lock", *response);
    const json::value& entry = body->as_array().front();
    return Holder{text_of(entry, "Session"), number_of(entry, "ModifyIndex").value_or(0)};
}

DiscoveryResult<void> ConsulClient::wait_for_lock(std::int64_t ttl_s, Milliseconds until) {
    for (;;) {
        DiscoveryResult<bool> mine = acquire();
        if (mine.has_error()) return std::move(mine).error();
        if (*mine) return {};
        const Milliseconds left = until - clock_.now().monotonic;
        if (left <= Milliseconds::zero())
            return transient("consul: the lock is held by another node");
        DiscoveryResult<Holder> now = holder(0, {});
        if (now.has_error()) return std::move(now).error();
        // Until the key changes, but short enough for the session to live. A free key that is not to be had is in the lock-delay after its holder's
        // death, whose end changes nothing at the key.
        const Milliseconds wait =
            now->session.empty() ? kRetryAfter : Milliseconds{ttl_s * 1000 / 2};
        now = holder(now->index, std::min(left, wait));
        if (now.has_error()) return std::move(now).error();
        DiscoveryResult<void> renewed = renew();
        if (renewed.has_error()) return renewed;
    }
}

DiscoveryResult<void> ConsulClient::lock(
    std::string_view key, std::string_view name, std::int64_t ttl_s, Milliseconds timeout) {
    lock_path_ = fmt::format("/v1/kv/{}", escaped_key(key));
    HttpRequest put = request("PUT", "/v1/session/create");
    put.headers.emplace_back("Content-Type", "application/json");
    put.body = json::serialize(json::object{{"Name", name}, {"TTL", fmt::format("{}s", ttl_s)}});
    const Milliseconds until = clock_.now().monotonic + timeout;
    DiscoveryResult<json::value> created = ask_json("creating a session", std::move(put));
    if (created.has_error()) return std::move(created).error();
    session_ = text_of(*created, "ID");
    if (session_.empty()) return transient("consul: creating a session: no ID in the answer");
    DiscoveryResult<void> held = wait_for_lock(ttl_s, until);
    if (held.has_error()) static_cast<void>(unlock());
    return held;
}

DiscoveryResult<void> ConsulClient::renew() {
    if (session_.empty()) return {};
    DiscoveryResult<HttpResponse> response =
        http_.perform(request("PUT", fmt::format("/v1/session/renew/{}", session_)));
    if (response.has_error()) return std::move(response).error();
    if (response->ok()) return {};
    if (response->status != 404) return fault_of("consul: renewing the session", *response);
    session_.clear();
    return transient("consul: the lock's session has ended");
}

DiscoveryResult<void> ConsulClient::unlock() {
    if (session_.empty()) return {};
    const std::string session = std::exchange(session_, "");
    HttpRequest release = request("PUT", fmt::format("{}?release={}", lock_path_, session));
    HttpRequest destroy = request("PUT", fmt::format("/v1/session/destroy/{}", session));
    release.after_cancel = destroy.after_cancel = true;
    DiscoveryResult<HttpResponse> released = ask("giving the lock back", std::move(release));
    DiscoveryResult<HttpResponse> destroyed = ask("ending the session", std::move(destroy));
    if (released.has_error()) return std::move(released).error();
    if (destroyed.has_error()) return std::move(destroyed).error();
    return {};
}

DiscoveryResult<std::string> ConsulClient::create(std::string_view key, std::string_view value) {
    HttpRequest put = request("PUT", fmt::format("/v1/kv/{}?cas=0", escaped_key(key)));
    put.body = value;
    DiscoveryResult<json::value> answer = ask_json("writing the mark", std::move(put));
    if (answer.has_error()) return std::move(answer).error();
    if (answer->is_bool() && answer->as_bool()) return std::string{value};
    DiscoveryResult<std::optional<std::string>> there = get(key);
    if (there.has_error()) return std::move(there).error();
    if (!there->has_value()) return transient("consul: the mark is neither written nor there");
    return **std::move(there);
}

DiscoveryResult<std::optional<std::string>> ConsulClient::get(std::string_view key) {
    DiscoveryResult<HttpResponse> response =
        http_.perform(request("GET", fmt::format("/v1/kv/{}", escaped_key(key))));
    if (response.has_error()) return std::move(response).error();
    if (response->status == 404) {
        // Consul says nothing with it; an unknown path of somebody else's server has a page.
        if (!response->body.empty()) return fault_of("consul: reading the mark", *response);
        return std::optional<std::string>{};
    }
    if (!response->ok()) return fault_of("consul: reading the mark", *response);
    const std::optional<json::value> body = response->json();
    if (!body || !body->is_array() || body->as_array().empty())
        return nonsense("consul: reading the mark", *response);
    return base64_decoded(text_of(body->as_array().front(), "Value"));
}

std::string address_of_interface(const std::string& interface) {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return {};
    std::string out;
    for (const ifaddrs* one = all; one && out.empty(); one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || interface != one->ifa_name)
            continue;
        char text[INET_ADDRSTRLEN] = {};
        const auto* const address = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
        if (::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text)) out = text;
    }
    ::freeifaddrs(all);
    return out;
}

}  // namespace lvt::discovery
