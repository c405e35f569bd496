#include "broker/session/output_buffer.h"

#include <gtest/gtest.h>

#include "protocol/base/random.h"

namespace lvt::broker {
namespace {

TEST(OutputBuffer, GivesBackWhatWasPutInWhateverIsConsumedBetween) {
    SeededRandom random(11);
    OutputBuffer buffer;
    Bytes model;
    for (int round = 0; round < 2'000; ++round) {
        const Bytes octets = random.bytes(random.next() % 3'000);
        buffer.append(octets);
        model += octets;
        const std::size_t consumed = random.next() % (model.size() + 1);
        buffer.consume(consumed);
        model.erase(0, consumed);
        ASSERT_EQ(buffer.view(), model) << "round " << round;
    }
}

TEST(OutputBuffer, KeepsWhatIsReservedButNotCommittedOut) {
    OutputBuffer buffer;
    char* const to = buffer.reserve(100);
    to[0] = 'a';
    buffer.commit(1);
    EXPECT_EQ(buffer.view(), "a");
}

TEST(OutputBuffer, EmptyAgainOwnsNothing) {
    OutputBuffer buffer;
    buffer.append("abc");
    buffer.consume(3);
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(buffer.view().data(), nullptr);
}

}  // namespace
}  // namespace lvt::broker
