#include "cluster/raft/log_store.h"

#include <gtest/gtest.h>

namespace lvt::cluster {
namespace {

const Configuration kThree(
    {{NodeId{1}, Role::voter}, {NodeId{2}, Role::voter}, {NodeId{3}, Role::voter}});

Entry command(std::uint64_t term, Bytes data) {
    return {Term{term}, EntryType::command, std::move(data)};
}

/// A log and the records that it gave, as the journal would hold them.
class Journaled {
public:
    LogStore log = LogStore::bootstrapped(kThree);
    std::vector<Bytes> records;

    void keep() {
        if (log.dirty()) records.push_back(log.take_record());
    }
    LogStore replayed(std::size_t from = 0) const {
        LogStore out;
        for (std::size_t i = from; i < records.size(); ++i)
            EXPECT_TRUE(out.replay(records[i]).has_value());
        return out;
    }
};

void expect_equal(const LogStore& a, const LogStore& b, bool with_trailing = true) {
    EXPECT_EQ(a.term(), b.term());
    EXPECT_EQ(a.vote(), b.vote());
    EXPECT_EQ(a.last(), b.last());
    EXPECT_TRUE(!with_trailing || a.first() == b.first());
    EXPECT_EQ(a.snapshot_index(), b.snapshot_index());
    if (a.snapshot() && b.snapshot()) {
        EXPECT_EQ(*a.snapshot(), *b.snapshot());
    }
    for (LogIndex i = std::max(a.first(), b.first()); i <= a.last(); i = next(i)) {
        EXPECT_EQ(a.at(i), b.at(i));
        EXPECT_EQ(a.chain_of(i), b.chain_of(i));
    }
}

TEST(LogStore, ReplayGivesVotesEntriesAndTruncationsBack) {
    Journaled j;
    j.keep();
    j.log.set_vote(Term{3}, NodeId{2});
    j.log.write(LogIndex{2}, {command(3, "a"), command(3, "b"), command(3, "c")});
    j.keep();
    j.log.set_vote(Term{4}, NodeId{});
    j.log.write(LogIndex{3}, {command(4, "other")});
    j.keep();
    EXPECT_EQ(j.log.last(), LogIndex{3});
    const LogStore again = j.replayed();
    ASSERT_TRUE(again.finish_replay().has_value());
    expect_equal(j.log, again);
}

TEST(LogStore, ASnapshotKeepsTheTrailingEntriesThatFit) {
    Journaled j;
    for (std::uint64_t i = 2; i <= 10; ++i) j.log.write(LogIndex{i}, {command(1, Bytes(100, 'x'))});
    EXPECT_EQ(j.log.take_snapshot(LogIndex{8}, "state", 400), 2u);
    j.keep();
    EXPECT_EQ(j.log.first(), LogIndex{7});
    EXPECT_EQ(j.log.last(), LogIndex{10});
    EXPECT_EQ(j.log.configuration_at(LogIndex{10}).first, LogIndex{1});
    EXPECT_EQ(j.log.configuration_at(LogIndex{10}).second, kThree);
    expect_equal(j.log, j.replayed());
}

TEST(LogStore, AnInstalledSnapshotReplacesTheLog) {
    Journaled j;
    j.log.write(LogIndex{2}, {command(1, "gone")});
    j.keep();
    j.log.install({LogIndex{50}, Term{4}, 77, kThree, LogIndex{9}, "state"});
    j.log.write(LogIndex{51}, {command(4, "behind")});
    j.keep();
    EXPECT_EQ(j.log.first(), LogIndex{51});
    EXPECT_EQ(j.log.term_of(LogIndex{50}), Term{4});
    EXPECT_EQ(j.log.chain_of(LogIndex{50}), 77u);
    EXPECT_FALSE(j.log.term_of(LogIndex{2}));
    j.log.set_vote(Term{4}, NodeId{});
    j.keep();
    expect_equal(j.log, j.replayed());
}

TEST(LogStore, ACheckpointStandsWithoutWhatWasBefore) {
    Journaled j;
    j.log.set_vote(Term{2}, NodeId{3});
    for (std::uint64_t i = 2; i <= 6; ++i) j.log.write(LogIndex{i}, {command(2, "x")});
    (void)j.log.take_snapshot(LogIndex{4}, "state", 1000);
    j.keep();
    // The first of these two was retired with its segment, the second not yet.
    j.log.write(LogIndex{7}, {command(2, "y")});
    j.keep();
    j.log.checkpoint();
    j.keep();
    j.log.write(LogIndex{8}, {command(2, "z")});
    (void)j.log.take_snapshot(LogIndex{6}, "later", 1000);
    j.keep();
    const LogStore again = j.replayed(1);
    ASSERT_TRUE(again.finish_replay().has_value());
    expect_equal(j.log, again, false);
}

TEST(LogStore, AJournalWithoutItsBeginningIsRefused) {
    Journaled j;
    j.keep();
    j.log.write(LogIndex{2}, {command(1, "x")});
    j.keep();
    EXPECT_EQ(j.replayed(1).finish_replay().error().kind, ErrorKind::corrupt);
}

TEST(LogStore, ItsRecordsRefuseEveryTruncationThatCutsAnItem) {
    Journaled j;
    j.log.write(LogIndex{2}, {command(1, "x"), {Term{1}, EntryType::change, kThree.encode()}});
    (void)j.log.take_snapshot(LogIndex{3}, "state", 0);
    j.keep();
    const std::size_t items = decode_log_record(j.records[0])->size();
    for (std::size_t size = 0; size < j.records[0].size(); ++size) {
        const auto cut = decode_log_record(j.records[0].substr(0, size));
        EXPECT_TRUE(cut.has_error() || cut->size() < items) << size;
    }
}

TEST(LogStore, TheSameLogHasTheSameCheckSumsHoweverItCameAbout) {
    LogStore a = LogStore::bootstrapped(kThree);
    LogStore b = LogStore::bootstrapped(kThree);
    a.write(LogIndex{2}, {command(1, "x"), command(1, "y")});
    b.write(LogIndex{2}, {command(1, "wrong")});
    b.write(LogIndex{2}, {command(1, "x")});
    b.write(LogIndex{3}, {command(1, "y")});
    EXPECT_EQ(a.chain_of(LogIndex{3}), b.chain_of(LogIndex{3}));
    b.write(LogIndex{3}, {command(2, "y")});
    EXPECT_NE(a.chain_of(LogIndex{3}), b.chain_of(LogIndex{3}));
}

}  // namespace
}  // namespace lvt::cluster
