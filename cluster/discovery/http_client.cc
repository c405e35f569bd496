#include "cluster/discovery/http_client.h"

#include "cluster/discovery/curl_library.h"
#include "cluster/discovery/redaction.h"
#include "protocol/base/assert.h"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>

namespace lvt::discovery {
namespace {

constexpr int kPollMilliseconds = 1000;

/// What one request collects.
struct Answer {
    HttpResponse response;
    std::size_t body_bytes_max = 0;
    bool too_long = false;
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) {
    Answer& answer = *static_cast<Answer*>(to);
    if (answer.response.body.size() + size > answer.body_bytes_max) {
        answer.too_long = true;
        return 0;
    }
    answer.response.body.append(data, size);
    return size;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* to) {
    static constexpr std::size_t kHeadersMax = 200;
    Answer& answer = *static_cast<Answer*>(to);
    std::string_view line{data, size};
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || answer.response.headers.size() >= kHeadersMax)
        return size;
    std::string name{line.substr(0, colon)};
    for (char& octet : name)
        octet = static_cast<char>(std::tolower(static_cast<unsigned char>(octet)));
    line.remove_prefix(colon + 1);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    answer.response.headers[name] = line;
    return size;
}

/// Asking again changes nothing: files, names and certificates are wrong.
bool is_permanent(CURLcode code) {
    switch (code) {
        case CURLE_URL_MALFORMAT:
        case CURLE_NOT_BUILT_IN:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ENGINE_NOTFOUND:
        case CURLE_SSL_ENGINE_SETFAILED:
        case CURLE_FILESIZE_EXCEEDED:
            return true;
        default:
            return false;
    }
}

/// One easy handle with all that it points to.
class Transfer {
public:
    Transfer(const CurlLibrary& curl, const HttpOptions& options, const HttpRequest& request)
        : curl_(curl), handle_(curl.easy_init()) {
        ASSERT(handle_);
        answer_.body_bytes_max = options.body_bytes_max;
        set_request(request);
        set_proxy(options, request);
        set_tls(options.tls);
        set(CURLOPT_CONNECTTIMEOUT_MS,
            static_cast<long>(std::min(options.connect_timeout, request.timeout).count()));
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_ERRORBUFFER, fault_);
        set(CURLOPT_WRITEFUNCTION, &take_body);
        set(CURLOPT_WRITEDATA, static_cast<void*>(&answer_));
        set(CURLOPT_HEADERFUNCTION, &take_header);
        set(CURLOPT_HEADERDATA, static_cast<void*>(&answer_));
    }
    ~Transfer() {
        curl_.easy_cleanup(handle_);
        curl_.slist_free_all(headers_);
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    CURL* handle() { return handle_; }

    DiscoveryResult<HttpResponse> finish(CURLcode code) {
        if (answer_.too_long)
            return transient(
                fmt::format("the answer is longer than {} octets", answer_.body_bytes_max));
        if (code != CURLE_OK) {
            const std::string why = *fault_ ? fault_ : curl_.easy_strerror(code);
            return is_permanent(code) ? permanent(why) : transient(why);
        }
        long status = 0;
        curl_.easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
        answer_.response.status = static_cast<int>(status);
        return std::move(answer_.response);
    }

private:
    template <class T>
    void set(CURLoption option, T value) {
        const CURLcode code = curl_.easy_setopt(handle_, option, value);
        if (code != CURLE_OK && !*fault_)
            fmt::format_to_n(fault_, sizeof fault_ - 1, "{}", curl_.easy_strerror(code));
    }

    /// Curl copies strings; an empty one would be a value too.
    void set_text(CURLoption option, const std::string& value) {
        if (!value.empty()) set(option, value.c_str());
    }

    void add_header(const std::string& line) {
        headers_ = curl_.slist_append(headers_, line.c_str());
        ASSERT(headers_);
    }

    void set_request(const HttpRequest& request) {
        set(CURLOPT_URL, request.url.c_str());
        for (const auto& [name, value] : request.headers)
            add_header(fmt::format("{}{} {}", name, value.empty() ? ";" : ":", value));
        if (request.method != "GET") {
            set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
            set(CURLOPT_COPYPOSTFIELDS, request.body.c_str());
            set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
            add_header("Expect:");
        }
        set(CURLOPT_HTTPHEADER, headers_);
        set_text(CURLOPT_USERNAME, request.user);
        set_text(CURLOPT_PASSWORD, request.password);
        if (!request.aws) return;
        const AwsSigning& aws = *request.aws;
        set(CURLOPT_AWS_SIGV4, fmt::format("aws:amz:{}:{}", aws.region, aws.service).c_str());
        set_text(CURLOPT_USERNAME, aws.access_key_id);
        set_text(CURLOPT_PASSWORD, aws.secret_key);
    }

    void set_proxy(const HttpOptions& options, const HttpRequest& request) {
        if (request.without_proxy) return set(CURLOPT_PROXY, "");
        const bool tls = request.url.starts_with("https:");
        set_text(CURLOPT_PROXY, tls ? options.https_proxy : options.http_proxy);
        if (!options.proxy_exclusions.empty())
            set(CURLOPT_NOPROXY,
                fmt::format("{}", fmt::join(options.proxy_exclusions, ",")).c_str());
    }

    void set_tls(const TlsOptions& tls) {
        set(CURLOPT_SSL_VERIFYPEER, tls.verify_peer ? 1L : 0L);
        set(CURLOPT_SSL_VERIFYHOST, tls.verify_peer ? 2L : 0L);
        set_text(CURLOPT_CAINFO, tls.ca_file);
        set_text(CURLOPT_SSLCERT, tls.certificate_file);
        set_text(CURLOPT_SSLKEY, tls.key_file);
        set_text(CURLOPT_KEYPASSWD, tls.key_password);
        set_text(CURLOPT_SSL_CIPHER_LIST, fmt::format("{}", fmt::join(tls.ciphers, ":")));
        const auto allowed = [&](std::string_view version) {
            return tls.versions.empty() ||
                   std::ranges::find(tls.versions, version) != tls.versions.end();
        };
        const long least = allowed("tlsv1.2") ? CURL_SSLVERSION_TLSv1_2 : CURL_SSLVERSION_TLSv1_3;
        const long most =
            allowed("tlsv1.3") ? CURL_SSLVERSION_MAX_DEFAULT : CURL_SSLVERSION_MAX_TLSv1_2;
        set(CURLOPT_SSLVERSION, least | most);
    }

    const CurlLibrary& curl_;
    CURL* const handle_;
    curl_slist* headers_ = nullptr;
    Answer answer_;
    char fault_[CURL_ERROR_SIZE] = {};
};

}  // namespace

struct HttpClient::State {
    State(HttpOptions with, LogSink& to) : options(std::move(with)), log(to) {}

    HttpOptions options;
    LogSink& log;
    const CurlLibrary* curl = nullptr;
    CURLM* multi = nullptr;
    std::string fault;
    std::atomic<bool> cancelled = false;

    bool stops(const HttpRequest& request) const {
        return cancelled.load() && !request.after_cancel;
    }

    DiscoveryResult<HttpResponse> run(const HttpRequest& request) {
        static const DiscoveryError kCancelled{Failure::cancelled, "cancelled"};
        if (!curl) return permanent(fault);
        if (stops(request)) return kCancelled;
        Transfer transfer{*curl, options, request};
        ASSERT(curl->multi_add_handle(multi, transfer.handle()) == CURLM_OK);
        CURLcode code = CURLE_OK;
        int running = 1;
        while (running != 0 && !stops(request)) {
            ASSERT(curl->multi_perform(multi, &running) == CURLM_OK);
            if (running != 0)
                static_cast<void>(curl->multi_poll(multi, nullptr, 0, kPollMilliseconds, nullptr));
        }
        int left = 0;
        while (const CURLMsg* message = curl->multi_info_read(multi, &left))
            if (message->msg == CURLMSG_DONE) code = message->data.result;
        curl->multi_remove_handle(multi, transfer.handle());
        if (running != 0) return kCancelled;
        return transfer.finish(code);
    }
};

HttpClient::HttpClient(HttpOptions options, LogSink& log)
    : state_(std::make_unique<State>(std::move(options), log)) {
    Result<const CurlLibrary*> curl = curl_library();
    if (curl.has_error()) {
        state_->fault = curl.error().message;
        return;
    }
    state_->curl = *curl;
    state_->multi = (*curl)->multi_init();
    ASSERT(state_->multi);
}

HttpClient::~HttpClient() {
    if (state_->multi) state_->curl->multi_cleanup(state_->multi);
}

DiscoveryResult<HttpResponse> HttpClient::perform(const HttpRequest& request) {
    LogSink& log = state_->log;
    const std::string asked = fmt::format("{} {}", request.method, redacted_url(request.url));
    if (log.enabled(LogLevel::debug)) {
        std::string headers;
        for (const auto& [name, value] : request.headers)
            headers += fmt::format(" {}: {};", name, redacted_header(name, value));
        log.log(
            LogLevel::debug,
            "peer discovery: {}{} {}",
            asked,
            headers,
            redacted_body(request.body));
    }
    DiscoveryResult<HttpResponse> result = state_->run(request);
    if (result.has_error()) {
        log.log(LogLevel::debug, "peer discovery: {}: {}", asked, result.error().message);
        if (result.error().failure == Failure::cancelled) return result;
        return DiscoveryError{
            result.error().failure, fmt::format("{}: {}", asked, result.error().message)};
    }
    if (log.enabled(LogLevel::debug))
        log.log(
            LogLevel::debug,
            "peer discovery: {}: {} {}",
            asked,
            result->status,
            request.secret_answer ? fmt::format("({} octets)", result->body.size())
                                  : redacted_body(result->body));
    return result;
}

void HttpClient::cancel() {
    state_->cancelled = true;
    if (state_->multi) state_->curl->multi_wakeup(state_->multi);
}

bool HttpClient::cancelled() const { return state_->cancelled; }

std::optional<boost::json::value> HttpResponse::json() const {
    boost::system::error_code error;
    boost::json::value out = boost::json::parse(body, error);
    if (error) return {};
    return out;
}

}  // namespace lvt::discovery
