#include "broker/session/sasl.h"

#include <gtest/gtest.h>

#include "protocol/amqp/table.h"

namespace lvt::broker {
namespace {

TEST(Sasl, PlainHasUserAndPasswordBetweenZeros) {
    const auto credentials = parse_credentials("PLAIN", ByteView("\0me\0pw", 6));
    ASSERT_TRUE(credentials);
    EXPECT_EQ(credentials->user, "me");
    EXPECT_EQ(credentials->password, "pw");
}

TEST(Sasl, PlainRefusesWhatHasNotExactlyTwoZeros) {
    for (const ByteView response :
         {ByteView(""), ByteView("me\0pw", 5), ByteView("\0me", 3), ByteView("\0a\0b\0c", 6)}) {
        const auto credentials = parse_credentials("PLAIN", response);
        ASSERT_TRUE(credentials.has_error());
        EXPECT_EQ(credentials.error().code, amqp::ReplyCode::syntax_error);
    }
}

TEST(Sasl, AmqplainIsATableWithoutItsLength) {
    amqp::Table table;
    table.add_string("LOGIN", "me").add_string("PASSWORD", "pw");
    const auto credentials = parse_credentials("AMQPLAIN", table.bytes());
    ASSERT_TRUE(credentials);
    EXPECT_EQ(credentials->user, "me");
    EXPECT_EQ(credentials->password, "pw");
}

TEST(Sasl, AmqplainNeedsBothEntriesAsStrings) {
    amqp::Table no_password;
    no_password.add_string("LOGIN", "me");
    amqp::Table number;
    number.add_string("LOGIN", "me").add_int("PASSWORD", 7);
    for (const ByteView response : {no_password.bytes(), number.bytes(), ByteView("\5abc")})
        EXPECT_TRUE(parse_credentials("AMQPLAIN", response).has_error());
}

TEST(Sasl, RefusesAMechanismThatWasNotOffered) {
    const auto credentials = parse_credentials("EXTERNAL", "");
    ASSERT_TRUE(credentials.has_error());
    EXPECT_EQ(credentials.error().code, amqp::ReplyCode::command_invalid);
    EXPECT_EQ(credentials.error().text, "unknown authentication mechanism 'EXTERNAL'");
}

}  // namespace
}  // namespace lvt::broker
