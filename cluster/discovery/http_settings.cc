// What settings and answers mean for the HTTP client: no libcurl here.
#include "cluster/discovery/http_client.h"
#include "cluster/discovery/redaction.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <system_error>

namespace lvt::discovery {
namespace {

constexpr std::string_view kOfServers = "it is for servers";
constexpr std::string_view kFiles = "PEM files are read and nothing else";
constexpr std::string_view kFixed = "libcurl's way is fixed";

constexpr SettingSpec kTls[] = {
    {.name = "verify",
     .kind = SettingKind::choice,
     .fallback = "verify_peer",
     .choices = "verify_peer|verify_none"},
    {.name = "cacertfile"},
    {.name = "certfile"},
    {.name = "keyfile"},
    {.name = "password", .secret = true},
    {.name = "versions", .kind = SettingKind::list},
    {.name = "ciphers", .kind = SettingKind::list},
    {.name = "fail_if_no_peer_cert", .idle = kOfServers},
    {.name = "dh", .idle = kOfServers},
    {.name = "dhfile", .idle = kOfServers},
    {.name = "cert", .idle = kFiles},
    {.name = "key", .kind = SettingKind::map, .secret = true, .idle = kFiles},
    {.name = "depth", .idle = kFixed},
    {.name = "crl_check", .idle = kFixed},
    {.name = "psk_identity", .idle = kFixed},
    {.name = "reuse_sessions", .idle = kFixed},
    {.name = "secure_renegotiate", .idle = kFixed},
    {.name = "log_alert", .idle = kFixed},
};

/// RabbitMQ's default port for a proxy is 80, libcurl's 1080.
std::string with_port(const std::string& proxy) {
    if (proxy.empty()) return proxy;
    const std::size_t scheme = proxy.find("://");
    const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
    const std::size_t port = proxy.rfind(':');
    if (port != std::string::npos && port >= host && proxy.find(']', port) == std::string::npos)
        return proxy;
    return proxy + ":80";
}

}  // namespace

std::span<const SettingSpec> tls_settings() { return kTls; }

Result<TlsOptions> tls_options(const Settings& settings) {
    TlsOptions out;
    out.verify_peer = settings.text("verify") == "verify_peer";
    out.ca_file = settings.text("cacertfile");
    out.certificate_file = settings.text("certfile");
    out.key_file = settings.text("keyfile");
    out.key_password = settings.text("password");
    out.versions = settings.list("versions");
    out.ciphers = settings.list("ciphers");
    for (const char* name : {"cacertfile", "certfile", "keyfile"}) {
        const std::string path = settings.text(name);
        if (!path.empty() && ::access(path.c_str(), R_OK) != 0)
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}: {}: {}",
                    settings.key(name),
                    path,
                    std::generic_category().message(errno))};
    }
    for (const std::string& version : out.versions)
        if (version != "tlsv1.2" && version != "tlsv1.3")
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}: expected tlsv1.2 or tlsv1.3, got '{}'",
                    settings.key("versions.$"),
                    version)};
    return out;
}

HttpOptions http_options(const Settings& formation, TlsOptions tls) {
    HttpOptions out;
    out.tls = std::move(tls);
    out.http_proxy = with_port(formation.text("proxy.http_proxy"));
    out.https_proxy = with_port(formation.text("proxy.https_proxy"));
    out.proxy_exclusions = formation.list("proxy.proxy_exclusions");
    return out;
}

DiscoveryError fault_of(std::string_view what, const HttpResponse& response) {
    const int status = response.status;
    std::string message = fmt::format("{}: status {}", what, status);
    if (status >= 300 && status < 400) {
        const auto location = response.headers.find("location");
        if (location != response.headers.end())
            message += fmt::format(" to {}", redacted_url(location->second));
    } else if (!response.body.empty()) {
        message += fmt::format(": {}", redacted_body(response.body, 300));
    }
    if (status == 408 || status == 429 || status >= 500) return transient(std::move(message));
    return permanent(std::move(message));
}

DiscoveryError nonsense(std::string_view what, const HttpResponse& response) {
    return transient(fmt::format(
        "{}: the answer is not what it should be: {}", what, redacted_body(response.body, 300)));
}

std::string url_escaped(std::string_view text) {
    std::string out;
    for (const char octet : text) {
        const auto plain = static_cast<unsigned char>(octet);
        if (std::isalnum(plain) || octet == '-' || octet == '_' || octet == '.' || octet == '~')
            out += octet;
        else
            out += fmt::format("%{:02X}", plain);
    }
    return out;
}

}  // namespace lvt::discovery
