#include "broker/net/proxy_header.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

using Answer = ProxyHeaderParser::Answer;

Bytes binary(char version_command, char family, const Bytes& rest) {
    Bytes header("\r\n\r\n\0\r\nQUIT\n", 12);
    header += version_command;
    header += family;
    header += static_cast<char>(rest.size() >> 8);
    header += static_cast<char>(rest.size() & 0xff);
    return header + rest;
}

const Bytes kV4Addresses("\xC0\x00\x02\x01\xC6\x33\x64\x01\xDC\x04\x16\x28", 12);

struct Parsed {
    Answer answer;
    std::optional<ProxiedEnds> ends;
    Bytes left;
};

Parsed parse(ByteView input) {
    ProxyHeaderParser parser;
    const Answer answer = parser.take(input);
    return {answer, parser.ends(), Bytes(input)};
}

TEST(ProxyHeader, LineNamesBothEnds) {
    const Parsed parsed = parse("PROXY TCP4 192.0.2.1 198.51.100.1 56324 5672\r\nAMQP");
    ASSERT_EQ(parsed.answer, Answer::done);
    ASSERT_TRUE(parsed.ends);
    EXPECT_EQ(parsed.ends->source.address, "192.0.2.1");
    EXPECT_EQ(parsed.ends->source.port, 56324);
    EXPECT_EQ(parsed.ends->destination.address, "198.51.100.1");
    EXPECT_EQ(parsed.ends->destination.port, 5672);
    EXPECT_EQ(parsed.left, "AMQP");
}

TEST(ProxyHeader, LineOfSixthFamily) {
    const Parsed parsed = parse("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n");
    ASSERT_EQ(parsed.answer, Answer::done);
    EXPECT_EQ(parsed.ends->source.address, "2001:db8::1");
    EXPECT_TRUE(parsed.ends->destination.loopback);
}

TEST(ProxyHeader, LineWithAZeroOctetIsRefused) {
    const Bytes line("PROXY TCP4 192.0.2.1\0x 198.51.100.1 1 2\r\n", 41);
    EXPECT_EQ(parse(line).answer, Answer::refused);
}

TEST(ProxyHeader, UnknownIsTheProxysOwn) {
    for (const char* line : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"}) {
        const Parsed parsed = parse(line);
        EXPECT_EQ(parsed.answer, Answer::done);
        EXPECT_FALSE(parsed.ends);
    }
}

TEST(ProxyHeader, BinaryNamesBothEnds) {
    const Parsed parsed = parse(binary(0x21, 0x11, kV4Addresses) + "AMQP");
    ASSERT_EQ(parsed.answer, Answer::done);
    ASSERT_TRUE(parsed.ends);
    EXPECT_EQ(parsed.ends->source.address, "192.0.2.1");
    EXPECT_EQ(parsed.ends->source.port, 0xDC04);
    EXPECT_EQ(parsed.ends->destination.address, "198.51.100.1");
    EXPECT_EQ(parsed.ends->destination.port, 5672);
    EXPECT_EQ(parsed.left, "AMQP");
}

TEST(ProxyHeader, BinaryExtensionsAreSkipped) {
    const Parsed parsed =
        parse(binary(0x21, 0x11, kV4Addresses + Bytes("\x04\0\x02xx", 5)) + "AMQP");
    ASSERT_EQ(parsed.answer, Answer::done);
    EXPECT_EQ(parsed.left, "AMQP");
}

TEST(ProxyHeader, BinaryOfSixthFamily) {
    const Bytes one = Bytes(15, '\0') + '\1';
    const Parsed parsed = parse(binary(0x21, 0x21, one + one + Bytes("\0\1\0\2", 4)));
    ASSERT_EQ(parsed.answer, Answer::done);
    EXPECT_EQ(parsed.ends->source.address, "::1");
    EXPECT_EQ(parsed.ends->source.port, 1);
    EXPECT_EQ(parsed.ends->destination.port, 2);
}

TEST(ProxyHeader, LocalAndOtherFamiliesAreTheProxysOwn) {
    for (const Bytes& header :
         {binary(0x20, 0x00, ""), binary(0x20, 0x11, kV4Addresses), binary(0x21, 0x00, "")}) {
        const Parsed parsed = parse(header);
        EXPECT_EQ(parsed.answer, Answer::done);
        EXPECT_FALSE(parsed.ends);
    }
}

TEST(ProxyHeader, EverySplitSaysTheSame) {
    for (const Bytes& header :
         {Bytes("PROXY TCP4 192.0.2.1 198.51.100.1 56324 5672\r\n"),
          binary(0x21, 0x11, kV4Addresses)}) {
        for (std::size_t cut = 0; cut < header.size(); ++cut) {
            ProxyHeaderParser parser;
            ByteView first = ByteView(header).substr(0, cut);
            EXPECT_EQ(parser.take(first), Answer::need_more);
            ByteView second = ByteView(header).substr(cut);
            EXPECT_EQ(parser.take(second), Answer::done);
            EXPECT_EQ(parser.ends()->source.address, "192.0.2.1");
        }
    }
}

TEST(ProxyHeader, NonsenseIsRefused) {
    const std::vector<Bytes> all = {
        Bytes("AMQP\0\0\x09\x01", 8), "PROXY\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n",
        "PROXY UNKNOWN\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY UNKNOWN " + Bytes(200, 'x') + "\r\n", "\r\n\r\nX",
        binary(0x11, 0x11, kV4Addresses), binary(0x22, 0x11, kV4Addresses),
        binary(0x21, 0x12, kV4Addresses), binary(0x21, 0x11, kV4Addresses.substr(1)),
        binary(0x21, 0x21, kV4Addresses), binary(0x21, 0x11, Bytes(4096, 'x'))};
    for (const Bytes& bytes : all) EXPECT_EQ(parse(bytes).answer, Answer::refused) << bytes;
}

}  // namespace
}  // namespace lvt::broker
