// A small core for tests of DurableStore: does random things to queues, keeps what it did for every commit, and checks that a store
// gives back exactly that.
#pragma once

#include "protocol/base/random.h"
#include "storage/durable_store.h"
#include "storage/record.h"

#include <map>
#include <set>

namespace lvt::storage {

/// Content number `id`, of that size, the same each time.
Bytes content_of(std::uint64_t id, std::size_t size);

/// What should be there after some commit.
struct ModelState {
    struct Message {
        std::uint64_t content_id = 0;
        std::size_t size = 0;
        MessageHeader header;
        bool operator==(const Message&) const = default;
    };
    struct Queue {
        Seq next_seq = 1;
        std::map<Seq, Message> live;
        bool operator==(const Queue&) const = default;
    };
    std::map<QueueUid, Queue> queues;
    Bytes metadata;

    bool operator==(const ModelState&) const = default;
};

class StoreModel final : public RecoveryVisitor {
public:
    struct Mix {
        std::size_t queues = 4;
        std::size_t body_bytes_max = 3000;
        /// One message in this many is larger than a piece; 0 = none.
        std::uint64_t large_one_in = 60;
        /// Of ten operations, how many settle.
        std::uint64_t settles = 5;
    };

    StoreModel(std::uint64_t seed, Mix mix) : random_(seed), mix_(mix) {}

    // What goes into the store.

    /// The next commit, of a few random operations.
    Bytes next_commit();
    /// Settles all there is.
    Bytes drain_commit();
    Lsn last() const { return last_; }
    StateSnapshot snapshot() const;
    const ModelState& state() const { return history_.at(last_); }
    Seq floor(QueueUid queue) const { return floor_of(state(), queue); }

    // What comes out again.

    /// Before each recover().
    void begin_recovery();
    Result<void> on_snapshot(StateSnapshot snapshot) override;
    Result<void> on_commit(
        Lsn lsn, ByteView record, const std::map<std::uint64_t, Bytes>& bodies) override;
    /// After it: `last` is what it answered, `durable` what it may not be below. From now on the model stands there.
    void end_recovery(Lsn last, Lsn durable);
    /// Messages that recovery has not shown: they have to come from read().
    void on_retired(Lsn last);

    /// Compares what is stored of the queue: `cold` is all that read() has given. Settled messages may be among it.
    void check_queue(QueueUid queue, const std::vector<StoredMessage>& cold);
    std::vector<QueueUid> queues() const;

private:
    struct Large {
        std::uint64_t body_id = 0;
        std::vector<Target> targets;
        ModelState::Message message;
        std::uint32_t next_part = 0;
    };
    struct Recovered {
        std::map<QueueUid, QueueState> queues;
        std::map<QueueUid, std::map<Seq, Bytes>> hot;
        Bytes metadata;
        Lsn as_of;
    };

    void publish(RecordWriter& out, ModelState& state);
    void settle(RecordWriter& out, ModelState& state);
    void continue_large(RecordWriter& out, ModelState& state);
    void delete_queue(RecordWriter& out, ModelState& state);
    void apply(Lsn lsn, const RecordEntry& entry, const std::map<std::uint64_t, Bytes>& bodies);
    static Seq floor_of(const ModelState& state, QueueUid queue);
    QueueUid pick_queue(ModelState& state);
    Bytes finish(RecordWriter& out, ModelState state);

    SeededRandom random_;
    Mix mix_;
    Lsn last_;
    std::map<Lsn, ModelState> history_{{Lsn{0}, {}}};
    std::uint64_t next_id_ = 1;
    std::uint64_t next_queue_ = 1;
    std::vector<Large> large_;

    Recovered recovered_;
    /// Where the content was given to the store in this life or its recovery, and not retired since: lsn of each.
    std::map<std::pair<QueueUid, Seq>, Lsn> journaled_;
};

}  // namespace lvt::storage
