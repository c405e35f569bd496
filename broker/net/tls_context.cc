#include "broker/net/tls_context.h"

#include "broker/net/tls_names.h"

#include <openssl/ssl.h>
#include <sys/stat.h>

#include <ctime>

namespace lvt::broker {

namespace {

constexpr Milliseconds kLookInterval{1'000};

std::int64_t nanoseconds(const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

TlsCertificate describe(const std::filesystem::path& file, const X509* certificate) {
    TlsCertificate out{file, distinguished_name(X509_get_subject_name(certificate))};
    std::tm time{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) == 1)
        out.not_after = Milliseconds(std::int64_t{::timegm(&time)} * 1000);
    return out;
}

}  // namespace

void SslFree::operator()(ssl_st* ssl) const { SSL_free(ssl); }
void SslFree::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

TlsContext::TlsContext(TlsConfig config, const Clock& clock, LogSink& log)
    : config_(std::move(config)), clock_(clock), log_(log) {}

TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::load(
    TlsConfig config, const Clock& clock, LogSink& log) {
    std::shared_ptr<TlsContext> context(new TlsContext(std::move(config), clock, log));
    // Looked at before they are read: what changes in between is seen as a change.
    context->seen_ = context->look_at_files();
    Result<SslContextPtr> made = make_ssl_context(context->config_);
    if (made.has_error()) return made.error();
    context->current_ = std::move(*made);
    context->next_look_ = clock.now().monotonic + kLookInterval;
    return context;
}

SslPtr TlsContext::new_session() {
    SslContextPtr context;
    {
        // Not for longer: the core may wait for it, and this thread may be one that comes last.
        const std::lock_guard lock(mutex_);
        renew_if_changed();
        SSL_CTX_up_ref(current_.get());
        context.reset(current_.get());
    }
    SslPtr ssl(SSL_new(context.get()));
    if (ssl) SSL_set_accept_state(ssl.get());
    return ssl;
}

std::vector<std::filesystem::path> TlsContext::files() const {
    std::vector<std::filesystem::path> all;
    const auto add = [&all](const std::filesystem::path& file) {
        if (!file.empty()) all.push_back(file);
    };
    add(config_.cacertfile);
    add(config_.identity.certfile);
    add(config_.identity.keyfile);
    for (const TlsIdentity& identity : config_.sni_hosts) {
        add(identity.certfile);
        add(identity.keyfile);
    }
    return all;
}

std::vector<TlsContext::FileState> TlsContext::look_at_files() const {
    std::vector<FileState> states;
    for (const std::filesystem::path& file : files()) {
        struct stat found {};
        FileState& state = states.emplace_back();
        if (::stat(file.c_str(), &found) != 0) continue;
        state = {
            nanoseconds(found.st_mtim), nanoseconds(found.st_ctim), found.st_ino, found.st_size};
    }
    return states;
}

void TlsContext::renew_if_changed() {
    const Milliseconds now = clock_.now().monotonic;
    if (now < next_look_) return;
    next_look_ = now + kLookInterval;
    std::vector<FileState> states = look_at_files();
    if (states == seen_) return;
    seen_ = std::move(states);
    Result<SslContextPtr> made = make_ssl_context(config_);
    if (made.has_error()) {
        log_.log(
            LogLevel::error, "TLS goes on with the certificates it has: {}", made.error().message);
        return;
    }
    current_ = std::move(*made);
    log_.log(LogLevel::info, "{}: certificates have changed and are in use", config_.key);
}

std::vector<TlsCertificate> TlsContext::certificates() const {
    std::vector<TlsCertificate> all;
    const std::lock_guard lock(mutex_);
    const auto add = [&all](const TlsIdentity& identity, const SSL_CTX* context) {
        if (const X509* const certificate = context ? SSL_CTX_get0_certificate(context) : nullptr)
            all.push_back(describe(identity.certfile, certificate));
    };
    add(config_.identity, current_.get());
    for (const TlsIdentity& identity : config_.sni_hosts)
        add(identity, context_of_host(current_.get(), identity.host));
    return all;
}

}  // namespace lvt::broker
