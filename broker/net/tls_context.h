// TlsContext: the server side of TLS for one kind of listener: certificates, keys, trust, versions and ciphers.
//
// Files that change are read again by themselves: at most once a second a new session looks whether they did. Sessions that are
// there keep what they began with. New files that cannot be used change nothing and are one line of the log.
#pragma once

#include "broker/config/tls_config.h"
#include "protocol/base/clock.h"
#include "protocol/base/log_sink.h"
#include "protocol/base/result.h"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

// OpenSSL's SSL and SSL_CTX.
struct ssl_st;
struct ssl_ctx_st;

namespace lvt::broker {

struct SslFree {
    void operator()(ssl_st* ssl) const;
    void operator()(ssl_ctx_st* context) const;
};
using SslPtr = std::unique_ptr<ssl_st, SslFree>;
using SslContextPtr = std::unique_ptr<ssl_ctx_st, SslFree>;

/// A certificate that is shown to clients.
struct TlsCertificate {
    std::filesystem::path file;
    /// As RFC 4514 writes it.
    std::string subject;
    /// Wall time, since 1970.
    Milliseconds not_after{0};
};

class TlsContext {
public:
    /// Reads all files. ErrorKind::invalid: one line that begins with the key at fault. `clock` and `log` must outlive it.
    [[nodiscard]] static Result<std::shared_ptr<TlsContext>> load(
        TlsConfig config, const Clock& clock, LogSink& log);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    /// Any thread. The server's side of a new connection, in accept state and without its bytes' source: TlsStream brings one, and so
    /// does Asio's ssl::stream, which takes a native handle. It may outlive the context. Null only where memory has run out.
    [[nodiscard]] SslPtr new_session();

    /// Any thread: those that new sessions get.
    [[nodiscard]] std::vector<TlsCertificate> certificates() const;

private:
    /// What tells a file from another one under the same name.
    struct FileState {
        std::int64_t modified_ns = 0;
        std::int64_t changed_ns = 0;
        std::uint64_t inode = 0;
        std::int64_t size = -1;  // -1: not there

        bool operator==(const FileState&) const = default;
    };

    TlsContext(TlsConfig config, const Clock& clock, LogSink& log);
    std::vector<FileState> look_at_files() const;
    std::vector<std::filesystem::path> files() const;
    void renew_if_changed();

    const TlsConfig config_;
    const Clock& clock_;
    LogSink& log_;
    mutable std::mutex mutex_;
    SslContextPtr current_;        // guarded by mutex_, as is what follows
    std::vector<FileState> seen_;  // of the files that were last tried
    Milliseconds next_look_{0};    // monotonic
};

/// The one of such a context that clients get who ask for a host of `sni_hosts`, named as there; null where it is not among them.
[[nodiscard]] ssl_ctx_st* context_of_host(ssl_ctx_st* context, const std::string& host);

/// A TLS context made of `config` without anything that outlives it; for TlsContext and for tests of configurations.
[[nodiscard]] Result<SslContextPtr> make_ssl_context(const TlsConfig& config);

}  // namespace lvt::broker
