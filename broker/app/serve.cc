#include "broker/app/serve.h"

#include "broker/app/application.h"
#include "broker/app/service_manager.h"
#include "broker/config/spdlog_sink.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

namespace lvt::broker {

namespace {

constexpr int kFailedExitCode = 1;

int complain(const Error& error) {
    fmt::print(stderr, "leveret: {}\n", error.message);
    return error.kind == ErrorKind::invalid ? kConfigExitCode : kFailedExitCode;
}

/// Signals as something to wait for, and a bell for the broker's threads. Threads started later inherit the blocked signals.
class Wakeups {
public:
    Wakeups() : bell_(::eventfd(0, EFD_CLOEXEC)), ready_(::eventfd(0, EFD_CLOEXEC)) {
        sigset_t signals;
        sigemptyset(&signals);
        for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, one);
        ::sigprocmask(SIG_BLOCK, &signals, nullptr);
        signals_ = ::signalfd(-1, &signals, SFD_CLOEXEC);
        ::signal(SIGPIPE, SIG_IGN);
    }
    ~Wakeups() {
        ::close(bell_);
        ::close(ready_);
        ::close(signals_);
    }

    /// Any thread: a reason to stop.
    void ring() { write_one(bell_); }
    /// Any thread: wait_for_stop() calls its `on_ready`.
    void tell_ready() { write_one(ready_); }

    /// Waits for a reason to stop; SIGHUP calls `on_hangup` and goes on.
    template <class OnReady, class OnHangup>
    void wait_for_stop(OnReady on_ready, OnHangup on_hangup) {
        for (;;) {
            pollfd waiting[] = {{bell_, POLLIN, 0}, {signals_, POLLIN, 0}, {ready_, POLLIN, 0}};
            if (::poll(waiting, 3, -1) < 0) continue;
            if (waiting[0].revents) return clear(bell_);
            if (waiting[2].revents) {
                clear(ready_);
                on_ready();
            }
            if (!waiting[1].revents) continue;
            signalfd_siginfo received{};
            if (::read(signals_, &received, sizeof received) != sizeof received) continue;
            if (received.ssi_signo != SIGHUP) return;
            on_hangup();
        }
    }

private:
    static void clear(int fd) {
        std::uint64_t rung = 0;
        [[maybe_unused]] const ssize_t got = ::read(fd, &rung, sizeof rung);
    }
    static void write_one(int fd) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof one);
    }

    int bell_ = -1;
    int ready_ = -1;
    int signals_ = -1;
};

void announce(const Application& application) {
    for (const auto& listener : application.listeners())
        fmt::print("listening {}://{}\n", listener->tls() ? "amqps" : "amqp", listener->name());
    if (const std::string name = application.prometheus_listener(); !name.empty())
        fmt::print("listening prometheus://{}\n", name);
    if (const std::string name = application.cluster_listener(); !name.empty())
        fmt::print("listening cluster://{}\n", name);
    for (const std::string& url : application.http_listeners()) fmt::print("listening {}\n", url);
    fmt::print("Server startup complete; 0 plugins started.\n");
    std::fflush(stdout);
    notify_service_manager("READY=1");
}

}  // namespace

namespace {

struct Ended {
    int exit_code = 0;
    /// Its data was given up, and it begins anew.
    bool restart = false;
};

Ended serve_once(const Config& config, SpdlogSink& log, bool app_stopped, Wakeups& wakeups) {
    ApplicationOptions options;
    options.config = config;
    options.log = &log;
    options.control_socket = true;
    options.app_stopped = app_stopped;
    // Peer discovery learns late that the configuration is wrong.
    std::atomic<int> exit_code{kFailedExitCode};
    options.on_fatal = [&](const Error& error) {
        if (error.kind == ErrorKind::invalid) exit_code = kConfigExitCode;
        wakeups.ring();
    };
    options.on_ready = [&wakeups] { wakeups.tell_ready(); };
    options.on_stop_requested = [&wakeups] { wakeups.ring(); };
    std::atomic<bool> restart{false};
    options.on_restart_requested = [&] {
        restart = true;
        wakeups.ring();
    };
    Result<std::unique_ptr<Application>> application = Application::start(std::move(options));
    if (application.has_error()) return {complain(application.error())};

    wakeups.wait_for_stop([&application] { announce(**application); }, [&log] { log.reopen(); });
    if (!restart) notify_service_manager("STOPPING=1");
    (*application)->stop();
    if ((*application)->failed()) return {exit_code.load()};
    return {0, restart.load()};
}

}  // namespace

Result<Config> load_process_config(const ConfigArguments& arguments) {
    ConfigSources sources = process_sources(arguments.file);
    sources.ephemeral = arguments.ephemeral;
    sources.set = arguments.set;
    if (arguments.data_dir) sources.set.emplace_back("data_dir", arguments.data_dir->string());
    return load_config(sources);
}

int run_serve(const ConfigArguments& arguments) {
    Result<Config> config = load_process_config(arguments);
    if (config.has_error()) return complain(config.error());
    config->log.console_to_stdout = false;
    Result<std::unique_ptr<SpdlogSink>> log = SpdlogSink::open(config->log);
    if (log.has_error()) return complain(log.error());
    for (const std::string& line : config->warnings) (*log)->write(LogLevel::warning, line);

    Wakeups wakeups;
    for (bool app_stopped = false;; app_stopped = true) {
        const Ended ended = serve_once(*config, **log, app_stopped, wakeups);
        if (!ended.restart) return ended.exit_code;
    }
}

}  // namespace lvt::broker
