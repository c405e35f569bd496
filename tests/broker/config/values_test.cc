#include "broker/config/values.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

std::optional<std::uint64_t> information(std::string_view text) {
    std::uint64_t out = 0;
    return parse_information_size(text, out).empty() ? std::optional{out} : std::nullopt;
}

std::optional<std::uint64_t> bytes(std::string_view text) {
    std::uint64_t out = 0;
    return parse_byte_size(text, 0, ~std::uint64_t{0}, out).empty() ? std::optional{out}
                                                                    : std::nullopt;
}

// As RabbitMQ 3.10.8 reads them: rabbit_resource_monitor_misc, and cuttlefish's bytesize.
TEST(Values, WatermarksCountInThousandsUnlessTheySayIb) {
    EXPECT_EQ(information("1"), 1u);
    EXPECT_EQ(information("1k"), 1024u);
    EXPECT_EQ(information("1kB"), 1000u);
    EXPECT_EQ(information("1KB"), 1000u);
    EXPECT_EQ(information("1kiB"), 1024u);
    EXPECT_EQ(information("1M"), 1048576u);
    EXPECT_EQ(information("1MB"), 1000000u);
    EXPECT_EQ(information("1MiB"), 1048576u);
    EXPECT_EQ(information("2G"), 2147483648u);
    EXPECT_EQ(information("2GB"), 2000000000u);
    EXPECT_EQ(information("2GiB"), 2147483648u);
}

TEST(Values, FrameSizesCountInPowersOfTwo) {
    EXPECT_EQ(bytes("1KB"), 1024u);
    EXPECT_EQ(bytes("1mb"), 1048576u);
    EXPECT_EQ(bytes("1GB"), 1073741824u);
    EXPECT_EQ(bytes("64MiB"), 67108864u);
}

TEST(Values, SizesThatAreNone) {
    for (const char* text :
         {"",
          "MB",
          "-1",
          "+1",
          "1 MB",
          "1.5GB",
          "1XB",
          "0x10",
          "1e3",
          "99999999999999999999",
          "9999999999G",
          "1MBx"}) {
        EXPECT_EQ(information(text), std::nullopt) << text;
        EXPECT_EQ(bytes(text), std::nullopt) << text;
    }
}

TEST(Values, Integers) {
    std::int64_t out = 0;
    EXPECT_EQ(parse_integer("5", 0, 10, out), "");
    EXPECT_EQ(out, 5);
    EXPECT_EQ(parse_integer("007", 0, 10, out), "");
    EXPECT_EQ(out, 7);
    for (const char* text : {"", "11", "-1", "1.0", "1 ", "0x1", "a", "99999999999999999999"})
        EXPECT_EQ(parse_integer(text, 0, 10, out), "an integer from 0 to 10") << text;
}

TEST(Values, Fractions) {
    double out = 0;
    EXPECT_EQ(parse_fraction("0.4", out), "");
    EXPECT_DOUBLE_EQ(out, 0.4);
    EXPECT_EQ(parse_fraction("1", out), "");
    for (const char* text : {"", "0,4", "-0.1", "inf", "nan", "1e3", "0.4x"})
        EXPECT_NE(parse_fraction(text, out), "") << text;
}

TEST(Values, ListenAddresses) {
    const std::pair<const char*, ListenAddress> cases[] = {
        {"5672", {"::", 5672}},
        {"127.0.0.1:5672", {"127.0.0.1", 5672}},
        {"0.0.0.0:0", {"0.0.0.0", 0}},
        {":::5672", {"::", 5672}},
        {"::1:5672", {"::1", 5672}},
        {"[::1]:5672", {"::1", 5672}},
    };
    for (const auto& [text, address] : cases) {
        ListenAddress out;
        EXPECT_EQ(parse_listen_address(text, out), "") << text;
        EXPECT_EQ(out, address) << text;
    }
    ListenAddress out;
    for (const char* text : {"", ":", ":5672", "localhost:5672", "1.2.3:5672", "[]:1", "5672 "})
        EXPECT_NE(parse_listen_address(text, out), "") << text;
}

TEST(Values, LogLevels) {
    std::optional<LogLevel> out;
    EXPECT_EQ(parse_log_level("notice", out), "");
    EXPECT_EQ(out, LogLevel::warning);
    EXPECT_EQ(parse_log_level("emergency", out), "");
    EXPECT_EQ(out, LogLevel::critical);
    EXPECT_EQ(parse_log_level("none", out), "");
    EXPECT_EQ(out, std::nullopt);
}

}  // namespace
}  // namespace lvt::broker
