#include "broker/management/message_json.h"

#include "protocol/amqp/properties.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

namespace json = boost::json;

Result<Bytes> properties(const char* text) { return properties_of(json::parse(text).as_object()); }

GotMessage got(ByteView body, ByteView properties) {
    MessagePool pool;
    GotMessage out;
    out.message = MessageBuilder::build(pool, {"x", "k", properties, body.size()}, body);
    return out;
}

TEST(MessageJson, PropertiesComeBackAsTheyWere) {
    const char* const text =
        R"({"content_type":"text/plain","delivery_mode":"2","priority":3,"timestamp":7,)"
        R"("message_id":42,"headers":{"a":1}})";
    const auto made = properties(text);
    ASSERT_TRUE(made.has_value());
    const json::object shown = json_of(got("b", *made), {});
    const json::object expected =
        json::parse(R"({"content_type":"text/plain","delivery_mode":2,"priority":3,"timestamp":7,)"
                    R"("message_id":"42","headers":{"a":1}})")
            .as_object();
    EXPECT_EQ(shown.at("properties"), json::value(expected));
    EXPECT_EQ(shown.at("payload"), "b");
    EXPECT_EQ(shown.at("exchange"), "x");
}

TEST(MessageJson, NoPropertiesAreAnEmptyList) {
    const json::object shown = json_of(got("b", ByteView("\0\0", 2)), {});
    EXPECT_EQ(shown.at("properties"), json::value(json::array()));
}

TEST(MessageJson, PayloadsThatAreNoTextGoAsBase64) {
    const ByteView none("\0\0", 2);
    EXPECT_EQ(json_of(got("\xff", none), {}).at("payload_encoding"), "base64");
    EXPECT_EQ(json_of(got("\xff", none), {}).at("payload"), "/w==");
    EXPECT_EQ(json_of(got("a", none), {true}).at("payload"), "YQ==");
    const json::object cut = json_of(got("abc", none), {false, 1});
    EXPECT_EQ(cut.at("payload"), "a");
    EXPECT_EQ(cut.at("payload_bytes"), 3);
}

TEST(MessageJson, WrongPropertiesAreRefused) {
    for (const char* const wrong :
         {R"({"delivery_mode":"x"})",
          R"({"priority":256})",
          R"({"headers":1})",
          R"({"app_id":{}})"})
        EXPECT_TRUE(properties(wrong).has_error()) << wrong;
    EXPECT_TRUE(properties(R"({"headers":[],"app_id":null})").has_value());
}

}  // namespace
}  // namespace lvt::broker
