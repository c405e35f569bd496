#include "cluster/discovery/etcd_client.h"

#include "cluster/discovery/json_access.h"
#include "protocol/base/base64.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace lvt::discovery {
namespace {

namespace json = boost::json;

/// gRPC's codes, as the gateway has them in "code".
constexpr std::int64_t kInvalidArgument = 3;
constexpr std::int64_t kNotFound = 5;
constexpr std::int64_t kUnauthenticated = 16;

/// The first key behind all that begin with `prefix`.
std::string end_of(std::string prefix) {
    while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
    if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
    return prefix;
}

std::int64_t code_of(const HttpResponse& response) {
    const std::optional<json::value> body = response.json();
    return body ? number_of(*body, "code").value_or(0) : 0;
}

/// Without a token the gateway says 400 "user name is empty", with an old one 401.
bool wants_login(const HttpResponse& response) {
    if (response.status == 401) return true;
    return response.status == 400 && code_of(response) == kInvalidArgument &&
           response.body.find("user name is empty") != std::string::npos;
}

DiscoveryError etcd_fault(std::string_view what, const HttpResponse& response) {
    // gRPC's "unavailable" and its like come as 5xx; "no leader" too.
    return fault_of(fmt::format("etcd: {}", what), response);
}

std::optional<EtcdEntry> entry_of(const json::value& value) {
    std::optional<std::string> key = base64_decoded(text_of(value, "key"));
    std::optional<std::string> content = base64_decoded(text_of(value, "value"));
    if (!key || !content) return {};
    return EtcdEntry{*std::move(key), *std::move(content)};
}

}  // namespace

EtcdClient::EtcdClient(EtcdOptions options, HttpOptions http, LogSink& log, Random& random)
    : options_(std::move(options)), http_(std::move(http), log) {
    std::vector<std::string>& all = options_.endpoints;
    for (std::size_t left = all.size(); left > 1; --left)
        std::swap(all[left - 1], all[random.next() % left]);
}

DiscoveryResult<HttpResponse> EtcdClient::ask(
    std::string_view path, const std::string& body, EtcdCall how) {
    DiscoveryError last = permanent("etcd: no endpoint is configured");
    for (std::size_t i = 0; i < options_.endpoints.size(); ++i) {
        HttpRequest request{
            .method = "POST",
            .url = options_.endpoints[i] + std::string{path},
            .headers = {{"Content-Type", "application/json"}},
            .body = body,
            .timeout = how.timeout,
            .secret_answer = path.ends_with("/authenticate"),
            .after_cancel = how.after_cancel};
        if (!token_.empty()) request.headers.emplace_back("Authorization", token_);
        DiscoveryResult<HttpResponse> response = http_.perform(request);
        if (response.has_error()) {
            if (response.error().failure == Failure::cancelled) return response;
            last = std::move(response).error();
            continue;
        }
        const bool unwell = response->status >= 500;
        if (unwell && i + 1 < options_.endpoints.size()) continue;
        if (!unwell)
            std::rotate(
                options_.endpoints.begin(),
                options_.endpoints.begin() + static_cast<std::ptrdiff_t>(i),
                options_.endpoints.end());
        return response;
    }
    return last;
}

DiscoveryResult<void> EtcdClient::authenticate(EtcdCall how) {
    token_.clear();
    if (options_.user.empty())
        return permanent(
            "etcd: it wants a user: set cluster_formation.etcd.username and .password");
    const json::object body{{"name", options_.user}, {"password", options_.password}};
    how.timeout = EtcdCall{}.timeout;
    DiscoveryResult<HttpResponse> response =
        ask("/v3/auth/authenticate", json::serialize(body), how);
    if (response.has_error()) return std::move(response).error();
    const std::string what = fmt::format("login of user '{}'", options_.user);
    if (!response->ok()) {
        // Where authentication is off, a login says so and nothing needs one.
        if (response->body.find("authentication is not enabled") != std::string::npos) return {};
        return etcd_fault(what, *response);
    }
    const std::optional<json::value> answer = response->json();
    token_ = answer ? text_of(*answer, "token") : std::string{};
    if (token_.empty()) return transient(fmt::format("etcd: {}: no token in the answer", what));
    return {};
}

DiscoveryResult<json::value> EtcdClient::call(
    std::string_view what, std::string_view path, const json::object& body, EtcdCall how) {
    const std::string text = json::serialize(body);
    if (!options_.user.empty() && token_.empty()) {
        DiscoveryResult<void> login = authenticate(how);
        if (login.has_error()) return std::move(login).error();
    }
    DiscoveryResult<HttpResponse> response = ask(path, text, how);
    if (response.has_value() && wants_login(*response)) {
        DiscoveryResult<void> login = authenticate(how);
        if (login.has_error()) return std::move(login).error();
        response = ask(path, text, how);
    }
    if (response.has_error()) return std::move(response).error();
    if (!response->ok()) {
        if (response->status == 404 && code_of(*response) == kNotFound)
            return json::value(json::object{{"code", kNotFound}});
        DiscoveryError fault = etcd_fault(what, *response);
        // A token that ended between two calls is no wrong password.
        if (code_of(*response) == kUnauthenticated) fault.failure = Failure::transient;
        return fault;
    }
    // A stream's answer is one object a line, each below "result".
    HttpResponse first = *response;
    first.body = first.body.substr(0, first.body.find('\n'));
    std::optional<json::value> answer = response->json();
    if (!answer) answer = first.json();
    if (!answer || !answer->is_object()) return nonsense(fmt::format("etcd: {}", what), *response);
    if (const json::value* result = member(*answer, "result"); result && result->is_object())
        return json::value{*result};
    return *std::move(answer);
}

DiscoveryResult<std::int64_t> EtcdClient::grant(std::int64_t ttl_s) {
    DiscoveryResult<json::value> answer =
        call("granting a lease", "/v3/lease/grant", {{"TTL", ttl_s}});
    if (answer.has_error()) return std::move(answer).error();
    const std::optional<std::int64_t> id = number_of(*answer, "ID");
    if (!id) return transient("etcd: granting a lease: no ID in the answer");
    return *id;
}

DiscoveryResult<bool> EtcdClient::keep_alive(std::int64_t lease) {
    DiscoveryResult<json::value> answer =
        call("renewing a lease", "/v3/lease/keepalive", {{"ID", std::to_string(lease)}});
    if (answer.has_error()) return std::move(answer).error();
    return number_of(*answer, "TTL").value_or(0) > 0;
}

DiscoveryResult<void> EtcdClient::revoke(std::int64_t lease) {
    DiscoveryResult<json::value> answer = call(
        "revoking a lease",
        "/v3/lease/revoke",
        {{"ID", std::to_string(lease)}},
        {.after_cancel = true});
    if (answer.has_error()) return std::move(answer).error();
    return {};
}

DiscoveryResult<bool> EtcdClient::put(
    std::string_view key, std::string_view value, std::int64_t lease) {
    DiscoveryResult<json::value> answer = call(
        "writing a key",
        "/v3/kv/put",
        {{"key", base64_encoded(key)},
         {"value", base64_encoded(value)},
         {"lease", std::to_string(lease)}});
    if (answer.has_error()) return std::move(answer).error();
    return member(*answer, "code") == nullptr;
}

DiscoveryResult<void> EtcdClient::remove(std::string_view key) {
    DiscoveryResult<json::value> answer = call(
        "removing a key",
        "/v3/kv/deleterange",
        {{"key", base64_encoded(key)}},
        {.after_cancel = true});
    if (answer.has_error()) return std::move(answer).error();
    return {};
}

DiscoveryResult<std::vector<EtcdEntry>> EtcdClient::list(std::string_view prefix) {
    DiscoveryResult<json::value> answer = call(
        "listing keys",
        "/v3/kv/range",
        {{"key", base64_encoded(prefix)},
         {"range_end", base64_encoded(end_of(std::string{prefix}))},
         {"sort_order", "ASCEND"},
         {"sort_target", "CREATE"}});
    if (answer.has_error()) return std::move(answer).error();
    // An empty answer has neither: the header is what tells it from somebody else's JSON.
    if (!member(*answer, "header")) return transient("etcd: listing keys: no header in the answer");
    std::vector<EtcdEntry> out;
    for (const json::value& one : array_of(*answer, "kvs"))
        if (std::optional<EtcdEntry> entry = entry_of(one)) out.push_back(*std::move(entry));
    return out;
}

DiscoveryResult<std::optional<std::string>> EtcdClient::get(std::string_view key) {
    DiscoveryResult<json::value> answer =
        call("reading a key", "/v3/kv/range", {{"key", base64_encoded(key)}});
    if (answer.has_error()) return std::move(answer).error();
    if (!member(*answer, "header"))
        return transient("etcd: reading a key: no header in the answer");
    std::optional<std::string> out;
    for (const json::value& one : array_of(*answer, "kvs"))
        if (std::optional<EtcdEntry> entry = entry_of(one)) out = std::move(entry->value);
    return out;
}

DiscoveryResult<std::string> EtcdClient::create(std::string_view key, std::string_view value) {
    const std::string coded = base64_encoded(key);
    DiscoveryResult<json::value> answer = call(
        "creating a key",
        "/v3/kv/txn",
        {{"compare",
          json::array{json::object{
              {"key", coded},
              {"target", "CREATE"},
              {"result", "EQUAL"},
              {"create_revision", "0"}}}},
         {"success",
          json::array{json::object{
              {"request_put", json::object{{"key", coded}, {"value", base64_encoded(value)}}}}}},
         {"failure", json::array{json::object{{"request_range", json::object{{"key", coded}}}}}}});
    if (answer.has_error()) return std::move(answer).error();
    const json::value* const succeeded = member(*answer, "succeeded");
    if (succeeded && succeeded->is_bool() && succeeded->as_bool()) return std::string{value};
    for (const json::value& one : array_of(*answer, "responses")) {
        const json::value* const range = member(one, "response_range");
        if (!range) continue;
        for (const json::value& found : array_of(*range, "kvs"))
            if (std::optional<EtcdEntry> entry = entry_of(found)) return std::move(entry->value);
    }
    return transient("etcd: creating a key: the answer says neither that it is new nor what it is");
}

DiscoveryResult<std::string> EtcdClient::lock(
    std::string_view name, std::int64_t lease, Milliseconds timeout) {
    DiscoveryResult<json::value> answer = call(
        "waiting for the lock",
        "/v3/lock/lock",
        {{"name", base64_encoded(name)}, {"lease", std::to_string(lease)}},
        {.timeout = timeout});
    if (answer.has_error()) return std::move(answer).error();
    std::optional<std::string> key = base64_decoded(text_of(*answer, "key"));
    if (!key || key->empty()) return transient("etcd: waiting for the lock: no key in the answer");
    return *std::move(key);
}

DiscoveryResult<void> EtcdClient::unlock(std::string_view key) {
    DiscoveryResult<json::value> answer = call(
        "giving the lock back",
        "/v3/lock/unlock",
        {{"key", base64_encoded(key)}},
        {.after_cancel = true});
    if (answer.has_error()) return std::move(answer).error();
    return {};
}

}  // namespace lvt::discovery
