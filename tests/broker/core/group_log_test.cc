// The metadata group's log in the journal of a node.
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

using cluster::EntryType;
using cluster::LogIndex;
using cluster::LogStore;
using cluster::Term;

/// A node, and its group's log as the group has it.
class GroupLogTest : public testing::Test {
protected:
    explicit GroupLogTest(std::uint64_t journal_bytes_max = 0)
        : broker_({.journal_bytes_max = journal_bytes_max, .node = cluster::NodeId{7}}) {
        broker_.checkpoint = [this] {
            const LogIndex last = log_.last();
            if (last > log_.snapshot_index()) (void)log_.take_snapshot(last, Bytes("state"), 0);
            log_.checkpoint();
            return record(true);
        };
    }

    GroupRecord record(bool checkpoint) {
        last_at_[++tickets_] = log_.last();
        return {cluster::kMetadataGroup, tickets_, log_.take_record(), checkpoint};
    }
    void append(std::size_t octets) {
        log_.write(next(log_.last()), {{Term{1}, EntryType::command, Bytes(octets, 'x')}});
        chains_[log_.last()] = *log_.chain_of(log_.last());
        broker_.core().store_group(record(false), broker_.clock().now());
        broker_.end_turn();
    }
    LogStore recovered() {
        LogStore log = broker_.core().take_group_log().value();
        EXPECT_TRUE(log.finish_replay().has_value());
        return log;
    }

    SimBroker broker_;
    LogStore log_ = LogStore::bootstrapped(
        cluster::Configuration({{cluster::NodeId{7}, cluster::Role::voter}}));
    std::uint64_t tickets_ = 0;
    /// By ticket.
    std::map<std::uint64_t, LogIndex> last_at_;
    std::map<LogIndex, std::uint32_t> chains_;
};

class SmallJournalTest : public GroupLogTest {
protected:
    SmallJournalTest() : GroupLogTest(64 * 1024) {}
};

TEST_F(GroupLogTest, ANodeThatNeverHadOneKnowsOfNone) {
    EXPECT_FALSE(broker_.core().take_group_log().has_value());
}

TEST_F(GroupLogTest, ARecordIsToldStoredOnceItIsDurable) {
    broker_.set_auto_sync(false);
    append(10);
    broker_.run();
    EXPECT_EQ(broker_.group_stored(), 0u);
    broker_.sync();
    broker_.run();
    EXPECT_EQ(broker_.group_stored(), 1u);
    append(10);
    broker_.crash();
    const LogStore found = recovered();
    EXPECT_EQ(found.last(), LogIndex{2});
    EXPECT_EQ(found.chain_of(LogIndex{2}), log_.chain_of(LogIndex{2}));
    EXPECT_EQ(found.term(), Term{1});
}

TEST_F(SmallJournalTest, WhatTheJournalForgetsIsWrittenAnewBefore) {
    for (int round = 0; round < 500; ++round) {
        append(1000);
        broker_.run();
        if (round % 50 == 17) {
            broker_.crash();
            const LogStore found = recovered();
            ASSERT_EQ(found.last(), log_.last());
            ASSERT_EQ(found.chain_of(found.last()), log_.chain_of(log_.last()));
        }
    }
    EXPECT_GT(log_.first(), LogIndex{400});
}

TEST_F(SmallJournalTest, ACrashBeforeTheCheckpointLosesNothing) {
    append(1000);
    broker_.run();
    for (int round = 0; round < 300; ++round) {
        broker_.set_auto_sync(round % 3 != 0);
        append(1000);
        broker_.run(round % 7);
        broker_.crash();
        const LogStore found = recovered();
        const auto told = last_at_.find(broker_.group_stored());
        ASSERT_GE(found.last(), told->second);
        ASSERT_EQ(found.chain_of(found.last()), chains_.at(found.last()));
        log_ = found;
    }
}

}  // namespace
}  // namespace lvt::broker
