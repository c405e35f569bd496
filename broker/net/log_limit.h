// LogLimit: keeps what strangers cause from filling the log: so many lines a second, then one with the number of the others.
#pragma once

#include "protocol/base/clock.h"
#include "protocol/base/log_sink.h"

#include <string_view>

namespace lvt::broker {

/// One thread at a time.
class LogLimit {
public:
    static constexpr unsigned kLinesPerSecond = 10;

    explicit LogLimit(LogSink& log) : log_(log) {}

    void write(LogLevel level, std::string_view line, Milliseconds now);

private:
    LogSink& log_;
    Milliseconds second_began_{0};
    unsigned lines_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace lvt::broker
