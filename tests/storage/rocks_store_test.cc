#include "storage/rocks_store.h"

#include "storage/posix_fs.h"
#include "tests/storage/faulty_fs.h"
#include "tests/storage/rocks_files.h"
#include "tests/storage/rocks_life.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace lvt::storage {
namespace {

/// A directory of the machine's that is gone after the test.
class RocksStoreTest : public testing::Test {
protected:
    RocksStoreTest() {
        Bytes name = (std::filesystem::temp_directory_path() / "leveret-store-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        options_.dir = name;
        options_.journal_bytes_max = 1 << 20;
        options_.segment_bytes = 128 << 10;
        options_.memtable_bytes = 8 << 20;
        options_.cache_bytes = 1 << 20;
        options_.ballast_bytes = 0;
    }
    ~RocksStoreTest() override { std::filesystem::remove_all(options_.dir); }

    PosixFs fs_;
    StoreOptions options_;
};

}  // namespace

TEST_F(RocksStoreTest, AnEmptyStartMakesNoRocksDb) {
    RocksLife life(fs_, options_, 1, {});
    ASSERT_TRUE(life.open());
    EXPECT_EQ(life.model.last(), Lsn{0});
    EXPECT_FALSE(std::filesystem::exists(options_.dir / "store"));
}

TEST_F(RocksStoreTest, ASecondBrokerIsRefused) {
    RocksLife first(fs_, options_, 1, {});
    ASSERT_TRUE(first.open());
    RocksLife second(fs_, options_, 1, {});
    EXPECT_FALSE(second.open());
    EXPECT_EQ(second.error->kind, ErrorKind::invalid);
    EXPECT_NE(second.error->message.find(options_.dir.string()), std::string::npos);
}

TEST_F(RocksStoreTest, AnotherFormatIsRefused) {
    {
        RocksLife life(fs_, options_, 1, {});
        ASSERT_TRUE(life.open());
    }
    const auto file = fs_.open(options_.dir / "FORMAT", OpenMode::create);
    ASSERT_TRUE((*file)->write(0, "leveret data directory, format 7\n").has_value());
    RocksLife life(fs_, options_, 1, {});
    EXPECT_FALSE(life.open());
    EXPECT_EQ(life.error->kind, ErrorKind::unsupported);
    EXPECT_NE(life.error->message.find("format 7"), std::string::npos);
}

TEST_F(RocksStoreTest, RecoversFromTheJournalAlone) {
    RocksLife life(fs_, options_, 2, {});
    ASSERT_TRUE(life.open());
    for (int i = 0; i < 20; ++i) life.commit();
    ASSERT_TRUE(life.wait_durable());
    ASSERT_TRUE(life.open());
    life.check();
}

TEST_F(RocksStoreTest, RetiresReadsAndRecovers) {
    RocksLife life(fs_, options_, 3, {.settles = 3});
    ASSERT_TRUE(life.open());
    for (int i = 0; i < 400; ++i) {
        life.commit();
        if (i % 100 != 99) continue;
        ASSERT_TRUE(life.retire_early());
    }
    life.check();
    ASSERT_TRUE(life.open());
    life.check();
    EXPECT_GE(life.rounds, 4u);
}

TEST_F(RocksStoreTest, RetiresByItselfAboveItsBudget) {
    RocksLife life(fs_, options_, 4, {});
    ASSERT_TRUE(life.open());
    for (int i = 0; i < 3000; ++i) {
        life.commit();
        if (i % 50 != 0) continue;
        ASSERT_TRUE(life.wait_durable());
    }
    ASSERT_TRUE(
        life.wait([&] { return life.store().journal_bytes() <= options_.journal_bytes_max; }));
    EXPECT_GT(life.rounds, 1u);
    life.check();
    ASSERT_TRUE(life.open());
    life.check();
}

TEST_F(RocksStoreTest, ReadsAreBoundedAndComplete) {
    RocksLife life(fs_, options_, 5, {.queues = 1, .large_one_in = 0, .settles = 0});
    ASSERT_TRUE(life.open());
    for (int i = 0; i < 100; ++i) life.commit();
    ASSERT_TRUE(life.retire_early());
    const QueueUid queue = life.model.queues().front();
    const std::size_t all = life.model.state().queues.at(queue).live.size();
    for (const std::size_t bytes_max : {std::size_t{1}, std::size_t{5000}, std::size_t{1} << 30})
        EXPECT_EQ(life.read_all(queue, bytes_max).size(), all);
}

TEST_F(RocksStoreTest, GivesTheSpaceBackAfterADrain) {
    options_.journal_bytes_max = 8 << 20;
    options_.segment_bytes = 1 << 20;
    RocksLife life(
        fs_,
        options_,
        6,
        {.queues = 3, .body_bytes_max = 60'000, .large_one_in = 20, .settles = 0});
    ASSERT_TRUE(life.open());
    for (int i = 0; i < 250; ++i) life.commit();
    ASSERT_TRUE(life.retire_early());
    const std::uint64_t before = life.store().cold_bytes();
    EXPECT_GT(before, 10u << 20);
    life.append(life.model.drain_commit());
    ASSERT_TRUE(life.wait_durable());
    for (const QueueUid queue : life.model.queues())
        life.store().reclaim(queue, life.model.floor(queue));
    // In the background, and bodies at their own pace; a retirement's flush drops nothing by itself.
    while (life.store().cold_bytes() > before / 5) {
        life.append(life.model.drain_commit());
        ASSERT_TRUE(life.wait_durable());
    }
    life.check();
}

TEST_F(RocksStoreTest, KeepsTheModelThroughRandomLives) {
    const std::uint64_t seed = testing::UnitTest::GetInstance()->random_seed() + 1;
    SCOPED_TRACE("seed " + std::to_string(seed));
    RecordProperty("seed", std::to_string(seed));
    SeededRandom random(seed);
    RocksLife life(fs_, options_, seed, {.queues = 6});
    for (int round = 0; round < 8; ++round) {
        ASSERT_TRUE(life.open()) << life.error->message;
        life.check();
        for (int i = 0; i < 250; ++i) {
            life.commit();
            if (random.next() % 10 == 0) life.pump();
            if (random.next() % 60 == 0) life.store().retire_early();
            for (const QueueUid queue : life.model.queues())
                if (random.next() % 100 == 0) life.store().reclaim(queue, life.model.floor(queue));
        }
        ASSERT_TRUE(life.wait_durable());
        if (HasFailure()) return;
    }
}

/// Tables that are left of `rounds` retirements on a volume of this size.
std::size_t tables_after(std::uint64_t volume_bytes, int rounds) {
    FaultyFs fs;
    fs.set_capacity(volume_bytes);
    StoreOptions options;
    options.dir = "/data";
    options.journal_bytes_max = 256 << 10;
    options.segment_bytes = 32 << 10;
    options.memtable_bytes = 8 << 20;
    options.ballast_bytes = 0;
    RocksLife life(
        fs, options, 7, {.queues = 1, .large_one_in = 0, .settles = 0}, rocks_files_on(fs));
    EXPECT_TRUE(life.open());
    std::size_t tables = 0;
    const auto count = [&] {
        tables = 0;
        const auto names = fs.list(options.dir / "store");
        for (const std::string& name : *names)
            tables += name.size() > 4 && name.substr(name.size() - 4) == ".sst";
        return tables;
    };
    for (int round = 0; round < rounds; ++round) {
        for (int i = 0; i < 10; ++i) life.commit();
        EXPECT_TRUE(life.wait_durable() && life.retire_early());
    }
    // What compacts is given as many rounds as it needs.
    while (volume_bytes > 1 << 30 && count() >= static_cast<std::size_t>(rounds)) {
        life.commit();
        EXPECT_TRUE(life.wait_durable() && life.retire_early());
    }
    count();
    life.check();
    return tables;
}

TEST(RocksStoreSpace, NothingIsCompactedWhereItCouldFillTheVolume) {
    constexpr int kRounds = 12;
    EXPECT_LT(tables_after(64ull << 30, kRounds), static_cast<std::size_t>(kRounds));
    // Less than the memtables may still need.
    EXPECT_GE(tables_after(15 << 20, kRounds), static_cast<std::size_t>(kRounds));
}

TEST(StoreOptions, FollowTheMachine) {
    constexpr std::uint64_t kMegabyte = 1 << 20;
    const StoreOptions marathon = budgets_for(1024 * kMegabyte, 512 * kMegabyte);
    EXPECT_EQ(marathon.journal_bytes_max, 128 * kMegabyte);
    EXPECT_EQ(marathon.segment_bytes, 16 * kMegabyte);
    EXPECT_EQ(marathon.memtable_bytes, 32 * kMegabyte);
    EXPECT_EQ(marathon.cache_bytes, 32 * kMegabyte);
    EXPECT_EQ(marathon.ballast_bytes, 64 * kMegabyte);
    EXPECT_EQ(budgets_for(1ull << 40, 1ull << 36).journal_bytes_max, 512 * kMegabyte);
    EXPECT_EQ(budgets_for(100 * kMegabyte, 100 * kMegabyte).journal_bytes_max, 64 * kMegabyte);
}

}  // namespace lvt::storage
