#include "storage/journal.h"

#include "tests/storage/faulty_fs.h"

#include <gtest/gtest.h>

namespace lvt::storage {
namespace {

const Path kDir = "/data/journal";

/// A journal whose events can be waited for.
class Life {
public:
    explicit Life(FaultyFs& fs) : journal(fs, {kDir, 64 * 1024, 1024 * 1024, {}}) {
        const Result<Lsn> last = journal.open(Lsn{0}, [this](Lsn, ByteView record) -> Result<void> {
            replayed.emplace_back(record);
            return {};
        });
        EXPECT_TRUE(last.has_value());
        last_ = *last;
        journal.start(
            {[this](Lsn lsn) {
                 const std::lock_guard lock(mutex_);
                 ++commits_;
                 EXPECT_GT(lsn, durable_);
                 durable_ = lsn;
                 changed_.notify_all();
             },
             [this](Error error) {
                 const std::lock_guard lock(mutex_);
                 EXPECT_FALSE(error_.has_value()) << "told twice";
                 error_ = std::move(error);
                 changed_.notify_all();
             }});
    }

    /// Its events use what is destroyed before it.
    ~Life() { (void)journal.close(); }

    Lsn append(Bytes record) {
        last_ = Lsn{last_.value() + 1};
        journal.append(last_, std::move(record));
        return last_;
    }
    /// False where the journal has failed before.
    bool wait(Lsn lsn) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return error_ || durable_ >= lsn; });
        return durable_ >= lsn;
    }
    std::size_t commits() {
        const std::lock_guard lock(mutex_);
        return commits_;
    }
    std::optional<Error> error() {
        const std::lock_guard lock(mutex_);
        return error_;
    }

    Journal journal;
    std::vector<Bytes> replayed;

private:
    Lsn last_;
    std::mutex mutex_;
    std::condition_variable changed_;
    Lsn durable_;
    std::size_t commits_ = 0;
    std::optional<Error> error_;
};

}  // namespace

TEST(Journal, OneSyncServesAllThatGathered) {
    FaultyFs fs;
    Life life(fs);
    Lsn last;
    for (int i = 0; i < 5000; ++i) last = life.append(std::to_string(i));
    ASSERT_TRUE(life.wait(last));
    EXPECT_LE(life.commits(), 5000u);
    EXPECT_EQ(life.journal.durable(), last);
}

TEST(Journal, CloseMakesEverythingDurable) {
    FaultyFs fs;
    {
        Life life(fs);
        for (int i = 0; i < 1000; ++i) life.append(std::to_string(i));
        EXPECT_TRUE(life.journal.close().has_value());
    }
    fs.restart(FaultyFs::Survival::synced);
    Life again(fs);
    ASSERT_EQ(again.replayed.size(), 1000u);
    EXPECT_EQ(again.replayed.back(), "999");
}

TEST(Journal, AFailedSyncIsToldOnceAndNothingIsDurableAfterIt) {
    FaultyFs fs;
    Life life(fs);
    ASSERT_TRUE(life.wait(life.append("durable")));
    fs.fail_next_sync("/");
    const Lsn lost = life.append("lost");
    EXPECT_FALSE(life.wait(lost));
    const std::uint64_t syncs = fs.syncs();
    for (int i = 0; i < 100; ++i) life.append("ignored");
    EXPECT_TRUE(life.journal.close().has_error());
    EXPECT_EQ(fs.syncs(), syncs) << "a sync was tried again";
    EXPECT_NE(life.error()->message.find("Input/output error"), std::string::npos);
    fs.restart(FaultyFs::Survival::synced);
    Life again(fs);
    EXPECT_EQ(again.replayed, (std::vector<Bytes>{"durable"}));
}

TEST(Journal, KeepsWhatItCalledDurableThroughCrashes) {
    for (std::uint64_t n = 1; n < 120; n += 3) {
        SCOPED_TRACE(n);
        FaultyFs fs;
        Lsn durable;
        {
            Life life(fs);
            fs.crash_at(n);
            for (int i = 0; i < 400; ++i) {
                const Lsn last = life.append(Bytes(1000, static_cast<char>(i)));
                if (i % 7 == 0 && !life.wait(last)) break;
            }
            (void)life.journal.close();
            durable = life.journal.durable();
        }
        fs.restart(FaultyFs::Survival::torn, n);
        Life again(fs);
        EXPECT_GE(again.replayed.size(), durable.value());
        for (std::size_t i = 0; i < again.replayed.size(); ++i)
            EXPECT_TRUE(again.replayed[i] == Bytes(1000, static_cast<char>(i)));
    }
}

TEST(Journal, CanBeReadAndRecycledWhileItIsWritten) {
    FaultyFs fs;
    Life life(fs);
    Lsn done;
    for (int i = 0; i < 400; ++i) {
        const Lsn last = life.append(Bytes(3000, static_cast<char>(i)));
        if (i % 40 != 0) continue;
        ASSERT_TRUE(life.wait(Lsn{last.value() - 20 * (i > 0 ? 1u : 0u)}));
        const Lsn until = life.journal.durable();
        std::uint64_t count = 0;
        const Result<void> read =
            life.journal.log().read(done, until, [&](Lsn, ByteView) -> Result<void> {
                ++count;
                return {};
            });
        ASSERT_TRUE(read.has_value()) << read.error().message;
        EXPECT_EQ(count, until.value() - done.value());
        life.journal.log().recycle(until);
        done = until;
    }
}

}  // namespace lvt::storage
