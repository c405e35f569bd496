// The load tool against a real broker in this process.
#include "broker/load/load_run.h"

#include "leveret/broker.h"

#include <gtest/gtest.h>

namespace lvt::broker::load {
namespace {

class LoadRunTest : public testing::Test {
protected:
    LoadOptions options_of(std::uint64_t messages) {
        LoadOptions options;
        options.url = parse_amqp_url(broker_.amqp_uri()).value();
        options.messages = messages;
        options.body_bytes = 64;
        options.drain = true;
        return options;
    }

    static void expect_all_arrived(const RunReport& report, std::uint64_t published) {
        EXPECT_EQ(report.errors, std::vector<Bytes>{});
        EXPECT_EQ(report.published, published);
        EXPECT_EQ(report.latency.count(), report.consumed);
        EXPECT_EQ(report.exit_code(), 0);
    }

    leveret::Broker broker_ = leveret::Broker::start({}).value();
};

TEST_F(LoadRunTest, CountsWhatOneProducerSendsToOneConsumer) {
    const RunReport report = LoadRun(options_of(20'000)).run();
    expect_all_arrived(report, 20'000);
    EXPECT_EQ(report.consumed, 20'000u);
}

TEST_F(LoadRunTest, ConfirmsEveryPublish) {
    LoadOptions options = options_of(5'000);
    options.confirm = 100;
    options.ack_every = 10;
    options.prefetch = 100;
    const RunReport report = LoadRun(options).run();
    expect_all_arrived(report, 5'000);
    EXPECT_EQ(report.confirmed, 5'000u);
    EXPECT_EQ(report.confirm_latency.count(), 5'000u);
}

TEST_F(LoadRunTest, ChecksManyProducersConsumersAndQueues) {
    LoadOptions options = options_of(10'001);
    options.producers = 3;
    options.consumers = 2;
    options.queues = 5;
    const RunReport report = LoadRun(options).run();
    expect_all_arrived(report, 10'001);
    EXPECT_EQ(report.consumed, 10'001u);
}

TEST_F(LoadRunTest, ExpectsAFanOutInEveryQueue) {
    LoadOptions options = options_of(1'000);
    options.consumers = 2;
    options.queues = 3;
    options.exchange = "bench-fanout";
    options.exchange_type = "fanout";
    const RunReport report = LoadRun(options).run();
    expect_all_arrived(report, 1'000);
    EXPECT_EQ(report.consumed, 3'000u);
}

TEST_F(LoadRunTest, RoutesByWildcardBindings) {
    LoadOptions options = options_of(3'000);
    options.queues = 2;
    options.exchange = "bench-topic";
    options.exchange_type = "topic";
    options.bindings = 30;
    const RunReport report = LoadRun(options).run();
    expect_all_arrived(report, 3'000);
    EXPECT_EQ(report.consumed, 3'000u);
}

TEST_F(LoadRunTest, TellsWhatIsLost) {
    LoadOptions first = options_of(1);
    first.keep = true;
    expect_all_arrived(LoadRun(first).run(), 1);
    LoadOptions unbound = options_of(100);
    unbound.declare = Declare::none;
    unbound.exchange = "amq.direct";
    unbound.rate = 1e6;  // a paced run is never called stuck
    unbound.drain_timeout_seconds = 0;
    const RunReport report = LoadRun(unbound).run();
    EXPECT_EQ(report.errors, std::vector<Bytes>{});
    EXPECT_EQ(report.lost, 100u);
    EXPECT_EQ(report.exit_code(), 1);
}

TEST_F(LoadRunTest, FailsWhereNobodyListens) {
    LoadOptions options = options_of(1);
    broker_.stop();
    const RunReport report = LoadRun(options).run();
    EXPECT_EQ(report.errors.size(), 1u);
    EXPECT_EQ(report.exit_code(), 2);
}

TEST_F(LoadRunTest, FailsWithTheServersWords) {
    LoadOptions options = options_of(1);
    options.declare = Declare::none;
    const RunReport report = LoadRun(options).run();
    ASSERT_FALSE(report.errors.empty());
    EXPECT_NE(report.errors.front().find("NOT_FOUND"), Bytes::npos) << report.errors.front();
    EXPECT_EQ(report.exit_code(), 2);
}

}  // namespace
}  // namespace lvt::broker::load
