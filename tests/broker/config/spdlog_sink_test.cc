#include "broker/config/spdlog_sink.h"

#include "broker/config/text_file.h"
#include "tests/broker/config/load_config_fixture.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

class SpdlogSinkTest : public LoadConfig {
protected:
    std::unique_ptr<SpdlogSink> open(std::optional<LogLevel> level, bool json = false) {
        LogConfig config;
        config.console = false;
        config.file = directory_ / "x.log";
        config.file_level = level;
        config.file_json = json;
        auto sink = SpdlogSink::open(config);
        EXPECT_TRUE(sink.has_value());
        return std::move(*sink);
    }
    std::string text() { return read_text_file(directory_ / "x.log", 1 << 20).value(); }
};

TEST_F(SpdlogSinkTest, WritesRabbitMqsFormOfALine) {
    open(LogLevel::info)->write(LogLevel::warning, "a {} line");
    const std::string line = text();
    EXPECT_EQ(
        line.find("+00:00 [warning] a {} line\n"), std::string{"2026-01-01 00:00:00.000000"}.size())
        << line;
}

TEST_F(SpdlogSinkTest, LeavesOutWhatIsBelowItsLevel) {
    const auto sink = open(LogLevel::warning);
    EXPECT_FALSE(sink->enabled(LogLevel::info));
    EXPECT_TRUE(sink->enabled(LogLevel::warning));
    sink->write(LogLevel::info, "quiet");
    sink->write(LogLevel::error, "loud");
    EXPECT_EQ(text().find("quiet"), std::string::npos);
    EXPECT_NE(text().find("loud"), std::string::npos);
}

TEST_F(SpdlogSinkTest, LevelNoneOpensNothing) {
    EXPECT_FALSE(open(std::nullopt)->enabled(LogLevel::critical));
    EXPECT_FALSE(std::filesystem::exists(directory_ / "x.log"));
}

TEST_F(SpdlogSinkTest, WritesJson) {
    open(LogLevel::info, true)->write(LogLevel::error, "a \"quoted\"\nline");
    const boost::json::value line = boost::json::parse(text());
    EXPECT_EQ(line.at("level").as_string(), "error");
    EXPECT_EQ(line.at("msg").as_string(), "a \"quoted\"\nline");
}

TEST_F(SpdlogSinkTest, ReopensAfterRotation) {
    const auto sink = open(LogLevel::info);
    sink->write(LogLevel::info, "before");
    std::filesystem::rename(directory_ / "x.log", directory_ / "x.log.1");
    sink->reopen();
    sink->write(LogLevel::info, "after");
    EXPECT_EQ(text().find("before"), std::string::npos);
    EXPECT_NE(text().find("after"), std::string::npos);
}

TEST_F(SpdlogSinkTest, AFileThatCannotBeOpenedIsNamed) {
    LogConfig config;
    config.file = directory_ / "x.log" / "y";
    write("", "x.log");
    const auto sink = SpdlogSink::open(config);
    ASSERT_TRUE(sink.has_error());
    EXPECT_EQ(sink.error().message.find("log.file: "), 0u);
}

}  // namespace
}  // namespace lvt::broker
