#include "broker/load/amqp_url.h"

#include <gtest/gtest.h>

namespace lvt::broker::load {
namespace {

AmqpUrl parsed(ByteView text) { return parse_amqp_url(text).value(); }

TEST(AmqpUrl, TakesEveryPart) {
    const AmqpUrl url = parsed("amqp://bob:secret@broker.example:5673/orders");
    EXPECT_EQ(url, (AmqpUrl{"bob", "secret", "broker.example", 5673, "orders"}));
}

TEST(AmqpUrl, KeepsDefaultsForWhatIsLeftOut) {
    EXPECT_EQ(parsed("amqp://"), AmqpUrl{});
    EXPECT_EQ(parsed("amqp://host"), (AmqpUrl{"guest", "guest", "host", 5672, "/"}));
    EXPECT_EQ(parsed("amqp://bob@host:1"), (AmqpUrl{"bob", "guest", "host", 1, "/"}));
}

TEST(AmqpUrl, ReadsAnEmptyVirtualHostBehindASlash) {
    EXPECT_EQ(parsed("amqp://host/").virtual_host, "/");
}

TEST(AmqpUrl, DecodesPercentEscapes) {
    const AmqpUrl url = parsed("amqp://b%40b:p%3a%2Fw@host/%2f");
    EXPECT_EQ(url, (AmqpUrl{"b@b", "p:/w", "host", 5672, "/"}));
}

TEST(AmqpUrl, TakesAnAddressInBrackets) {
    EXPECT_EQ(parsed("amqp://[::1]:5673").host, "::1");
    EXPECT_EQ(parsed("amqp://[::1]:5673").port, 5673);
    EXPECT_EQ(parsed("amqp://[::1]").port, 5672);
}

TEST(AmqpUrl, TakesTlsAndItsParameters) {
    const AmqpUrl url = parsed(
        "amqps://bob:p@host/orders?cacertfile=%2Fetc%2Fca.pem&verify=verify_none&"
        "server_name_indication=broker.example");
    EXPECT_EQ(
        url,
        (AmqpUrl{
            "bob", "p", "host", 5671, "orders", true, "/etc/ca.pem", false, "broker.example"}));
    EXPECT_EQ(
        parsed("amqps://host:1?verify=verify_peer"),
        (AmqpUrl{"guest", "guest", "host", 1, "/", true}));
}

TEST(AmqpUrl, TellsNoPassword) {
    for (const ByteView text :
         {"ampq://bob:s3cret@host", "amqp://bob:s3cret%@host", "amqp://bob:s3cret@host:0"}) {
        EXPECT_EQ(parse_amqp_url(text).error().message.find("s3cret"), Bytes::npos) << text;
    }
}

TEST(AmqpUrl, RefusesWhatItDoesNotUnderstand) {
    for (const ByteView text :
         {"http://host",
          "host:5672",
          "amqp://host:0",
          "amqp://host:65536",
          "amqp://host:12x",
          "amqp://host:",
          "amqp://[::1",
          "amqp://[::1]5672",
          "amqp://a%2@host",
          "amqps://host?verify=maybe",
          "amqps://host?colour=red",
          "amqps://host?cacertfile=%2",
          "amqp://host/%zz"}) {
        const Result<AmqpUrl> url = parse_amqp_url(text);
        ASSERT_TRUE(url.has_error()) << text;
        EXPECT_EQ(url.error().kind, ErrorKind::invalid);
    }
}

}  // namespace
}  // namespace lvt::broker::load
