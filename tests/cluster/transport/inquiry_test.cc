#include "cluster/transport/inquiry.h"

#include <gtest/gtest.h>

namespace lvt::cluster {
namespace {

const Question kQuestion{0x0102030405060708, 3, "what have you?"};
const Answer kAnswer{7, AnswerStatus::told, 404, Bytes("nothing\0", 8)};

TEST(Inquiry, GoesThereAndBack) {
    EXPECT_EQ(*decode_question(encode(kQuestion)), kQuestion);
    EXPECT_EQ(*decode_answer(encode(kAnswer)), kAnswer);
    EXPECT_EQ(*decode_question(encode(Question{1, 1, {}})), (Question{1, 1, {}}));
}

TEST(Inquiry, TheOctetsAreFrozen) {
    EXPECT_EQ(encode(Question{2, 1, "q"}), Bytes("\x01\0\0\0\0\0\0\0\x02\x01q", 11));
    EXPECT_EQ(
        encode(Answer{2, AnswerStatus::not_understood, 258, "a"}),
        Bytes(
            "\x01\0\0\0\0\0\0\0\x02\x02\x01\x02"
            "a",
            13));
}

TEST(Inquiry, WhatIsCutOffMakesNoSense) {
    const Bytes question = encode(Question{5, 1, {}});
    for (std::size_t size = 0; size < question.size(); ++size)
        EXPECT_EQ(
            decode_question(ByteView(question).substr(0, size)).error().kind, ErrorKind::corrupt)
            << size;
    const Bytes answer = encode(Answer{5, AnswerStatus::told, 1, {}});
    for (std::size_t size = 0; size < answer.size(); ++size)
        EXPECT_EQ(decode_answer(ByteView(answer).substr(0, size)).error().kind, ErrorKind::corrupt)
            << size;
}

TEST(Inquiry, AnotherVersionIsAnsweredWithItsNumber) {
    Bytes question = encode(kQuestion);
    question.front() = 9;
    const auto decoded = decode_question(question);
    ASSERT_TRUE(decoded.has_error());
    EXPECT_EQ(decoded.error().kind, ErrorKind::unsupported);
    const auto refusal = refusal_of(question, decoded.error());
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->number, kQuestion.number);
    EXPECT_EQ(refusal->status, AnswerStatus::not_understood);
    EXPECT_EQ(refusal->text, "version 9 of questions, this node speaks version 1");
    EXPECT_FALSE(refusal_of("\x09", decoded.error()));
    Bytes answer = encode(kAnswer);
    answer.front() = 2;
    EXPECT_EQ(decode_answer(answer).error().kind, ErrorKind::unsupported);
}

TEST(Inquiry, AStatusThatIsNotKnownMakesNoSense) {
    Bytes answer = encode(kAnswer);
    for (const char status : {'\0', '\x04', '\xff'}) {
        answer[9] = status;
        EXPECT_EQ(decode_answer(answer).error().kind, ErrorKind::corrupt);
    }
}

TEST(Inquiry, WhatIsTooLongSaysSoInstead) {
    const Answer sent =
        *decode_answer(encode(Answer{7, AnswerStatus::told, 200, Bytes(kAnswerBytesMax + 1, 'x')}));
    EXPECT_EQ(sent, (Answer{7, AnswerStatus::too_long, 200, {}}));
    EXPECT_EQ(
        decode_question(encode(Question{1, 1, Bytes(kQuestionBytesMax + 1, 'x')})).error().kind,
        ErrorKind::corrupt);
}

}  // namespace
}  // namespace lvt::cluster
