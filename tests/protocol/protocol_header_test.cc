#include <gtest/gtest.h>

#include "protocol/amqp/frame_decoder.h"

namespace lvt::amqp {
namespace {

using Answer = ProtocolHeaderDecoder::Answer;

Answer feed(ProtocolHeaderDecoder& decoder, ByteView octets) { return decoder.next(octets); }

TEST(ProtocolHeaderDecoder, AcceptsAllFormsAtEverySplitPoint) {
    for (const ByteView header :
         {kProtocolHeader, ByteView("AMQP\x01\x01\0\x09", 8),
          ByteView("AMQP\x01\x01\x08\0", 8)}) {
        for (std::size_t split = 1; split < header.size(); ++split) {
            ProtocolHeaderDecoder decoder;
            EXPECT_EQ(feed(decoder, header.substr(0, split)), Answer::need_more);
            EXPECT_EQ(feed(decoder, header.substr(split)), Answer::accepted);
            EXPECT_EQ(decoder.asks_for_0_8(), header[6] == 8);
        }
    }
}

TEST(ProtocolHeaderDecoder, LeavesWhatFollows) {
    const Bytes input = Bytes(kProtocolHeader) + "next";
    ByteView rest = input;
    EXPECT_EQ(ProtocolHeaderDecoder().next(rest), Answer::accepted);
    EXPECT_EQ(rest, "next");
}

TEST(ProtocolHeaderDecoder, RefusesEverythingElseAtEverySplitPoint) {
    const Bytes others[] = {
        "GET / HTTP/1.1\r\n",
        Bytes("AMQP\x00\x01\x00\x00", 8),  // 1.0
        Bytes("AMQP\x00\x00\x09\x02", 8),
        Bytes("AMQP\x00\x01\x00\x09", 8),  // half one, half the other
    };
    for (const Bytes& other : others) {
        for (std::size_t split = 0; split <= 8; ++split) {
            ProtocolHeaderDecoder decoder;
            auto answer = feed(decoder, ByteView(other).substr(0, split));
            if (answer == Answer::need_more) answer = feed(decoder, ByteView(other).substr(split));
            EXPECT_EQ(answer, Answer::refused) << other << " at " << split;
        }
    }
}

TEST(ProtocolHeaderDecoder, WaitsForTheWholeOfIt) {
    ProtocolHeaderDecoder decoder;
    for (const char octet : kProtocolHeader.substr(0, 7)) {
        EXPECT_EQ(feed(decoder, ByteView(&octet, 1)), Answer::need_more);
    }
}

}  // namespace
}  // namespace lvt::amqp
