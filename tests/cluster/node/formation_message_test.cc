#include "cluster/node/formation_message.h"

#include <gtest/gtest.h>

namespace lvt::cluster {
namespace {

Peer peer(std::uint64_t id) {
    return {NodeId{id}, "rabbit@host", "host.example", static_cast<std::uint16_t>(id), 3};
}
Charter charter() { return {ClusterId{77}, {peer(1), peer(2)}}; }
Terms terms() { return {SizeBasis::hint, 3, 2, 0x1122334455667788}; }

std::vector<FormationMessage> examples() {
    const Ballot ballot{5, NodeId{2}};
    return {
        {peer(1),
         Hello{true, terms(), charter(), NodeId{2}, {peer(1), peer(2)}, {NodeId{2}}, "{}"}},
        {peer(1), Hello{false, {}, {}, {}, {}, {}, {}}},
        {peer(2), Prepare{ballot, terms()}},
        {peer(2), Promise{ballot, {4, NodeId{1}}, charter()}},
        {peer(2), Accept{ballot, terms(), charter()}},
        {peer(2), Accepted{ballot}},
        {peer(2), Refusal{ballot, RefusalReason::member, {6, NodeId{1}}, terms()}},
        {peer(3), Join{ClusterId{77}}},
        {peer(3), JoinAnswer{JoinStatus::welcome, charter(), NodeId{1}, {peer(1)}, "why"}},
        {peer(3), Remove{ClusterId{77}, NodeId{4}}},
        {peer(1), RemoveAnswer{ClusterId{77}, NodeId{4}, RemoveStatus::minority}},
    };
}

TEST(FormationMessage, ComesBackAsItWentOut) {
    for (const FormationMessage& message : examples()) {
        const auto back = decode_formation(encode_formation(message));
        ASSERT_TRUE(back.has_value()) << message.body.index();
        EXPECT_EQ(*back, message);
    }
}

TEST(FormationMessage, EveryTruncationAndEveryAdditionIsRefused) {
    for (const FormationMessage& message : examples()) {
        const Bytes whole = encode_formation(message);
        for (std::size_t size = 0; size < whole.size(); ++size)
            EXPECT_TRUE(decode_formation(ByteView(whole).substr(0, size)).has_error());
        EXPECT_EQ(decode_formation(whole + "x").error().kind, ErrorKind::corrupt);
    }
}

TEST(FormationMessage, UnknownVersionsAreToldApart) {
    Bytes bytes = encode_formation(examples().front());
    bytes[0] = 2;
    EXPECT_EQ(decode_formation(bytes).error().kind, ErrorKind::unsupported);
}

TEST(FormationMessage, NodesWithoutAnIdAndFoundersTwiceAreRefused) {
    EXPECT_TRUE(decode_formation(encode_formation({peer(0), Join{ClusterId{1}}})).has_error());
    const Charter twice{ClusterId{1}, {peer(1), peer(1)}};
    EXPECT_TRUE(
        decode_formation(encode_formation({peer(1), Accept{{1, NodeId{1}}, terms(), twice}}))
            .has_error());
}

}  // namespace
}  // namespace lvt::cluster
