#include "storage/crc32c.h"

#include "protocol/base/random.h"

#include <gtest/gtest.h>

namespace lvt::storage {

// RFC 3720, appendix B.4.
TEST(Crc32c, KnowsTheStandardsExamples) {
    EXPECT_EQ(crc32c(0, Bytes(32, '\0')), 0x8a9136aau);
    EXPECT_EQ(crc32c(0, Bytes(32, '\xff')), 0x62a8ab43u);
    Bytes ascending;
    for (char octet = 0; octet < 32; ++octet) ascending.push_back(octet);
    EXPECT_EQ(crc32c(0, ascending), 0x46dd794eu);
    EXPECT_EQ(crc32c(0, "123456789"), 0xe3069283u);
}

TEST(Crc32c, HardwareAndTablesAgreeAtEveryLength) {
    SeededRandom random(1);
    const Bytes bytes = random.bytes(5000);
    for (std::size_t size = 0; size <= bytes.size(); size += size < 40 ? 1 : 97) {
        const ByteView view = ByteView(bytes).substr(0, size);
        EXPECT_EQ(crc32c(7, view), crc32c_by_tables(7, view)) << size;
    }
}

TEST(Crc32c, ContinuesAcrossEverySplit) {
    SeededRandom random(2);
    const Bytes bytes = random.bytes(4000);
    const std::uint32_t whole = crc32c(0, bytes);
    for (std::size_t split = 0; split <= bytes.size(); split += 61) {
        const std::uint32_t first = crc32c(0, ByteView(bytes).substr(0, split));
        EXPECT_EQ(crc32c(first, ByteView(bytes).substr(split)), whole);
    }
}

}  // namespace lvt::storage
