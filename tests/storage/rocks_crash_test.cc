// RocksStore on a disk that dies: its own files and RocksDB's on the same FaultyFs.

#include "tests/storage/faulty_fs.h"
#include "tests/storage/rocks_files.h"
#include "tests/storage/rocks_life.h"

#include <gtest/gtest.h>

namespace lvt::storage {
namespace {

using Survival = FaultyFs::Survival;

StoreOptions small_options() {
    StoreOptions options;
    options.dir = "/data";
    options.journal_bytes_max = 256 << 10;
    options.segment_bytes = 32 << 10;
    options.memtable_bytes = 8 << 20;
    options.cache_bytes = 1 << 20;
    options.ballast_bytes = 0;
    return options;
}

/// Commits, retirements and reclaims until the disk dies or `commits` are durable.
void live(RocksLife& life, SeededRandom& random, int commits) {
    for (int i = 0; i < commits && !life.error; ++i) {
        life.commit();
        if (random.next() % 4 == 0) life.wait_durable();
        if (random.next() % 25 == 0 && !life.error) life.retire_early();
        for (const QueueUid queue : life.model.queues()) {
            if (random.next() % 60 == 0) life.store().reclaim(queue, life.model.floor(queue));
        }
        life.pump();
    }
    if (!life.error) life.wait_durable();
}

/// Many short lives on one disk, each ended by a crash at another change.
void crash_rounds(Survival survival, std::uint64_t seed, int rounds) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    FaultyFs fs;
    RocksLife life(
        fs, small_options(), seed, {.queues = 3, .large_one_in = 150}, rocks_files_on(fs));
    for (int round = 0; round < rounds; ++round) {
        SCOPED_TRACE(round);
        ASSERT_TRUE(life.open()) << life.error->message;
        life.check();
        if (testing::Test::HasFailure()) return;
        fs.crash_at(1 + random.next() % 400);
        live(life, random, 60);
        life.close();
        fs.restart(survival, random.next());
    }
}

}  // namespace

TEST(RocksCrash, NothingDurableIsLostWithNothingUnsyncedLeft) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) crash_rounds(Survival::synced, seed, 20);
}

TEST(RocksCrash, NothingDurableIsLostTornByPages) {
    for (std::uint64_t seed = 11; seed <= 12; ++seed) crash_rounds(Survival::torn, seed, 20);
}

TEST(RocksCrash, NothingDurableIsLostWhenKilled) {
    for (std::uint64_t seed = 21; seed <= 22; ++seed) crash_rounds(Survival::everything, seed, 20);
}

TEST(RocksCrash, ACrashAtEveryChangeOfTheFirstRetirement) {
    const auto first_life = [](RocksLife& life) {
        if (!life.open()) return;
        for (int i = 0; i < 10 && !life.error; ++i) life.commit();
        if (life.wait_durable()) life.retire_early();
    };
    std::uint64_t changes = 0;
    {
        FaultyFs fs;
        RocksLife life(fs, small_options(), 5, {.large_one_in = 0}, rocks_files_on(fs));
        first_life(life);
        life.close();
        changes = fs.changes();
    }
    for (std::uint64_t n = 1; n <= changes; ++n) {
        SCOPED_TRACE(n);
        FaultyFs fs;
        RocksLife life(fs, small_options(), 5, {.large_one_in = 0}, rocks_files_on(fs));
        fs.crash_at(n);
        first_life(life);
        life.close();
        fs.restart(n % 2 == 0 ? Survival::synced : Survival::torn, n);
        ASSERT_TRUE(life.open()) << life.error->message;
        life.check();
        ASSERT_TRUE(life.retire_early() || life.model.last() == Lsn{0}) << life.error->message;
        life.check();
        if (testing::Test::HasFailure()) return;
    }
}

TEST(RocksCrash, AFailingSyncIsFatalOnceAndLosesNothing) {
    FaultyFs fs;
    RocksLife life(fs, small_options(), 6, {}, rocks_files_on(fs));
    ASSERT_TRUE(life.open());
    for (int i = 0; i < 20; ++i) life.commit();
    ASSERT_TRUE(life.wait_durable());
    fs.fail_next_sync("/data/journal");
    life.commit();
    EXPECT_FALSE(life.wait_durable());
    EXPECT_NE(life.error->message.find("/data/journal/segment-"), std::string::npos);
    EXPECT_NE(life.error->message.find("Input/output error"), std::string::npos);
    life.close();
    fs.restart(Survival::synced);
    ASSERT_TRUE(life.open()) << life.error->message;
    life.check();
}

TEST(RocksCrash, AFailingWriteIsFatal) {
    FaultyFs fs;
    RocksLife life(fs, small_options(), 7, {}, rocks_files_on(fs));
    ASSERT_TRUE(life.open());
    life.commit();
    ASSERT_TRUE(life.wait_durable());
    fs.fail_next_write("/data/journal");
    life.commit();
    EXPECT_FALSE(life.wait_durable());
    EXPECT_EQ(life.error->kind, ErrorKind::io);
}

TEST(RocksCrash, AFullDiskUsesTheBallastThenStopsAndKeepsAll) {
    FaultyFs fs;
    StoreOptions options = small_options();
    options.ballast_bytes = 256 << 10;
    RocksLife life(fs, options, 8, {.large_one_in = 0, .settles = 0}, rocks_files_on(fs));
    ASSERT_TRUE(life.open());
    life.commit();
    ASSERT_TRUE(life.retire_early());
    ASSERT_TRUE(fs.exists("/data/ballast").value());
    fs.set_capacity(1 << 20);
    while (!life.error) {
        life.commit();
        life.wait_durable();
    }
    EXPECT_EQ(life.error->kind, ErrorKind::no_space);
    EXPECT_NE(life.error->message.find("No space left"), std::string::npos);
    EXPECT_FALSE(fs.exists("/data/ballast").value());
    life.close();
    fs.restart(Survival::synced);
    ASSERT_TRUE(life.open()) << life.error->message;
    life.check();
    life.commit();
    ASSERT_TRUE(life.wait_durable());
}

}  // namespace lvt::storage
