#include "broker/load/load_options.h"

#include <gtest/gtest.h>

namespace lvt::broker::load {
namespace {

std::variant<LoadOptions, int> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "bench");
    return parse_load_options(static_cast<int>(words.size()), words.data());
}

LoadOptions parsed(std::vector<const char*> words) {
    return std::get<LoadOptions>(parse(std::move(words)));
}

TEST(LoadOptions, RunsFiveSecondsOfTransientMessagesByDefault) {
    const LoadOptions options = parsed({});
    EXPECT_EQ(options.seconds, 5);
    EXPECT_EQ(options.declare, Declare::transient);
    EXPECT_EQ(options.ack_every, 0u);
    EXPECT_EQ(options.url, AmqpUrl{});
}

TEST(LoadOptions, MakesQueuesAsDurableAsTheirMessagesUnlessTold) {
    EXPECT_EQ(parsed({"--persistent"}).declare, Declare::durable);
    EXPECT_EQ(parsed({"--persistent", "--declare", "transient"}).declare, Declare::transient);
    EXPECT_EQ(parsed({"--declare", "none"}).declare, Declare::none);
}

TEST(LoadOptions, ReadsTheTraffic) {
    const LoadOptions options = parsed(
        {"--size",
         "24",
         "--confirm",
         "1000",
         "--ack",
         "100",
         "--prefetch",
         "1000",
         "--drain",
         "--messages",
         "7",
         "--rate",
         "2.5",
         "--url",
         "amqp://u:p@h:1/v"});
    EXPECT_EQ(options.body_bytes, 24u);
    EXPECT_EQ(options.confirm, 1000u);
    EXPECT_EQ(options.ack_every, 100u);
    EXPECT_EQ(options.prefetch, 1000);
    EXPECT_TRUE(options.drain);
    EXPECT_EQ(options.messages, 7u);
    EXPECT_EQ(options.seconds, 0);
    EXPECT_EQ(options.rate, 2.5);
    EXPECT_EQ(options.url, (AmqpUrl{"u", "p", "h", 1, "v"}));
}

TEST(LoadOptions, RefusesWhatCannotRun) {
    const std::vector<std::vector<const char*>> wrong = {
        {"--size"},
        {"--no-such-option"},
        {"--producers", "0", "--consumers", "0"},
        {"--queues", "0"},
        {"--ack", "11", "--prefetch", "10"},
        {"--bindings", "5"},
        {"--routing-key", "k"},
        {"--url", "ftp://host"},
        {"--declare", "lazy"}};
    for (const auto& words : wrong) {
        const auto answer = parse(words);
        ASSERT_TRUE(std::holds_alternative<int>(answer)) << words[0];
        EXPECT_EQ(std::get<int>(answer), 2) << words[0];
    }
}

}  // namespace
}  // namespace lvt::broker::load
