#include "broker/metrics/scrape.h"

#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

using Kind = ScrapeRequest::Kind;

class ScrapeTest : public testing::Test {
protected:
    ScrapeTest() : client(broker.connect()) {
        client.open_channel(1);
        client.declare_queue(1, "q");
        client.declare_queue(1, "odd \"name\"");
    }
    std::string scrape(ScrapeRequest request = {}) {
        broker.run();
        ScrapeFacts facts;
        facts.node_name = "rabbit@here";
        facts.cluster_name = "cluster";
        facts.started_at_s = 1'700'000'000;
        facts.memory_bytes = 123;
        facts.alarm.disk = true;
        Scrape scrape(
            broker.core(),
            std::move(request),
            facts,
            [](std::uint64_t number) { return fmt::format("<{}>", number); },
            told);
        while (scrape.resume()) ++slices;
        return std::move(scrape).text();
    }
    static bool has(const std::string& text, const std::string& line) {
        return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
    }

    SimBroker broker;
    SimClient& client;
    ToldCounters told;
    int slices = 0;
};

TEST_F(ScrapeTest, AggregatedMetricsNameTheNodeOnce) {
    const std::string text = scrape();
    EXPECT_TRUE(
        has(text,
            R"(rabbitmq_identity_info{rabbitmq_node="rabbit@here",rabbitmq_cluster="cluster",)"
            R"(rabbitmq_cluster_permanent_id="cluster",rabbitmq_endpoint="aggregated"} 1)"));
    EXPECT_EQ(text.find("rabbitmq_identity_info{"), text.rfind("rabbitmq_identity_info{"));
    EXPECT_TRUE(has(text, "rabbitmq_process_resident_memory_bytes 123"));
    EXPECT_TRUE(has(text, "rabbitmq_alarms_free_disk_space_watermark 1"));
    EXPECT_TRUE(has(text, "rabbitmq_alarms_memory_used_watermark 0"));
    EXPECT_TRUE(has(text, "process_start_time_seconds 1700000000"));
    EXPECT_EQ(text.find("vhost="), std::string::npos);
}

TEST_F(ScrapeTest, CountersAreThoseOfTheCore) {
    client.publish(1, "", "q", "x");
    client.publish(1, "", "q", Bytes(5000, 'y'));
    client.publish(1, "", "nowhere", "x");
    EXPECT_TRUE(client.get(1, "q", false));
    const std::string text = scrape();
    for (const char* const line : {
             "rabbitmq_queue_messages_ready 1",
             "rabbitmq_queue_messages_unacked 1",
             "rabbitmq_queue_messages 2",
             "rabbitmq_queues 2",
             "rabbitmq_connections 1",
             "rabbitmq_channels 1",
             "rabbitmq_queues_created_total 2",
             "rabbitmq_queues_declared_total 2",
             "rabbitmq_connections_opened_total 1",
             "rabbitmq_channels_opened_total 1",
             R"(rabbitmq_global_publishers{protocol="amqp091"} 1)",
             R"(rabbitmq_global_messages_received_total{protocol="amqp091"} 3)",
             R"(rabbitmq_global_messages_received_confirm_total{protocol="amqp091"} 0)",
             R"(rabbitmq_global_messages_routed_total{protocol="amqp091"} 2)",
             R"(rabbitmq_global_messages_unroutable_dropped_total{protocol="amqp091"} 1)",
             R"(rabbitmq_global_messages_delivered_get_manual_ack_total{protocol="amqp091",)"
             R"(queue_type="rabbit_classic_queue"} 1)",
             R"(rabbitmq_message_size_bytes_bucket{protocol="amqp091",le="100.0"} 2)",
             R"(rabbitmq_message_size_bytes_bucket{protocol="amqp091",le="10000.0"} 3)",
             R"(rabbitmq_message_size_bytes_bucket{protocol="amqp091",le="+Inf"} 3)",
             R"(rabbitmq_message_size_bytes_sum{protocol="amqp091"} 5002)",
             R"(rabbitmq_auth_attempts_succeeded_total{protocol="amqp091"} 1)",
         })
        EXPECT_TRUE(has(text, line)) << line;
}

TEST_F(ScrapeTest, PerObjectMetricsNameTheirObjects) {
    client.publish(1, "", "q", "x");
    const std::string text = scrape({Kind::per_object, {}, {}});
    EXPECT_TRUE(has(text, R"(rabbitmq_queue_messages_ready{vhost="/",queue="q"} 1)"));
    EXPECT_TRUE(has(text, R"(rabbitmq_queue_messages_ready{vhost="/",queue="odd \"name\""} 0)"));
    EXPECT_TRUE(
        has(text, R"(rabbitmq_exchange_messages_published_total{vhost="/",exchange=""} 1)"));
    EXPECT_NE(
        text.find("rabbitmq_channel_messages_published_total{channel=\"<"), std::string::npos);
    EXPECT_NE(text.find("rabbitmq_connection_incoming_bytes_total{channel=\"<"), std::string::npos);
    EXPECT_NE(text.find("rabbitmq_endpoint=\"per-object\""), std::string::npos);
}

TEST_F(ScrapeTest, DetailedMetricsAreThoseAskedFor) {
    const std::string text = scrape({Kind::detailed, {"queue_coarse_metrics"}, {"/"}});
    EXPECT_TRUE(has(text, R"(rabbitmq_detailed_queue_messages{vhost="/",queue="q"} 0)"));
    EXPECT_EQ(text.find("rabbitmq_detailed_queue_consumers"), std::string::npos);
    EXPECT_EQ(text.find("rabbitmq_detailed_connections"), std::string::npos);
    const std::string elsewhere = scrape({Kind::detailed, {"queue_coarse_metrics"}, {"other"}});
    EXPECT_EQ(elsewhere.find("queue=\""), std::string::npos);
    const std::string churn = scrape({Kind::detailed, {"connection_churn_metrics", "no"}, {}});
    EXPECT_TRUE(has(churn, "rabbitmq_detailed_connections_opened_total 1"));
}

TEST_F(ScrapeTest, ManyQueuesTakeManySlices) {
    for (int i = 0; i < 300; ++i) client.declare_queue(1, fmt::format("many.{}", i), false);
    const std::string text = scrape({Kind::detailed, {"queue_coarse_metrics"}, {}});
    EXPECT_GE(slices, 3);
    EXPECT_TRUE(has(text, R"(rabbitmq_detailed_queue_messages{vhost="/",queue="many.299"} 0)"));
    slices = 0;
    scrape();
    EXPECT_EQ(slices, 0);
}

TEST_F(ScrapeTest, CountersNeverGoBack) {
    EXPECT_EQ(told.told(0, 5), 5u);
    EXPECT_EQ(told.told(0, 3), 5u);
    EXPECT_EQ(told.told(1, 3), 3u);
}

}  // namespace
}  // namespace lvt::broker
