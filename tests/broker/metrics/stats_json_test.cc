#include "broker/metrics/stats_json.h"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <array>

namespace lvt::broker {
namespace {

namespace json = boost::json;

constexpr StatsHistory::Tier kTiers[] = {{kSampleInterval, 14}};
constexpr std::array<std::string_view, 2> kNames = {"get", "publish"};

class StatsJson : public testing::Test {
protected:
    StatsReading reading(std::uint64_t get, std::uint64_t publish, const StatsHistory* h) {
        StatsReading out{kNames, {}, h, 0};
        out.values[0] = get;
        out.values[1] = publish;
        return out;
    }
    void record(int seconds, std::uint64_t get, std::uint64_t publish) {
        history.record(Milliseconds(seconds * 1000), std::vector<std::uint64_t>{get, publish});
    }

    Turnover turnover;
    StatsHistory history{2, kTiers, turnover};
    Time now{Milliseconds(60'000), Milliseconds(1'700'000'060'000)};
};

TEST_F(StatsJson, NumbersAndRates) {
    record(50, 1, 10);
    record(55, 1, 60);
    EXPECT_EQ(
        json::serialize(stats_object(reading(1, 110, &history), now)),
        R"({"get":1,"get_details":{"rate":0E0},"publish":110,"publish_details":{"rate":1E1}})");
}

TEST_F(StatsJson, WithoutHistoryRatesAreZero) {
    EXPECT_EQ(
        json::serialize(stats_object(reading(1, 2, nullptr), now)),
        R"({"get":1,"get_details":{"rate":0E0},"publish":2,"publish_details":{"rate":0E0}})");
}

TEST_F(StatsJson, SamplesAreNewestFirst) {
    record(40, 0, 10);
    record(50, 0, 20);
    const json::object out = stats_object(
        reading(0, 30, &history), now, SampleRange{Milliseconds(20'000), Milliseconds(10'000)});
    EXPECT_EQ(
        json::serialize(out.at("publish_details").at("samples")),
        R"([{"sample":30,"timestamp":1700000060000},{"sample":20,"timestamp":1700000050000},)"
        R"({"sample":10,"timestamp":1700000040000}])");
    EXPECT_EQ(out.at("publish_details").at("avg").as_double(), 20);
    EXPECT_EQ(out.at("publish_details").at("avg_rate").as_double(), 1);
    EXPECT_EQ(out.at("get_details").at("avg_rate").as_double(), 0);
}

TEST_F(StatsJson, HoweverManySamplesAreAskedForThereAreAThousand) {
    const json::object out = stats_object(
        reading(0, 30, nullptr), now, SampleRange{Milliseconds(100'000'000), Milliseconds(0)});
    EXPECT_EQ(out.at("publish_details").at("samples").as_array().size(), 1000u);
}

}  // namespace
}  // namespace lvt::broker
