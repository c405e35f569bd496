// The embedding API over Application.
#include "leveret/broker.h"

#include "broker/app/application.h"

#include <fmt/format.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace leveret {

namespace {

/// Hands the library's lines to the host.
class HostLogSink final : public lvt::LogSink {
public:
    explicit HostLogSink(leveret::LogSink sink) : sink_(std::move(sink)) {}

    void write(lvt::LogLevel level, std::string_view line) override {
        if (sink_) sink_(static_cast<LogLevel>(level), line);
    }
    bool enabled(lvt::LogLevel) const override { return static_cast<bool>(sink_); }

private:
    leveret::LogSink sink_;
};

std::string percent_encoded(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            encoded += c;
        else
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return encoded;
}

/// Where a client on this machine connects to that listens on "[::]:5672" or "0.0.0.0:5672".
std::string reachable(const std::string& name) {
    const std::size_t colon = name.rfind(':');
    const std::string host = name.substr(0, colon);
    if (host == "[::]" || host == "0.0.0.0") return "127.0.0.1" + name.substr(colon);
    return name;
}

}  // namespace

namespace {

/// What start() waits for: that clients can connect, or never will.
class Decision {
public:
    void ready() { decide(std::nullopt); }
    void failed(std::string why) { decide(std::move(why)); }
    /// Nothing: it is ready.
    std::optional<std::string> wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return decided_; });
        return why_;
    }

private:
    void decide(std::optional<std::string> why) {
        const std::lock_guard lock(mutex_);
        if (std::exchange(decided_, true)) return;
        why_ = std::move(why);
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    bool decided_ = false;            // guarded by mutex_
    std::optional<std::string> why_;  // guarded by mutex_
};

}  // namespace

struct Broker::Running {
    std::unique_ptr<HostLogSink> log;
    std::unique_ptr<lvt::broker::Application> application;
};

Result<Broker> Broker::start(BrokerOptions options) {
    lvt::broker::ConfigSources sources;
    sources.machine = lvt::broker::measure_machine();
    sources.ephemeral = true;  // loopback and a free port, unless the settings say otherwise
    for (const auto& [key, value] : options.settings) sources.set.emplace_back(key, value);
    if (options.data_dir) sources.set.emplace_back("data_dir", options.data_dir->string());
    lvt::Result<lvt::broker::Config> config = lvt::broker::load_config(sources);
    if (config.has_error()) return Error{config.error().message};

    auto running = std::make_unique<Running>();
    running->log = std::make_unique<HostLogSink>(std::move(options.log));
    lvt::broker::ApplicationOptions application;
    application.config = std::move(*config);
    application.log = running->log.get();
    const auto decision = std::make_shared<Decision>();
    application.on_ready = [decision] { decision->ready(); };
    application.on_fatal = [decision, on_fatal = std::move(options.on_fatal)](lvt::Error error) {
        decision->failed(error.message);
        if (on_fatal) on_fatal(Error{std::move(error.message)});
    };
    auto started = lvt::broker::Application::start(std::move(application));
    if (started.has_error()) return Error{started.error().message};
    running->application = std::move(*started);
    // A node of a cluster takes its time.
    if (const auto why = decision->wait()) return Error{*why};
    return Broker(std::move(running));
}

Broker::Broker(std::unique_ptr<Running> running) : running_(std::move(running)) {}
Broker::Broker(Broker&&) noexcept = default;
Broker& Broker::operator=(Broker&&) noexcept = default;
Broker::~Broker() = default;

std::string Broker::amqp_uri() const {
    const auto& application = *running_->application;
    if (application.listeners().empty()) return {};
    const auto& user = application.config().default_user;
    const auto& listener = *application.listeners().front();
    return fmt::format(
        "{}://{}:{}@{}/{}",
        listener.tls() ? "amqps" : "amqp",
        percent_encoded(user.name),
        percent_encoded(user.password),
        reachable(listener.name()),
        percent_encoded(user.vhost));
}

std::uint16_t Broker::port() const {
    const auto& listeners = running_->application->listeners();
    return listeners.empty() ? 0 : listeners.front()->port();
}

void Broker::stop() {
    if (running_) running_->application->stop();
}

}  // namespace leveret
