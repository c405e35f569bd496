// HttpClient: blocking HTTP requests of the mechanisms, one at a time, through libcurl.
//
// One thread; cancel() from any. Every request is one line at debug level, its answer another, both without secrets. Redirects are not followed.
#pragma once

#include "cluster/discovery/discovery_error.h"
#include "cluster/discovery/settings.h"
#include "protocol/base/clock.h"
#include "protocol/base/log_sink.h"

#include <boost/json/value.hpp>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lvt::discovery {

/// How a TLS server is checked, and what is shown to it. Files are PEM.
struct TlsOptions {
    bool verify_peer = true;
    std::string ca_file;  // empty: the system's authorities
    std::string certificate_file;
    std::string key_file;
    std::string key_password;
    /// "tlsv1.2", "tlsv1.3"; empty: both.
    std::vector<std::string> versions;
    /// OpenSSL's names.
    std::vector<std::string> ciphers;
};

/// The keys below a mechanism's word for TLS ("ssl_options").
[[nodiscard]] std::span<const SettingSpec> tls_settings();
/// Reads them. ErrorKind::invalid names the key whose file cannot be read.
[[nodiscard]] Result<TlsOptions> tls_options(const Settings& settings);

struct HttpOptions {
    TlsOptions tls;
    /// Empty: what libcurl takes from the environment (http_proxy, https_proxy, no_proxy).
    std::string http_proxy;
    std::string https_proxy;
    std::vector<std::string> proxy_exclusions;
    Milliseconds connect_timeout{2000};
    std::size_t body_bytes_max = 8 * 1024 * 1024;
};

/// Proxies from the formation's settings, TLS as given.
[[nodiscard]] HttpOptions http_options(const Settings& formation, TlsOptions tls = {});

/// Signature version 4 of AWS, made by libcurl: the query must be sorted and escaped already.
struct AwsSigning {
    std::string region;
    std::string service;
    std::string access_key_id;
    std::string secret_key;
};

struct HttpRequest {
    std::string method = "GET";
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    /// From the first octet to the last, connecting included.
    Milliseconds timeout{5000};
    std::optional<AwsSigning> aws;
    /// Basic authentication where not empty.
    std::string user;
    std::string password;
    /// The answer is not logged.
    bool secret_answer = false;
    /// For addresses of the machine itself.
    bool without_proxy = false;
    /// Goes on after cancel().
    bool after_cancel = false;
};

struct HttpResponse {
    int status = 0;
    std::string body;
    /// Names in lower case; of equal ones the last.
    std::map<std::string, std::string> headers;

    [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
    /// The body, if it is JSON.
    [[nodiscard]] std::optional<boost::json::value> json() const;
};

class HttpClient {
public:
    /// `log` outlives the client.
    HttpClient(HttpOptions options, LogSink& log);
    ~HttpClient();

    /// Any status is an answer. No answer: transient, or permanent where certificate, key or URL are at fault.
    [[nodiscard]] DiscoveryResult<HttpResponse> perform(const HttpRequest& request);

    /// Any thread.
    void cancel();
    [[nodiscard]] bool cancelled() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// What an answer that is no success means: 408, 429 and 5xx are transient, everything else is permanent. `what` was asked for: "etcd: list of nodes".
[[nodiscard]] DiscoveryError fault_of(std::string_view what, const HttpResponse& response);
/// The body was not what it should be: transient, the service may be starting or something else may answer in its place.
[[nodiscard]] DiscoveryError nonsense(std::string_view what, const HttpResponse& response);

/// Everything but unreserved characters as %XX (RFC 3986).
[[nodiscard]] std::string url_escaped(std::string_view text);

}  // namespace lvt::discovery
