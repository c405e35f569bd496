#include "storage/memory_store.h"

#include "tests/storage/store_model.h"

#include <gtest/gtest.h>

namespace lvt::storage {
namespace {

/// The model on a MemoryStore.
class Life {
public:
    Life(std::uint64_t seed, StoreModel::Mix mix, std::uint64_t journal_bytes_max = 0)
        : model(seed, mix), store(journal_bytes_max) {
        recover();
    }

    void recover() {
        model.begin_recovery();
        const Lsn durable = store.durable();
        const Result<Lsn> last = store.recover(model);
        ASSERT_TRUE(last.has_value()) << last.error().message;
        model.end_recovery(*last, durable);
        StoreEvents events;
        events.on_durable = [this](Lsn lsn) { durable_seen = lsn; };
        events.on_read = [this](ColdBatch batch) { read_answer = std::move(batch); };
        events.on_want_snapshot = [this](Lsn) { store.provide_snapshot(model.snapshot()); };
        events.on_retired = [this](Lsn last) { model.on_retired(last); };
        events.on_fatal = [](Error error) { FAIL() << error.message; };
        ASSERT_TRUE(store.start(std::move(events)).has_value());
    }

    void commit() {
        Bytes record = model.next_commit();
        store.append(model.last(), std::move(record));
    }

    void settle_events() {
        store.sync();
        while (store.step()) store.sync();
    }

    std::vector<StoredMessage> read_all(QueueUid queue, std::size_t bytes_max) {
        std::vector<StoredMessage> all;
        const Seq end = model.state().queues.at(queue).next_seq;
        for (Seq from = 1; from < end; from = read_answer->covered) {
            read_answer.reset();
            store.read(queue, from, end, bytes_max);
            settle_events();
            EXPECT_TRUE(read_answer && read_answer->covered > from);
            if (!read_answer || read_answer->covered <= from) break;
            for (StoredMessage& message : read_answer->messages) all.push_back(std::move(message));
        }
        return all;
    }

    void check() {
        for (const QueueUid queue : model.queues()) model.check_queue(queue, read_all(queue, 2000));
    }

    StoreModel model;
    MemoryStore store;
    Lsn durable_seen;
    std::optional<ColdBatch> read_answer;
};

}  // namespace

TEST(MemoryStore, NothingIsDurableBeforeSyncAndNothingIsToldBeforeStep) {
    Life life(1, {});
    life.commit();
    EXPECT_FALSE(life.store.step());
    life.store.sync();
    EXPECT_EQ(life.durable_seen, Lsn{0});
    EXPECT_TRUE(life.store.step());
    EXPECT_EQ(life.durable_seen, Lsn{1});
}

TEST(MemoryStore, ACrashDropsWhatWasNotSynced) {
    Life life(2, {});
    for (int i = 0; i < 10; ++i) life.commit();
    life.store.sync(4);
    life.store.crash(2);
    life.recover();
    EXPECT_EQ(life.model.last(), Lsn{6});
    life.commit();
    life.settle_events();
    EXPECT_EQ(life.durable_seen, Lsn{7});
}

TEST(MemoryStore, RetiredMessagesAreRead) {
    Life life(3, {.settles = 2});
    for (int i = 0; i < 200; ++i) life.commit();
    life.settle_events();
    EXPECT_EQ(life.store.cold_messages(), 0u);
    life.store.retire_early();
    life.settle_events();
    EXPECT_GT(life.store.cold_messages(), 0u);
    life.check();
}

TEST(MemoryStore, ReclaimDropsOnlyWhatIsDurablySettled) {
    Life life(4, {.queues = 1, .large_one_in = 0, .settles = 0});
    for (int i = 0; i < 20; ++i) life.commit();
    life.settle_events();
    life.store.retire_early();
    life.settle_events();
    Bytes drain = life.model.drain_commit();
    life.store.append(life.model.last(), std::move(drain));
    const QueueUid queue = life.model.queues().front();
    life.store.reclaim(queue, life.model.floor(queue));
    EXPECT_GT(life.store.cold_messages(), 0u);
    life.store.sync();
    EXPECT_EQ(life.store.cold_messages(), 0u);
}

TEST(MemoryStore, KeepsTheModelThroughRandomCrashes) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE(seed);
        SeededRandom random(seed);
        Life life(seed, {}, 200'000);
        for (int round = 0; round < 6 && !testing::Test::HasFailure(); ++round) {
            for (int i = 0; i < 60; ++i) {
                life.commit();
                if (random.next() % 3 == 0) life.store.sync(1 + random.next() % 4);
                if (random.next() % 3 == 0) life.store.step();
                if (random.next() % 40 == 0) life.store.retire_early();
            }
            life.store.crash(random.next() % 5);
            life.recover();
            life.check();
        }
    }
}

}  // namespace lvt::storage
