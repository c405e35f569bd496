#include "broker/net/core_thread.h"

#include "broker/net/lane.h"
#include "protocol/base/assert.h"

#include <exception>

namespace lvt::broker {

namespace {

/// A lane that has posted more publishes than the first, which are not yet applied, stops reading until they are below the second. Not much:
/// the core takes all of them in one turn, and a consumer is given 256 KB a turn.
constexpr std::size_t kLaneCreditBytes = 512 * 1024;
constexpr std::size_t kLaneResumeBytes = 256 * 1024;

}  // namespace

void run_guarded(EventLoop& loop, const FatalHandler& on_fatal) {
    try {
        loop.run();
    } catch (const AssertionFailure& failure) {
        on_fatal({ErrorKind::invalid, fmt::format("internal error: {}", failure.what())});
    } catch (const std::exception& failure) {
        on_fatal({ErrorKind::io, fmt::format("internal error: {}", failure.what())});
    }
}

CoreThread::CoreThread(Core& core, const Clock& clock, FatalHandler on_fatal)
    : core_(core),
      clock_(clock),
      on_fatal_(std::move(on_fatal)),
      timer_(loop_, [this] { on_timer(); }) {}

CoreThread::~CoreThread() { stop_and_join(); }

void CoreThread::add_lane(Lane& lane) {
    ASSERT(lane.index() == lanes_.size());
    lanes_.push_back(&lane);
    mailboxes_.push_back(std::make_unique<Mailbox>());
    working_.emplace_back();
    if (lane.is_inline()) inline_lane_ = &lane;
}

void CoreThread::start(std::function<void()> at_exit) {
    // What finish_recovery() left (the first records) goes out before anything else.
    loop_.post([this] { end_of_turn(clock_.now()); });
    thread_ = std::thread([this, at_exit = std::move(at_exit)] {
        run_guarded(loop_, on_fatal_);
        at_exit();
    });
}

void CoreThread::stop_and_join() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
}

void CoreThread::call(std::function<void(Core&, Time)> action) {
    loop_.post([this, action = std::move(action)] {
        const Time now = clock_.now();
        action(core_, now);
        end_of_turn(now);
    });
}

void CoreThread::submit_inner(CommandBatch batch) {
    // What a loop takes must be copyable.
    auto shared = std::make_shared<CommandBatch>(std::move(batch));
    loop_.post([this, shared] {
        const Time now = clock_.now();
        core_.apply(static_cast<LaneIndex>(lanes_.size()), *shared, now);
        end_of_turn(now);
    });
}

void CoreThread::administer(AdminRequest request, std::function<void(AdminReply)> done) {
    loop_.post([this, request = std::move(request), done = std::move(done)]() mutable {
        const AdminId id(++last_admin_id_);
        asked_[id] = std::move(done);
        const Time now = clock_.now();
        core_.administer(id, request, now);
        end_of_turn(now);
    });
}

bool CoreThread::submit(LaneIndex lane, CommandBatch& batch, std::size_t bytes) {
    Mailbox& mailbox = *mailboxes_[lane];
    bool was_empty = false;
    bool credit = true;
    {
        const std::lock_guard lock(mailbox.mutex);
        was_empty = mailbox.batch.empty();
        if (was_empty)
            mailbox.batch.swap(batch);
        else
            for (LaneCommand& command : batch) mailbox.batch.push_back(std::move(command));
        mailbox.batch_bytes += bytes;
        credit = mailbox.unapplied + mailbox.batch_bytes <= kLaneCreditBytes;
        if (!credit) mailbox.waiting = true;  // and stays so until serve_lane() resumes it
    }
    batch.clear();
    if (was_empty) loop_.post([this, lane] { serve_lane(lane); });
    return credit;
}

void CoreThread::serve_lane(LaneIndex lane) {
    Mailbox& mailbox = *mailboxes_[lane];
    CommandBatch& working = working_[lane];
    std::size_t bytes = 0;
    {
        const std::lock_guard lock(mailbox.mutex);
        working.swap(mailbox.batch);
        bytes = std::exchange(mailbox.batch_bytes, 0);
        mailbox.unapplied += bytes;
    }
    const Time now = clock_.now();
    core_.apply(lane, working, now);
    working.clear();
    end_of_turn(now);
    bool resume = false;
    {
        const std::lock_guard lock(mailbox.mutex);
        mailbox.unapplied -= bytes;
        resume = mailbox.waiting && mailbox.unapplied + mailbox.batch_bytes <= kLaneResumeBytes;
        if (resume) mailbox.waiting = false;
    }
    if (resume) lanes_[lane]->resume_reading();
}

void CoreThread::exchange(LaneIndex lane, CommandBatch& batch, Time now) {
    core_.apply(lane, batch, now);
    batch.clear();
    carry_out(now);
}

void CoreThread::begin_stop(std::function<void()> done) {
    call([this, done = std::move(done)](Core& core, Time now) {
        stop_done_ = done;
        core.begin_stop(now);
    });
}

void CoreThread::on_timer() {
    const Time now = clock_.now();
    core_.on_timer(now);
    end_of_turn(now);
}

void CoreThread::end_of_turn(Time now) {
    carry_out(now);
    if (inline_lane_) inline_lane_->end_of_turn(now);
}

void CoreThread::carry_out(Time now) {
    TurnOutput& output = core_.end_turn(now);
    for (StoreRequest& request : output.store) perform(request);
    for (std::size_t i = 0; i < lanes_.size(); ++i)
        if (!output.effects[i].empty()) lanes_[i]->give(output.effects[i]);
    if (inner_lane_ && !output.effects[lanes_.size()].empty())
        inner_lane_(output.effects[lanes_.size()]);
    if (cluster_) tell_cluster(output);
    for (AdminAnswer& answer : output.answers) {
        loop_.post([done = std::move(asked_.extract(answer.id).mapped()),
                    reply = std::move(answer.reply)] { done(reply); });
    }
    output.clear();
    read_bytes_max_.store(core_.read_bytes_max(), std::memory_order_relaxed);
    if (const auto deadline = core_.next_deadline()) timer_.arm_at_latest(*deadline, now.monotonic);
    if (stop_done_ && core_.stopped()) {
        // After this turn, so that an inline lane has sent its last frames.
        loop_.post([done = std::exchange(stop_done_, nullptr)] { done(); });
    }
}

void CoreThread::tell_cluster(TurnOutput& output) const {
    if (!output.peers.empty()) cluster_->send(output.peers);
    if (!output.proposals.empty()) cluster_->propose(output.proposals);
    if (output.group_stored) cluster_->group_stored(*output.group_stored);
    if (output.checkpoint_wanted) cluster_->checkpoint();
}

void CoreThread::perform(StoreRequest& request) {
    ASSERT(store_);
    struct Visitor {
        storage::DurableStore& store;
        void operator()(AppendRequest& r) const { store.append(r.lsn, std::move(r.record)); }
        void operator()(ReadRequest& r) const { store.read(r.queue, r.from, r.to, r.bytes_max); }
        void operator()(SnapshotRequest& r) const { store.provide_snapshot(std::move(r.snapshot)); }
        void operator()(RetireEarlyRequest&) const { store.retire_early(); }
        void operator()(ReclaimRequest& r) const { store.reclaim(r.queue, r.floor); }
        void operator()(WritePageRequest& r) const { store.write_page(r.id, std::move(r.bytes)); }
        void operator()(TakePageRequest& r) const { store.take_page(r.id); }
        void operator()(DropPageRequest& r) const { store.drop_page(r.id); }
    };
    std::visit(Visitor{*store_}, request);
}

storage::StoreEvents CoreThread::store_events() {
    storage::StoreEvents events;
    events.on_durable = [this](storage::Lsn lsn) {
        post_store_event([&](StoreMailbox& mailbox) { mailbox.durable = lsn; });
    };
    events.on_read = [this](storage::ColdBatch batch) {
        post_store_event([&](StoreMailbox& mailbox) { mailbox.reads.push_back(std::move(batch)); });
    };
    events.on_want_snapshot = [this](storage::Lsn last) {
        post_store_event([&](StoreMailbox& mailbox) { mailbox.want_snapshot = last; });
    };
    events.on_retired = [this](storage::Lsn last) {
        post_store_event([&](StoreMailbox& mailbox) { mailbox.retired = last; });
    };
    events.on_page = [this](storage::Page page) {
        post_store_event([&](StoreMailbox& mailbox) { mailbox.pages.push_back(std::move(page)); });
    };
    events.on_pages_settled = [this](std::uint64_t bytes) {
        post_store_event([&](StoreMailbox& mailbox) { mailbox.settled_page_bytes += bytes; });
    };
    events.on_fatal = on_fatal_;
    return events;
}

void CoreThread::post_store_event(const std::function<void(StoreMailbox&)>& note) {
    bool scheduled = false;
    {
        const std::lock_guard lock(store_mailbox_.mutex);
        note(store_mailbox_);
        scheduled = std::exchange(store_mailbox_.scheduled, true);
    }
    if (!scheduled) loop_.post([this] { serve_store(); });
}

void CoreThread::serve_store() {
    std::optional<storage::Lsn> durable;
    std::optional<storage::Lsn> want_snapshot;
    std::optional<storage::Lsn> retired;
    std::vector<storage::ColdBatch> reads;
    std::vector<storage::Page> pages;
    std::uint64_t settled_page_bytes = 0;
    {
        const std::lock_guard lock(store_mailbox_.mutex);
        durable = std::exchange(store_mailbox_.durable, std::nullopt);
        want_snapshot = std::exchange(store_mailbox_.want_snapshot, std::nullopt);
        retired = std::exchange(store_mailbox_.retired, std::nullopt);
        reads.swap(store_mailbox_.reads);
        pages.swap(store_mailbox_.pages);
        settled_page_bytes = std::exchange(store_mailbox_.settled_page_bytes, 0);
        store_mailbox_.scheduled = false;
    }
    const Time now = clock_.now();
    if (durable) core_.on_durable(*durable, now);
    if (retired) core_.on_retired(*retired, now);
    for (storage::ColdBatch& batch : reads) core_.on_read(std::move(batch), now);
    for (storage::Page& page : pages) core_.on_page(std::move(page), now);
    if (settled_page_bytes) core_.on_pages_settled(settled_page_bytes, now);
    if (want_snapshot) core_.on_want_snapshot(*want_snapshot, now);
    end_of_turn(now);
}

}  // namespace lvt::broker
