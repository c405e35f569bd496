#include "cluster/node/membership.h"

#include "cluster/node/group_log.h"
#include "tests/storage/faulty_fs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace lvt::cluster {
namespace {

Peer peer(std::uint64_t id, std::uint64_t starts = 1) {
    return {
        NodeId{id}, "rabbit@" + std::to_string(id), "h", static_cast<std::uint16_t>(id), starts};
}

/// Nodes with a perfect network and disk; time goes on by the millisecond.
class Together {
public:
    void found(std::initializer_list<std::uint64_t> ids) {
        std::vector<Member> members;
        for (const std::uint64_t id : ids) members.push_back({NodeId{id}, Role::voter});
        for (const std::uint64_t id : ids)
            start(id, LogStore::bootstrapped(Configuration(members)));
    }
    void start(std::uint64_t id, LogStore log, std::uint64_t starts = 1) {
        nodes_[id] = std::make_unique<Membership>(
            NodeId{id}, static_cast<std::uint32_t>(id), std::move(log));
        nodes_[id]->start(now_);
        nodes_[id]->note(now_, peer(id, starts));
    }
    void stop(std::uint64_t id) { nodes_.erase(id); }
    Membership& operator[](std::uint64_t id) { return *nodes_.at(id); }

    /// False where it has not come true within a minute.
    bool until(const std::function<bool()>& done) {
        for (int i = 0; i < 60'000; ++i) {
            if (done()) return true;
            ++now_;
            for (const auto& [id, node] : nodes_) node->tick(now_);
            while (step()) {
            }
        }
        return false;
    }
    std::uint64_t leader() const {
        for (const auto& [id, node] : nodes_)
            if (node->leads()) return id;
        return 0;
    }
    std::uint64_t now() const { return now_; }

    std::vector<JoinAnswer> answers;

private:
    bool step() {
        bool any = false;
        for (const auto& [id, node] : nodes_) {
            MembershipOutput out = node->take();
            if (!out.record.empty()) node->persisted(now_, out.ticket);
            for (Outgoing& one : out.messages) {
                const auto to = nodes_.find(one.to.value());
                if (to == nodes_.end()) continue;
                to->second->receive(now_, decode_message(one.bytes).value());
            }
            for (auto& [link, answer] : out.answers) answers.push_back(std::move(answer));
            any = any || !out.record.empty() || !out.messages.empty();
        }
        return any;
    }

    std::uint64_t now_ = 1000;
    std::map<std::uint64_t, std::unique_ptr<Membership>> nodes_;
};

TEST(Membership, FoundersElectALeaderWhoWritesTheirAddressesDown) {
    Together nodes;
    nodes.found({1, 2, 3});
    ASSERT_TRUE(nodes.until([&] { return nodes.leader() != 0; }));
    Membership& leader = nodes[nodes.leader()];
    for (const std::uint64_t id : {1, 2, 3}) leader.note(nodes.now(), peer(id));
    ASSERT_TRUE(nodes.until([&] {
        return std::ranges::all_of(std::vector<std::uint64_t>{1, 2, 3}, [&](std::uint64_t id) {
            return nodes[id].addresses().size() == 3 && nodes[id].members().size() == 3;
        });
    }));
    EXPECT_EQ(nodes[1].addresses().at(NodeId{3}), peer(3));
}

TEST(Membership, ANewcomerIsLetInByTheLeaderAloneAndVotesOnceItHasCaughtUp) {
    Together nodes;
    nodes.found({1, 2, 3});
    ASSERT_TRUE(nodes.until([&] { return nodes.leader() != 0; }));
    const std::uint64_t leader = nodes.leader();
    const std::uint64_t follower = leader == 1 ? 2 : 1;
    ASSERT_TRUE(nodes.until([&] { return nodes[follower].leader() == NodeId{leader}; }));
    nodes[follower].admit(nodes.now(), 7, peer(4));
    ASSERT_TRUE(nodes.until([&] { return nodes.answers.size() == 1; }));
    EXPECT_EQ(nodes.answers[0].status, JoinStatus::not_leader);
    EXPECT_EQ(nodes.answers[0].leader, NodeId{leader});
    nodes[leader].admit(nodes.now(), 8, peer(4));
    ASSERT_TRUE(nodes.until([&] { return nodes.answers.size() == 2; }));
    EXPECT_EQ(nodes.answers[1].status, JoinStatus::welcome);
    nodes.start(4, LogStore());
    ASSERT_TRUE(nodes.until([&] { return nodes[4].configuration().voters() == 4; }));
    EXPECT_EQ(nodes[4].members().size(), 4u);
    ASSERT_TRUE(nodes.until([&] { return nodes[2].addresses().contains(NodeId{4}); }));
}

TEST(Membership, AnAddressChangesForAllAndAnOlderOneDoesNotComeBack) {
    Together nodes;
    nodes.found({1, 2, 3});
    ASSERT_TRUE(nodes.until([&] { return nodes.leader() != 0; }));
    Peer moved = peer(3, 5);
    moved.port = 999;
    nodes[nodes.leader()].note(nodes.now(), moved);
    nodes[nodes.leader()].note(nodes.now(), peer(3, 4));
    const auto moved_at = [&](std::uint64_t id) {
        const auto found = nodes[id].addresses().find(NodeId{3});
        return found != nodes[id].addresses().end() && found->second == moved;
    };
    ASSERT_TRUE(nodes.until([&] { return moved_at(1) && moved_at(2) && moved_at(3); }));
    const std::uint64_t later = nodes.now() + 5000;
    ASSERT_TRUE(nodes.until([&] { return nodes.now() > later; }));
    EXPECT_TRUE(moved_at(1));
}

TEST(Membership, AMinorityLetsNobodyIn) {
    Together nodes;
    nodes.found({1, 2, 3});
    ASSERT_TRUE(nodes.until([&] { return nodes.leader() != 0; }));
    const std::uint64_t leader = nodes.leader();
    for (const std::uint64_t id : {1, 2, 3})
        if (id != leader) nodes.stop(id);
    nodes[leader].admit(nodes.now(), 7, peer(4));
    EXPECT_FALSE(nodes.until([&] { return !nodes.answers.empty(); }));
    EXPECT_EQ(nodes.leader(), 0u);
}

TEST(GroupLog, RecordsComeBackAndATornTailIsCutOff) {
    storage::FaultyFs fs;
    std::vector<Bytes> records;
    {
        auto log = GroupLog::open(fs, "/data/cluster", false, records).value();
        ASSERT_TRUE(log.append("one").has_value());
        ASSERT_TRUE(log.append("two").has_value());
    }
    const std::size_t size = fs.content("/data/cluster/log").size();
    {
        auto file = fs.open("/data/cluster/log", storage::OpenMode::existing).value();
        ASSERT_TRUE(file->write(size, ByteView("\0\0\0\x09torn", 8)).has_value());
    }
    records.clear();
    auto log = GroupLog::open(fs, "/data/cluster", false, records).value();
    EXPECT_EQ(records, (std::vector<Bytes>{"one", "two"}));
    ASSERT_TRUE(log.append("three").has_value());
    records.clear();
    (void)GroupLog::open(fs, "/data/cluster", false, records).value();
    EXPECT_EQ(records, (std::vector<Bytes>{"one", "two", "three"}));
    EXPECT_TRUE(GroupLog::open(fs, "/data/cluster", true, records).has_value());
    fs.flip("/data/cluster/log", 9);
    EXPECT_EQ(GroupLog::open(fs, "/data/cluster", false, records).error().kind, ErrorKind::corrupt);
}

TEST(GroupLog, IsMissedByWhoBelongsToACluster) {
    storage::FaultyFs fs;
    std::vector<Bytes> records;
    EXPECT_EQ(GroupLog::open(fs, "/data/cluster", true, records).error().kind, ErrorKind::corrupt);
    EXPECT_FALSE(fs.exists("/data/cluster/log").value());
}

}  // namespace
}  // namespace lvt::cluster
