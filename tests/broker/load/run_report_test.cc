#include "broker/load/run_report.h"

#include <gtest/gtest.h>

namespace lvt::broker::load {
namespace {

RunReport some_report() {
    RunReport report;
    report.server = "Some \"Broker\" 1";
    report.published = 1000;
    report.consumed = 1000;
    report.publish_seconds = 2;
    report.consume_seconds = 4;
    report.latency.record(50'000, 1000);
    report.cost.emplace();
    report.cost->cpu_ns = 1'500'000;
    return report;
}

TEST(RunReport, DividesCostByConsumedMessages) {
    RunReport report = some_report();
    EXPECT_EQ(report.messages(), 1000u);
    EXPECT_EQ(report.consume_rate(), 250);
    const Bytes text = to_text(report, LoadOptions{});
    EXPECT_NE(text.find("1.500 us CPU a message"), Bytes::npos) << text;
    EXPECT_NE(text.find("p50 50.0"), Bytes::npos) << text;
}

TEST(RunReport, ExitCodeTellsLossFromFailure) {
    RunReport report = some_report();
    EXPECT_EQ(report.exit_code(), 0);
    report.lost = 1;
    EXPECT_EQ(report.exit_code(), 1);
    report.errors.push_back("gone");
    EXPECT_EQ(report.exit_code(), 2);
}

TEST(RunReport, PrintsOneLineOfJson) {
    const Bytes json = to_json(some_report(), LoadOptions{});
    EXPECT_EQ(json.find('\n'), json.size() - 1);
    EXPECT_NE(json.find(R"("server":"Some \"Broker\" 1")"), Bytes::npos) << json;
    EXPECT_NE(json.find(R"("cpu_us_per_message":1.5000)"), Bytes::npos) << json;
    EXPECT_NE(json.find(R"("confirm_us":null)"), Bytes::npos) << json;
}

}  // namespace
}  // namespace lvt::broker::load
