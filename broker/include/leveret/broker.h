// leveret::Broker: a whole AMQP 0-9-1 broker inside this process, for tests and for programs that bring their own.
//
//     auto broker = leveret::Broker::start({});          // in memory, loopback, a free port
//     connect_to(broker.value().amqp_uri());             // amqp://guest:guest@127.0.0.1:41235/%2F
//
// It has threads of its own. It installs no signal handler, changes nothing of the process (SIGPIPE, locale, umask, limits, loggers),
// and never ends it. Any number of brokers may live in one process; they share nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace leveret {

struct Error {
    /// One line for whoever runs the program.
    std::string message;
};

/// A value or an error.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const { return content_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    /// Throws std::runtime_error with the error's message where there is none.
    T& value() & {
        require_value();
        return std::get<0>(content_);
    }
    const T& value() const& {
        require_value();
        return std::get<0>(content_);
    }
    T&& value() && {
        require_value();
        return std::get<0>(std::move(content_));
    }
    T& operator*() & { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }

    /// Requires !has_value(); throws std::bad_variant_access else.
    const Error& error() const { return std::get<1>(content_); }

private:
    void require_value() const {
        if (!has_value()) throw std::runtime_error(std::get<1>(content_).message);
    }

    std::variant<T, Error> content_;
};

enum class LogLevel { debug, info, warning, error, critical };

/// Called from any of the broker's threads, also from two at once; `line` has no newline and is valid during the call only.
using LogSink = std::function<void(LogLevel level, std::string_view line)>;

struct BrokerOptions {
    /// Where everything durable is kept; made if it is not there. Without it the broker lives in memory and writes no file.
    std::optional<std::filesystem::path> data_dir;
    /// Keys and values as in leveret.conf, for example {"listeners.tcp.default", "127.0.0.1:5672"}. Unless
    /// they say otherwise the broker listens on loopback and a free port. Environment and files are not looked at.
    std::map<std::string, std::string> settings;
    /// Nothing is logged without one.
    LogSink log;
    /// The broker has stopped for good (a disk that cannot keep what it took, an internal error): its clients are
    /// disconnected. Called once, on one of its threads; must not call stop() or destroy the broker itself.
    std::function<void(Error)> on_fatal;
};

class Broker {
public:
    /// Returns when clients can connect. Blocks for milliseconds, for the time of a recovery, or until a node of a cluster is a member of it.
    static Result<Broker> start(BrokerOptions options);

    Broker(Broker&&) noexcept;
    Broker& operator=(Broker&&) noexcept;
    /// As stop().
    ~Broker();

    /// With the default user and virtual host: amqp://guest:guest@127.0.0.1:41235/%2F. Empty where the settings
    /// leave no listener.
    std::string amqp_uri() const;
    /// Of the first listener; 0 where there is none.
    std::uint16_t port() const;

    /// Ends all connections (320 CONNECTION_FORCED), makes everything durable and returns when all is closed. Any thread but the
    /// broker's own; a second call does nothing.
    void stop();

private:
    struct Running;
    explicit Broker(std::unique_ptr<Running> running);

    std::unique_ptr<Running> running_;
};

}  // namespace leveret
