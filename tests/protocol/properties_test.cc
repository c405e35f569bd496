#include "protocol/amqp/properties.h"

#include <gtest/gtest.h>

#include "protocol/base/assert.h"
#include "tests/protocol/random_amqp.h"

namespace lvt::amqp {
namespace {

Bytes all_properties() {
    Table headers;
    headers.add_string("h", "v");
    return PropertiesBuilder()
        .set_text(property::kContentType, "type/sub")
        .set_text(property::kContentEncoding, "utf-8")
        .set_headers(headers)
        .set_delivery_mode(kPersistent)
        .set_priority(7)
        .set_text(property::kCorrelationId, "corr")
        .set_text(property::kReplyTo, "reply")
        .set_text(property::kExpiration, "60000")
        .set_text(property::kMessageId, "id")
        .set_timestamp(1700000000)
        .set_text(property::kType, "kind")
        .set_text(property::kUserId, "guest")
        .set_text(property::kAppId, "app")
        .set_text(property::kClusterId, "cluster")
        .build();
}

TEST(Properties, AllReadBack) {
    const Bytes bytes = all_properties();
    ASSERT_TRUE(Properties::validate(bytes).has_value());
    const Properties properties(bytes);
    EXPECT_EQ(properties.flags(), 0xfffc);
    EXPECT_EQ(properties.content_type(), "type/sub");
    EXPECT_EQ(properties.content_encoding(), "utf-8");
    ASSERT_TRUE(properties.headers().has_value());
    EXPECT_EQ(TableView(*properties.headers()).find("h")->string(), "v");
    EXPECT_EQ(properties.delivery_mode(), kPersistent);
    EXPECT_EQ(properties.priority(), 7);
    EXPECT_EQ(properties.correlation_id(), "corr");
    EXPECT_EQ(properties.reply_to(), "reply");
    EXPECT_EQ(properties.expiration(), "60000");
    EXPECT_EQ(properties.message_id(), "id");
    EXPECT_EQ(properties.timestamp(), 1700000000u);
    EXPECT_EQ(properties.type(), "kind");
    EXPECT_EQ(properties.user_id(), "guest");
    EXPECT_EQ(properties.app_id(), "app");
    EXPECT_EQ(properties.cluster_id(), "cluster");
}

TEST(Properties, NoneAreAbsent) {
    const Properties none;
    EXPECT_EQ(none.bytes(), ByteView("\0\0", 2));
    EXPECT_FALSE(none.content_type().has_value());
    EXPECT_FALSE(none.headers().has_value());
    EXPECT_FALSE(none.delivery_mode().has_value());
    EXPECT_FALSE(none.timestamp().has_value());
}

TEST(Properties, WireFormIsTheSpecifications) {
    const Bytes bytes = PropertiesBuilder()
                            .set_text(property::kContentType, "a")
                            .set_delivery_mode(kPersistent)
                            .build();
    EXPECT_EQ(bytes, Bytes("\x90\0\1a\2", 5));
}

TEST(Properties, RejectEveryTruncation) {
    const Bytes bytes = all_properties();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto valid = Properties::validate(ByteView(bytes).substr(0, size));
        ASSERT_TRUE(valid.has_error()) << size;
        EXPECT_EQ(valid.error().code, ReplyCode::syntax_error);
        EXPECT_FALSE(scan_properties(ByteView(bytes).substr(0, size)).has_value());
    }
}

TEST(Properties, LowFlagsMeanNothing) {
    for (const ByteView bytes :
         {ByteView("\0\2", 2), ByteView("\0\1", 2), ByteView("\x10\3\2", 3)}) {
        EXPECT_FALSE(Properties::validate(bytes).has_error());
        EXPECT_TRUE(scan_properties(bytes).has_value());
    }
}

TEST(Properties, RejectWhatIsBehindThem) {
    for (const ByteView bytes :
         {ByteView("\0\0x", 3), ByteView("\x10\0\2\2", 4), ByteView("\0\1\0\0", 4),
          ByteView("\x20\0\0\0\0\3\1aU", 9)}) {
        EXPECT_TRUE(Properties::validate(bytes).has_error());
        EXPECT_FALSE(scan_properties(bytes).has_value());
    }
}

TEST(Properties, ScanReadsWhatTheBrokerNeeds) {
    const Bytes bytes = all_properties();
    const auto scan = scan_properties(bytes);
    ASSERT_TRUE(scan.has_value());
    EXPECT_TRUE(scan->persistent());
    EXPECT_EQ(scan->priority, 7);
    EXPECT_EQ(scan->reply_to, "reply");
    EXPECT_EQ(scan->expiration, "60000");
    EXPECT_EQ(scan->user_id, "guest");
    EXPECT_EQ(scan->headers, Properties(bytes).headers());
    EXPECT_TRUE(scan->has(property::kClusterId));
}

TEST(Properties, ScanKnowsTheCommonOnesAtAGlance) {
    const auto none = scan_properties(ByteView("\0\0", 2));
    ASSERT_TRUE(none.has_value());
    EXPECT_EQ(none->flags, 0);
    EXPECT_FALSE(none->persistent());
    const auto persistent = scan_properties(ByteView("\x10\0\2", 3));
    ASSERT_TRUE(persistent.has_value());
    EXPECT_TRUE(persistent->persistent());
    EXPECT_FALSE(scan_properties(ByteView("\x10\0\1", 3))->persistent());
}

TEST(PropertiesBuilder, ChangesOneAndKeepsTheRest) {
    const Bytes before = all_properties();
    PropertiesBuilder builder{Properties(before)};
    EXPECT_EQ(builder.build(), before);
    const Bytes after = builder.clear(property::kExpiration).set_priority(1).build();
    const Properties properties(after);
    EXPECT_FALSE(properties.expiration().has_value());
    EXPECT_EQ(properties.priority(), 1);
    EXPECT_EQ(properties.message_id(), "id");
    EXPECT_EQ(properties.cluster_id(), "cluster");
}

TEST(PropertiesBuilder, AWrongFlagIsOurMistake) {
    PropertiesBuilder builder;
    EXPECT_THROW(builder.set_text(property::kHeaders, "x"), AssertionFailure);
    EXPECT_THROW(builder.set_text(0x8001, "x"), AssertionFailure);
    EXPECT_THROW(builder.clear(0x0001), AssertionFailure);
}

TEST(Properties, ScanAndValidateAgreeOnRandomAndMutatedOnes) {
    const auto seed = test_seed();
    RandomAmqp random(seed);
    for (int round = 0; round < 5000; ++round) {
        SCOPED_TRACE(trace(seed, round));
        Bytes bytes = random.properties();
        ASSERT_TRUE(Properties::validate(bytes).has_value());
        ASSERT_EQ(PropertiesBuilder(Properties(bytes)).build(), bytes);
        const auto flip = static_cast<char>(random.integer());
        if (round % 2 == 0) bytes[random.below(bytes.size())] ^= flip;
        const auto scan = scan_properties(bytes);
        ASSERT_EQ(scan.has_value(), Properties::validate(bytes).has_value());
        if (!scan) continue;
        const Properties properties(bytes);
        ASSERT_EQ(scan->delivery_mode, properties.delivery_mode().value_or(0));
        ASSERT_EQ(scan->priority, properties.priority().value_or(0));
        ASSERT_EQ(scan->headers, properties.headers().value_or(""));
        ASSERT_EQ(scan->reply_to, properties.reply_to().value_or(""));
        ASSERT_EQ(scan->expiration, properties.expiration().value_or(""));
        ASSERT_EQ(scan->user_id, properties.user_id().value_or(""));
    }
}

}  // namespace
}  // namespace lvt::amqp
