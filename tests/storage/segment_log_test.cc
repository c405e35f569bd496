#include "storage/segment_log.h"

#include "protocol/base/byte_reader.h"
#include "protocol/base/random.h"
#include "storage/crc32c.h"
#include "tests/storage/faulty_fs.h"

#include <gtest/gtest.h>

namespace lvt::storage {
namespace {

using Survival = FaultyFs::Survival;
const Path kDir = "/data/journal";

/// Writes commits, remembers what was durable, and checks after a crash that it is there.
class Writer {
public:
    Writer(FaultyFs& fs, std::uint64_t seed) : fs_(fs), random_(seed) {}

    Result<Lsn> open() {
        log_ =
            std::make_unique<SegmentLog>(fs_, SegmentLogOptions{kDir, 32 * 1024, 256 * 1024, {}});
        replayed_.clear();
        const Result<Lsn> last =
            log_->open(applied_, [this](Lsn lsn, ByteView record) -> Result<void> {
                EXPECT_EQ(lsn.value(), applied_.value() + replayed_.size() + 1);
                replayed_.emplace_back(record);
                return {};
            });
        if (last.has_value()) last_ = durable_ = *last;
        return last;
    }

    /// A few commits and one sync; now and then the oldest are retired.
    Result<void> step(bool with_large = true) {
        std::vector<SegmentLog::Commit> batch;
        const std::size_t count = 1 + random_.next() % 5;
        for (std::size_t i = 0; i < count; ++i) {
            last_ = Lsn{last_.value() + 1};
            const bool large = with_large && random_.next() % 40 == 0;
            const std::size_t size = random_.next() % (large ? 90'000 : 6'000);
            written_[last_] = random_.bytes(size);
            batch.push_back({last_, written_[last_]});
        }
        LVT_TRY(log_->write(batch, durable_));
        LVT_TRY(log_->sync());
        durable_ = confirmed_ = last_;
        if (random_.next() % 4 == 0) retire();
        return {};
    }

    void retire() {
        const std::optional<Lsn> target = log_->target_of_retirement();
        if (!target) return;
        applied_ = *target;
        log_->recycle(applied_);
    }

    /// What open() has replayed is what was written, and nothing that was durable is missing.
    void check(Lsn last) {
        EXPECT_GE(last, confirmed_);
        ASSERT_EQ(replayed_.size(), last.value() - applied_.value());
        for (std::size_t i = 0; i < replayed_.size(); ++i)
            EXPECT_TRUE(replayed_[i] == written_[Lsn{applied_.value() + i + 1}]) << i;
        confirmed_ = last;
    }

    SegmentLog& log() { return *log_; }
    Lsn durable() const { return durable_; }
    Lsn applied() const { return applied_; }
    const std::map<Lsn, Bytes>& written() const { return written_; }

private:
    FaultyFs& fs_;
    SeededRandom random_;
    std::unique_ptr<SegmentLog> log_;
    Lsn last_, durable_, confirmed_, applied_;
    std::map<Lsn, Bytes> written_;
    std::vector<Bytes> replayed_;
};

void run_until_crash(Writer& writer, int steps) {
    for (int i = 0; i < steps; ++i) {
        if (writer.step().has_error()) return;
    }
}

/// Crashes at every n-th change of a short life, each followed by two more lives.
void crash_everywhere(Survival survival) {
    std::uint64_t changes = 0;
    {
        FaultyFs fs;
        Writer writer(fs, 1);
        ASSERT_TRUE(writer.open().has_value());
        run_until_crash(writer, 60);
        changes = fs.changes();
    }
    for (std::uint64_t n = 1; n <= changes; ++n) {
        SCOPED_TRACE(n);
        FaultyFs fs;
        Writer writer(fs, 1);
        fs.crash_at(n);
        if (writer.open().has_value()) run_until_crash(writer, 60);
        for (std::uint64_t life = 1; life <= 2; ++life) {
            fs.restart(survival, n * 10 + life);
            const Result<Lsn> last = writer.open();
            ASSERT_TRUE(last.has_value()) << last.error().message;
            writer.check(*last);
            if (testing::Test::HasFailure()) return;
            fs.crash_at(1 + (n * 7 + life * 13) % 50);
            run_until_crash(writer, 30);
        }
    }
}

}  // namespace

TEST(SegmentLog, StartsEmpty) {
    FaultyFs fs;
    Writer writer(fs, 1);
    EXPECT_EQ(writer.open().value(), Lsn{0});
    EXPECT_TRUE(fs.list(kDir)->empty());
    EXPECT_EQ(writer.log().bytes(), 0u);
}

TEST(SegmentLog, ReplaysWhatWasWritten) {
    FaultyFs fs;
    Writer writer(fs, 2);
    ASSERT_TRUE(writer.open().has_value());
    run_until_crash(writer, 300);
    const Lsn last = writer.open().value();
    writer.check(last);
    EXPECT_GT(writer.applied(), Lsn{0});
}

TEST(SegmentLog, UsesSegmentsAgainAndStaysInItsBudget) {
    FaultyFs fs;
    Writer writer(fs, 3);
    ASSERT_TRUE(writer.open().has_value());
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(writer.step(false).has_value());
        writer.retire();
        EXPECT_LE(writer.log().bytes(), (256 + 64) * 1024u);
    }
    EXPECT_LE(fs.list(kDir)->size(), 10u);
}

TEST(SegmentLog, ReadsARangeWhileItGrows) {
    FaultyFs fs;
    Writer writer(fs, 4);
    ASSERT_TRUE(writer.open().has_value());
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(writer.step().has_value());
    Lsn next{4};
    const Result<void> read =
        writer.log().read(Lsn{3}, writer.durable(), [&](Lsn lsn, ByteView record) -> Result<void> {
            EXPECT_EQ(lsn, next);
            EXPECT_TRUE(record == writer.written().at(lsn));
            next = Lsn{lsn.value() + 1};
            return {};
        });
    EXPECT_TRUE(read.has_value());
    EXPECT_EQ(next.value(), writer.durable().value() + 1);
}

TEST(SegmentLog, SurvivesACrashAtEveryChangeWithNothingUnsyncedLeft) {
    crash_everywhere(Survival::synced);
}

TEST(SegmentLog, SurvivesACrashAtEveryChangeTornByPages) { crash_everywhere(Survival::torn); }

TEST(SegmentLog, SurvivesAKillAtEveryChange) { crash_everywhere(Survival::everything); }

TEST(SegmentLog, WhatAKilledProcessLeftInThePageCacheIsMadeDurableFirst) {
    FaultyFs fs;
    Writer writer(fs, 5);
    ASSERT_TRUE(writer.open().has_value());
    run_until_crash(writer, 5);
    fs.crash_at(2);  // the write passes, its sync does not
    run_until_crash(writer, 5);
    fs.restart(Survival::everything);
    const Lsn last = writer.open().value();
    writer.check(last);  // now they count
    run_until_crash(writer, 3);
    fs.restart(Survival::synced);
    writer.check(writer.open().value());
}

TEST(SegmentLog, ReportsEveryFlippedOctetOfDurableCommits) {
    for (std::uint64_t offset = 0; offset < 12'000; offset += 37) {
        SCOPED_TRACE(offset);
        FaultyFs fs;
        Writer writer(fs, 6);
        ASSERT_TRUE(writer.open().has_value());
        for (int i = 0; i < 12; ++i) ASSERT_TRUE(writer.step(false).has_value());
        const Path file = kDir / "segment-1";
        // Octets of the header that mean nothing, and what fills a record up, may change unnoticed.
        fs.flip(file, offset);
        const Result<Lsn> last = writer.open();
        if (last.has_value()) {
            writer.check(*last);
            continue;
        }
        EXPECT_EQ(last.error().kind, ErrorKind::corrupt);
        EXPECT_NE(last.error().message.find(file.string()), std::string::npos);
        EXPECT_NE(last.error().message.find("offset"), std::string::npos);
    }
}

TEST(SegmentLog, ReportsASegmentThatIsGone) {
    FaultyFs fs;
    Writer writer(fs, 7);
    ASSERT_TRUE(writer.open().has_value());
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(writer.step(false).has_value());
    ASSERT_GE(fs.list(kDir)->size(), 3u);
    ASSERT_TRUE(fs.remove(kDir / "segment-2").has_value());
    EXPECT_EQ(writer.open().error().kind, ErrorKind::corrupt);
}

TEST(SegmentLog, AMarkLetsNoDamageOfTheTailPass) {
    FaultyFs fs;
    Writer writer(fs, 8);
    ASSERT_TRUE(writer.open().has_value());
    ASSERT_TRUE(writer.step(false).has_value());
    ASSERT_TRUE(writer.log().write_mark(writer.durable()).has_value());
    EXPECT_EQ(writer.open().value(), writer.durable());
    fs.flip(kDir / "segment-1", kSegmentHeaderBytes + 20);
    EXPECT_EQ(writer.open().error().kind, ErrorKind::corrupt);
}

TEST(SegmentLog, RefusesAVersionThatItDoesNotKnow) {
    FaultyFs fs;
    Writer writer(fs, 9);
    ASSERT_TRUE(writer.open().has_value());
    ASSERT_TRUE(writer.step(false).has_value());
    Bytes header = encode_segment_header({1, Lsn{1}});
    header[11] = 2;
    store_big_endian(header.data() + 60, crc32c(0, ByteView(header).substr(0, 60)));
    ASSERT_TRUE((*fs.open(kDir / "segment-1", OpenMode::existing))->write(0, header).has_value());
    const Result<Lsn> last = writer.open();
    EXPECT_EQ(last.error().kind, ErrorKind::unsupported);
}

TEST(SegmentLog, AFullDiskIsAnErrorAndLosesNothing) {
    FaultyFs fs;
    Writer writer(fs, 10);
    ASSERT_TRUE(writer.open().has_value());
    fs.set_capacity(100 * 1024);
    Result<void> result;
    for (int i = 0; i < 100 && result.has_value(); ++i) result = writer.step(false);
    EXPECT_EQ(result.error().kind, ErrorKind::no_space);
    EXPECT_NE(result.error().message.find("No space left"), std::string::npos);
    fs.restart(Survival::synced);
    writer.check(writer.open().value());
}

TEST(SegmentLog, MakesRoomBeforeItGivesUp) {
    FaultyFs fs;
    int asked = 0;
    SegmentLog log(fs, {kDir, 32 * 1024, 256 * 1024, [&] {
                            fs.set_capacity(64 * 1024);
                            return ++asked == 1;
                        }});
    ASSERT_TRUE(log.open(Lsn{0}, [](Lsn, ByteView) { return Result<void>(); }).has_value());
    fs.set_capacity(40 * 1024);
    for (std::uint64_t lsn = 1; lsn <= 3; ++lsn) {
        const SegmentLog::Commit commit{Lsn{lsn}, Bytes(20'000, 'x')};
        const Result<void> written = log.write({&commit, 1}, Lsn{lsn - 1});
        EXPECT_EQ(written.has_value(), lsn < 3);
    }
    EXPECT_EQ(asked, 2);
}

}  // namespace lvt::storage
