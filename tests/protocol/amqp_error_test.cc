#include "protocol/amqp/amqp_error.h"

#include <gtest/gtest.h>

#include "protocol/base/assert.h"

namespace lvt::amqp {
namespace {

TEST(AmqpError, ClosesTheConnectionForHardCodesOnly) {
    using enum ReplyCode;
    for (const auto code : {content_too_large, no_consumers, access_refused, not_found,
                            resource_locked, precondition_failed}) {
        EXPECT_FALSE((AmqpError{code, "x"}).closes_connection()) << reply_code_name(code);
    }
    for (const auto code : {connection_forced, invalid_path, frame_error, syntax_error,
                            command_invalid, channel_error, unexpected_frame, resource_error,
                            not_allowed, not_implemented, internal_error}) {
        EXPECT_TRUE((AmqpError{code, "x"}).closes_connection()) << reply_code_name(code);
    }
}

TEST(AmqpError, ClosesTheConnectionWhereTheCallerSaysSo) {
    EXPECT_TRUE((AmqpError{ReplyCode::not_found, "x", 0, 0, true}).closes_connection());
}

TEST(AmqpError, ReplyTextBeginsWithTheName) {
    const AmqpError error{ReplyCode::not_found, "no queue 'q' in vhost '/'"};
    EXPECT_EQ(error.reply_text(), "NOT_FOUND - no queue 'q' in vhost '/'");
    EXPECT_EQ((AmqpError{ReplyCode::frame_error}).reply_text(), "FRAME_ERROR");
}

TEST(AmqpError, ReplyTextFitsAShortString) {
    const std::size_t prefix = Bytes("NOT_FOUND - ").size();
    const AmqpError fits{ReplyCode::not_found, Bytes(255 - prefix, 'x')};
    EXPECT_EQ(fits.reply_text().size(), 255u);
    EXPECT_TRUE(fits.reply_text().ends_with("xxx"));
    const AmqpError longer{ReplyCode::not_found, Bytes(256 - prefix, 'x')};
    EXPECT_EQ(longer.reply_text().size(), 255u);
    EXPECT_TRUE(longer.reply_text().ends_with("xx..."));
}

TEST(AmqpError, CutTextEndsWithAWholeCharacter) {
    Bytes text;
    while (text.size() < 400) text += "\xe2\x82\xac";  // a character of three octets
    const Bytes shown = AmqpError{ReplyCode::not_found, text}.reply_text();
    EXPECT_LE(shown.size(), 255u);
    EXPECT_TRUE(shown.ends_with("\xe2\x82\xac..."));
}

TEST(AmqpError, ReadingAMissingValueIsOurMistake) {
    const AmqpResult<int> result = AmqpError{ReplyCode::not_found, "x"};
    EXPECT_THROW((void)result.value(), AssertionFailure);
}

}  // namespace
}  // namespace lvt::amqp
