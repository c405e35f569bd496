// Where log lines go. The library has no global logger: whoever embeds it hands in a sink.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace lvt {

enum class LogLevel { debug, info, warning, error, critical };

class LogSink {
public:
    virtual ~LogSink() = default;
    /// Any thread. `line` has no newline and is valid during the call only.
    virtual void write(LogLevel level, std::string_view line) = 0;
    virtual bool enabled(LogLevel level) const = 0;

    template <class... Args>
    void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
        if (enabled(level)) write(level, fmt::format(format, std::forward<Args>(args)...));
    }
};

/// Drops everything.
class NullLogSink final : public LogSink {
public:
    void write(LogLevel, std::string_view) override {}
    bool enabled(LogLevel) const override { return false; }
};

}  // namespace lvt
