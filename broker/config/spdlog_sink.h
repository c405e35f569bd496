// SpdlogSink: the executable's log, to the console and to a file. An embedded broker gets its sink from its host.
#pragma once

#include "broker/config/config.h"
#include "protocol/base/log_sink.h"

#include <memory>

namespace lvt::broker {

/// Opens what the configuration asks for; a file is appended to and opened again on reopen().
class SpdlogSink final : public LogSink {
public:
    [[nodiscard]] static Result<std::unique_ptr<SpdlogSink>> open(const LogConfig& config);
    ~SpdlogSink() override;

    void write(LogLevel level, std::string_view line) override;
    bool enabled(LogLevel level) const override;
    /// Opens the file again, for log rotation (SIGHUP). Any thread.
    void reopen();

private:
    struct State;
    explicit SpdlogSink(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace lvt::broker
