// protocol/base: readers and writers of octets, randomness, assertions.
#include <gtest/gtest.h>

#include <set>

#include "protocol/base/assert.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"
#include "protocol/base/clock.h"
#include "protocol/base/random.h"
#include "protocol/base/result.h"

namespace lvt {
namespace {

Bytes one_of_each() {
    Bytes out;
    ByteWriter writer(out);
    writer.u8(0xfe);
    writer.u16(0x0102);
    writer.u32(0x03040506);
    writer.u64(0x0708090a0b0c0d0e);
    writer.short_string("short");
    writer.long_string("long");
    return out;
}

TEST(ByteWriter, WritesBigEndian) {
    EXPECT_EQ(
        one_of_each(),
        Bytes("\xfe\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\5short\0\0\0\4long", 29));
}

TEST(ByteWriter, PatchesALengthThatIsKnownLate) {
    Bytes out;
    ByteWriter writer(out);
    writer.u32(0);
    writer.raw("abc");
    writer.patch_u32(0, 3);
    EXPECT_EQ(out, Bytes("\0\0\0\3abc", 7));
    EXPECT_THROW(writer.patch_u32(4, 3), AssertionFailure);
}

TEST(ByteWriter, RefusesAShortStringThatIsLong) {
    Bytes out;
    EXPECT_NO_THROW(ByteWriter(out).short_string(Bytes(255, 'x')));
    EXPECT_THROW(ByteWriter(out).short_string(Bytes(256, 'x')), AssertionFailure);
}

TEST(ByteReader, ReadsWhatTheWriterWrote) {
    const Bytes bytes = one_of_each();
    ByteReader in(bytes);
    EXPECT_EQ(in.u8(), 0xfe);
    EXPECT_EQ(in.u16(), 0x0102);
    EXPECT_EQ(in.u32(), 0x03040506u);
    EXPECT_EQ(in.u64(), 0x0708090a0b0c0d0eu);
    EXPECT_EQ(in.short_string(), "short");
    EXPECT_EQ(in.long_string(), "long");
    EXPECT_TRUE(in.ok() && in.done());
}

TEST(ByteReader, FailsAtEveryTruncationAndStaysFailed) {
    const Bytes bytes = one_of_each();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        ByteReader in(ByteView(bytes).substr(0, size));
        in.u8();
        in.u16();
        in.u32();
        in.u64();
        in.short_string();
        EXPECT_EQ(in.long_string(), "");
        EXPECT_FALSE(in.ok()) << size;
        EXPECT_EQ(in.u8(), 0);
        EXPECT_FALSE(in.ok());
    }
}

TEST(Random, ASeedRepeatsItself) {
    SeededRandom one(7);
    SeededRandom same(7);
    SeededRandom other(8);
    const Bytes bytes = one.bytes(100);
    EXPECT_EQ(bytes.size(), 100u);
    EXPECT_EQ(bytes, same.bytes(100));
    EXPECT_NE(bytes, other.bytes(100));
}

TEST(Random, NamesAreShortAndDifferent) {
    SystemRandom random;
    std::set<Bytes> names;
    for (int i = 0; i < 1000; ++i) names.insert(random.name());
    EXPECT_EQ(names.size(), 1000u);
    for (const Bytes& name : names) {
        EXPECT_EQ(name.size(), 22u);
        for (const char c : name) EXPECT_TRUE(std::isalnum(c) || c == '-' || c == '_') << name;
    }
}

TEST(ManualClock, MovesBothClocks) {
    ManualClock clock;
    const Time before = clock.now();
    clock.advance(Milliseconds(5));
    EXPECT_EQ(clock.now().monotonic - before.monotonic, Milliseconds(5));
    EXPECT_EQ(clock.now().wall - before.wall, Milliseconds(5));
}

TEST(Result, ReadingAMissingValueIsOurMistake) {
    const Result<int> result = Error{ErrorKind::io, "no such disk"};
    try {
        (void)result.value();
        FAIL();
    } catch (const AssertionFailure& failure) {
        EXPECT_NE(Bytes(failure.what()).find("no such disk"), Bytes::npos);
    }
}

TEST(Assert, NamesTheExpressionAndThePlace) {
    try {
        ASSERT(1 + 1 == 3);
        FAIL();
    } catch (const AssertionFailure& failure) {
        EXPECT_NE(Bytes(failure.what()).find("1 + 1 == 3"), Bytes::npos);
        EXPECT_NE(Bytes(failure.what()).find("base_test.cc"), Bytes::npos);
    }
}

}  // namespace
}  // namespace lvt
