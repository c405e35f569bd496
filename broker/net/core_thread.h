// CoreThread: the one thread of the core. It takes batches from the lanes and events from the store, runs the core's turns,
// and carries out what comes of them.
#pragma once

#include "broker/core/core.h"
#include "broker/net/event_loop.h"
#include "storage/durable_store.h"

#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace lvt::broker {

class Lane;

/// What ended a thread, a store or a broker for good. Any thread; called at most once by each source.
using FatalHandler = std::function<void(Error)>;

/// Runs the loop until it is stopped; an exception (a failed ASSERT, no memory) becomes a call of `on_fatal`.
void run_guarded(EventLoop& loop, const FatalHandler& on_fatal);

class CoreThread {
public:
    /// All must outlive it.
    CoreThread(Core& core, const Clock& clock, FatalHandler on_fatal);
    CoreThread(const CoreThread&) = delete;
    CoreThread& operator=(const CoreThread&) = delete;
    ~CoreThread();

    EventLoop& loop() { return loop_; }
    /// Before start(); a broker in memory has none.
    void set_store(storage::DurableStore& store) { store_ = &store; }
    /// In the order of their index, before start().
    void add_lane(Lane& lane);
    /// The lane behind all others, before start(): it has no sockets. `give` takes its effects on the core's thread, within a turn: it
    /// must not call the core.
    void set_inner_lane(std::function<void(EffectBatch&)> give) { inner_lane_ = std::move(give); }
    /// What the core has for its cluster (TurnOutput), on its thread, within a turn: none may call the core.
    struct ClusterSink {
        std::function<void(std::vector<PeerBatch>&)> send;
        std::function<void(std::vector<ProposalRequest>&)> propose;
        std::function<void(std::uint64_t ticket)> group_stored;
        std::function<void()> checkpoint;
    };
    /// Before start(), where the broker belongs to a cluster.
    void set_cluster(ClusterSink sink) { cluster_ = std::move(sink); }
    /// Any thread: commands of the inner lane, a turn of their own.
    void submit_inner(CommandBatch batch);
    /// For DurableStore::start(). They post; after the loop has ended they do nothing.
    storage::StoreEvents store_events();

    /// `at_exit` runs on the thread when the loop has ended, also after a fatal error.
    void start(std::function<void()> at_exit);
    /// Ends the loop and waits for the thread.
    void stop_and_join();

    /// Any thread. The call is a turn of its own.
    void call(std::function<void(Core&, Time)> action);

    /// Any thread. `done` is called on the core's thread, after a turn; not at all where the loop ends before.
    void administer(AdminRequest request, std::function<void(AdminReply)> done);

    /// Any thread but the core's: a lane's batch, in order; empty afterwards. False where the lane has used up its credit: it stops
    /// reading until Lane::resume_reading() is called.
    bool submit(LaneIndex lane, CommandBatch& batch, std::size_t bytes);
    /// Core's thread: the inline lane's batch. Its effects have been given to the lane when this returns.
    void exchange(LaneIndex lane, CommandBatch& batch, Time now);

    /// Any thread: Core::read_bytes_max().
    std::size_t read_bytes_max() const { return read_bytes_max_.load(std::memory_order_relaxed); }

    /// Any thread. Calls `done` on the core's thread when the core has stopped (Core::stopped()).
    void begin_stop(std::function<void()> done);

private:
    struct Mailbox {
        std::mutex mutex;
        CommandBatch batch;
        std::size_t batch_bytes = 0;  // read from sockets for `batch`
        std::size_t unapplied = 0;    // ... and for what the core holds
        bool waiting = false;         // the lane waits for credit
    };
    struct StoreMailbox {
        std::mutex mutex;
        std::optional<storage::Lsn> durable;
        std::optional<storage::Lsn> want_snapshot;
        std::optional<storage::Lsn> retired;
        std::vector<storage::ColdBatch> reads;
        std::vector<storage::Page> pages;
        std::uint64_t settled_page_bytes = 0;
        bool scheduled = false;
    };

    void serve_lane(LaneIndex lane);
    void serve_store();
    void on_timer();
    /// Every event source ends here: output carried out, the inline lane served, the timer set.
    void end_of_turn(Time now);
    void carry_out(Time now);
    void tell_cluster(TurnOutput& output) const;
    void perform(StoreRequest& request);
    void post_store_event(const std::function<void(StoreMailbox&)>& note);

    Core& core_;
    storage::DurableStore* store_ = nullptr;
    const Clock& clock_;
    FatalHandler on_fatal_;
    EventLoop loop_;
    LoopTimer timer_;
    std::vector<Lane*> lanes_;
    Lane* inline_lane_ = nullptr;
    std::function<void(EffectBatch&)> inner_lane_;
    std::optional<ClusterSink> cluster_;
    std::vector<std::unique_ptr<Mailbox>> mailboxes_;
    std::vector<CommandBatch>
        working_;  // by lane: swapped with the mailbox, so that both keep their memory
    StoreMailbox store_mailbox_;
    std::uint64_t last_admin_id_ = 0;
    std::map<AdminId, std::function<void(AdminReply)>> asked_;  // requests without an answer yet
    std::function<void()> stop_done_;
    std::thread thread_;
    std::atomic<std::size_t> read_bytes_max_{std::numeric_limits<std::size_t>::max()};
};

}  // namespace lvt::broker
