#include "cluster/node/node_state.h"

#include "cluster/node/state_file.h"
#include "tests/storage/faulty_fs.h"

#include <gtest/gtest.h>

namespace lvt::cluster {
namespace {

NodeState state(std::uint64_t round) {
    NodeState out;
    out.id = NodeId{42};
    out.starts = round;
    out.cluster_name = "orders";
    const Peer self{NodeId{42}, "rabbit@a", "a", 25672, 1};
    out.vote = {
        {round, NodeId{42}},
        {round - 1, NodeId{7}},
        {SizeBasis::hint, 3, 2, 99},
        Charter{ClusterId{5}, {self}}};
    out.cluster = out.vote.charter;
    out.book = {self, {NodeId{7}, "rabbit@b", "b", 31001, 4}};
    return out;
}

TEST(NodeState, ComesBackAsItWasWritten) {
    EXPECT_EQ(NodeState::decode(state(9).encode()).value(), state(9));
    NodeState blank;
    blank.id = NodeId{1};
    EXPECT_EQ(NodeState::decode(blank.encode()).value(), blank);
    NodeState removed = state(9);
    removed.removed = true;
    EXPECT_EQ(NodeState::decode(removed.encode()).value(), removed);
}

TEST(NodeState, NothingDamagedIsBelieved) {
    const Bytes whole = state(9).encode();
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_TRUE(NodeState::decode(ByteView(whole).substr(0, size)).has_error());
    for (std::size_t i = 0; i < whole.size(); ++i) {
        Bytes damaged = whole;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
        EXPECT_TRUE(NodeState::decode(damaged).has_error()) << i;
    }
}

/// A crash at each step of a write, with each fate of what was not synced: the old vote or the new one, never none.
TEST(StateFile, ACrashLeavesTheOldStateOrTheNewOne) {
    using Survival = storage::FaultyFs::Survival;
    for (const Survival survival : {Survival::everything, Survival::synced, Survival::torn}) {
        for (std::uint64_t step = 1;; ++step) {
            storage::FaultyFs fs;
            ASSERT_TRUE(fs.make_directory("/data").has_value());
            StateFile file(fs, "/data/cluster");
            ASSERT_TRUE(file.store(state(1).encode()).has_value());
            fs.crash_at(step);
            const bool done = file.store(state(2).encode()).has_value();
            fs.restart(survival, step);
            const auto found = StateFile(fs, "/data/cluster").load();
            ASSERT_TRUE(found.has_value()) << found.error().message;
            ASSERT_TRUE(found->has_value());
            EXPECT_TRUE(**found == state(2) || (!done && **found == state(1))) << step;
            if (done) break;
        }
    }
}

TEST(StateFile, DamageIsNotTakenForABlankNode) {
    storage::FaultyFs fs;
    StateFile file(fs, "/data/cluster");
    EXPECT_FALSE(file.load().value().has_value());
    ASSERT_TRUE(file.store(state(1).encode()).has_value());
    fs.flip("/data/cluster/node", 3);
    EXPECT_EQ(file.load().error().kind, ErrorKind::corrupt);
}

}  // namespace
}  // namespace lvt::cluster
