#include "broker/net/log_limit.h"

#include <utility>

namespace lvt::broker {

void LogLimit::write(LogLevel level, std::string_view line, Milliseconds now) {
    if (now - second_began_ >= Milliseconds(1'000)) {
        second_began_ = now;
        lines_ = 0;
        if (left_out_ > 0)
            log_.log(
                level, "{} more lines like the last were left out", std::exchange(left_out_, 0));
    }
    if (lines_ >= kLinesPerSecond) {
        ++left_out_;
        return;
    }
    ++lines_;
    log_.write(level, line);
}

}  // namespace lvt::broker
