#include "broker/config/spdlog_sink.h"

#include <fmt/format.h>

// Formatting is done before spdlog sees a line: its own copy of fmt stays out.
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/details/file_helper.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>

namespace lvt::broker {
namespace {

// RabbitMQ's form of a line, so that what reads its logs reads ours.
constexpr const char* kPattern = "%Y-%m-%d %H:%M:%S.%f+00:00 [%l] %v";
constexpr const char* kJsonPattern =
    R"({"time":"%Y-%m-%d %H:%M:%S.%f+00:00","level":"%l","msg":%v})";

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
        case LogLevel::critical:
            return spdlog::level::critical;
    }
    return spdlog::level::info;
}

/// Appends to a file that can be opened again under the same name.
class ReopenedFile final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit ReopenedFile(const std::string& path) { file_.open(path, false); }

    void reopen() {
        const std::lock_guard lock{mutex_};
        file_.reopen(false);
    }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        file_.write(line);
        file_.flush();
    }
    void flush_() override { file_.flush(); }

private:
    spdlog::details::file_helper file_;
};

}  // namespace

struct SpdlogSink::State {
    struct Output {
        spdlog::sink_ptr sink;
        LogLevel level = LogLevel::info;
        bool json = false;
    };

    void add(spdlog::sink_ptr sink, LogLevel level, bool json) {
        sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(
            json ? kJsonPattern : kPattern, spdlog::pattern_time_type::utc));
        outputs.push_back({std::move(sink), level, json});
    }

    std::vector<Output> outputs;
    std::shared_ptr<ReopenedFile> file;
};

Result<std::unique_ptr<SpdlogSink>> SpdlogSink::open(const LogConfig& config) {
    auto state = std::make_unique<State>();
    if (config.console && config.console_level) {
        spdlog::sink_ptr console;
        if (config.console_to_stdout)
            console = std::make_shared<spdlog::sinks::stdout_sink_mt>();
        else
            console = std::make_shared<spdlog::sinks::stderr_sink_mt>();
        state->add(std::move(console), *config.console_level, config.console_json);
    }
    if (!config.file.empty() && config.file_level) {
        try {
            state->file = std::make_shared<ReopenedFile>(config.file.string());
        } catch (const spdlog::spdlog_ex& error) {
            return Error{
                ErrorKind::io, fmt::format("log.file: {}: {}", config.file.string(), error.what())};
        }
        state->add(state->file, *config.file_level, config.file_json);
    }
    return std::unique_ptr<SpdlogSink>{new SpdlogSink{std::move(state)}};
}

SpdlogSink::SpdlogSink(std::unique_ptr<State> state) : state_(std::move(state)) {}
SpdlogSink::~SpdlogSink() = default;

void SpdlogSink::write(LogLevel level, std::string_view line) {
    const spdlog::level::level_enum severity = level_of(level);
    for (const State::Output& output : state_->outputs) {
        if (level < output.level) continue;
        std::string json;
        if (output.json) json = boost::json::serialize(boost::json::string{line});
        const std::string_view text = output.json ? std::string_view{json} : line;
        output.sink->log({"", severity, spdlog::string_view_t{text.data(), text.size()}});
        output.sink->flush();
    }
}

bool SpdlogSink::enabled(LogLevel level) const {
    for (const State::Output& output : state_->outputs)
        if (level >= output.level) return true;
    return false;
}

void SpdlogSink::reopen() {
    if (state_->file) state_->file->reopen();
}

}  // namespace lvt::broker
