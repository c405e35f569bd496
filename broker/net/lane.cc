#include "broker/net/lane.h"

#include "protocol/base/assert.h"

#include <utility>

namespace lvt::broker {

namespace {

/// Exchanges with the core in one turn before other event sources get their share.
constexpr int kTurnRounds = 4;

void append(EffectBatch& to, EffectBatch& from) {
    if (to.empty()) {
        to.swap(from);
        return;
    }
    for (LaneEffect& effect : from) to.push_back(std::move(effect));
    from.clear();
}

}  // namespace

Lane::Lane(
    LaneOptions options, CoreThread& core, const Clock& clock, LogSink& log, FatalHandler on_fatal)
    : options_(std::move(options)),
      core_(core),
      clock_(clock),
      log_(log),
      on_fatal_(std::move(on_fatal)),
      own_loop_(options_.on_core_thread ? nullptr : std::make_unique<EventLoop>()),
      loop_(own_loop_ ? own_loop_.get() : &core.loop()),
      timer_(std::make_unique<LoopTimer>(*loop_, [this] { on_timer(); })) {}

Lane::~Lane() {
    stop();
    join();
    close_all();
}

void Lane::start() {
    if (!own_loop_) return;
    thread_ = std::thread([this] {
        run_guarded(*own_loop_, on_fatal_);
        close_all();
    });
}

void Lane::stop() {
    if (own_loop_) own_loop_->stop();
}

void Lane::stop_when_drained() {
    if (own_loop_) own_loop_->post([this] { own_loop_->stop(); });
}

void Lane::join() {
    if (thread_.joinable()) thread_.join();
}

void Lane::adopt(Arrival arrival) {
    if (is_inline()) return open_session(std::move(arrival));
    // What is posted must be copyable; it is closed with the loop if the call never runs.
    auto shared = std::make_shared<Arrival>(std::move(arrival));
    loop_->post([this, shared] { open_session(std::move(*shared)); });
}

void Lane::open_session(Arrival arrival) {
    const Time now = clock_.now();
    std::uint32_t slot = 0;
    if (free_slots_.empty()) {
        slot = static_cast<std::uint32_t>(drivers_.size());
        drivers_.emplace_back();
    } else {
        slot = free_slots_.back();
        free_slots_.pop_back();
    }
    const SessionId id{slot, next_epoch_++};
    auto driver = std::make_shared<ConnectionDriver>(
        *this, id, arrival.socket.release(), std::move(arrival.tls));
    driver->attach(std::make_unique<Connection>(
        id,
        options_.session,
        pool_,
        random_,
        log_,
        commands_,
        PeerInfo{
            host_and_port(arrival.remote.address, arrival.remote.port),
            arrival.remote.loopback,
            host_and_port(arrival.local.address, arrival.local.port),
            std::move(arrival.tls_peer),
            std::move(arrival.admission)},
        now));
    drivers_[slot] = std::move(driver);
    connections_.fetch_add(1, std::memory_order_relaxed);
    touch(*drivers_[slot]);
    end_of_turn(now);
}

void Lane::give(EffectBatch& batch) {
    if (is_inline()) {
        append(incoming_, batch);
        return;
    }
    bool was_empty = false;
    {
        const std::lock_guard lock(mailbox_mutex_);
        was_empty = mailbox_.empty();
        append(mailbox_, batch);
    }
    if (was_empty) loop_->post([this] { receive_effects(); });
}

void Lane::receive_effects() {
    {
        const std::lock_guard lock(mailbox_mutex_);
        incoming_.swap(mailbox_);
    }
    end_of_turn(clock_.now());
}

void Lane::resume_reading() {
    loop_->post([this] {
        out_of_credit_ = false;
        touch_all();
    });
}

void Lane::look_again() {
    loop_->post([this] { touch_all(); });
}

void Lane::drop_connections() {
    loop_->post([this] {
        const Time now = clock_.now();
        for (const auto& driver : drivers_)
            if (driver) driver->drop(now);
        end_of_turn(now);
    });
}

void Lane::close_all() {
    touched_.clear();
    for (auto& driver : drivers_) {
        if (driver) driver->close_socket();
        driver.reset();
    }
}

void Lane::touch(ConnectionDriver& driver) {
    if (std::exchange(driver.touched, true)) return;
    touched_.push_back(&driver);
}

void Lane::touch_all() {
    for (const auto& driver : drivers_)
        if (driver) touch(*driver);
    end_of_turn(clock_.now());
}

void Lane::end_of_turn(Time now) {
    for (int round = 0; round < kTurnRounds; ++round) {
        submit_commands(now);
        apply_effects(now);
        flush_touched(now);
        if (commands_.empty() && incoming_.empty() && touched_.empty()) return;
    }
    if (std::exchange(turn_posted_, true)) return;
    loop_->post([this] {
        turn_posted_ = false;
        end_of_turn(clock_.now());
    });
}

void Lane::submit_commands(Time now) {
    if (commands_.empty()) return;
    const std::size_t bytes = std::exchange(read_bytes_, 0);
    if (is_inline()) {
        core_.exchange(options_.index, commands_, now);
    } else if (!core_.submit(options_.index, commands_, bytes)) {
        out_of_credit_ = true;
    }
}

void Lane::apply_effects(Time now) {
    applying_.swap(incoming_);
    for (LaneEffect& effect : applying_) {
        ConnectionDriver* const driver = find(session_of(effect));
        if (!driver) continue;
        driver->session().on_effect(std::move(effect), now);
        touch(*driver);
    }
    applying_.clear();
}

void Lane::flush_touched(Time now) {
    flushing_.swap(touched_);
    for (ConnectionDriver* const driver : flushing_) {
        driver->touched = false;
        const bool more = driver->flush(now);
        if (driver->finished()) {
            release(*driver);
            continue;
        }
        driver->wait();
        schedule(*driver, now);
        if (more) touch(*driver);
    }
    flushing_.clear();
}

void Lane::release(ConnectionDriver& driver) {
    driver.close_socket();
    const std::uint32_t slot = driver.id().slot;
    drivers_[slot].reset();
    free_slots_.push_back(slot);
    connections_.fetch_sub(1, std::memory_order_relaxed);
}

void Lane::schedule(ConnectionDriver& driver, Time now) {
    const std::optional<Milliseconds> deadline = driver.next_deadline();
    if (!deadline || (driver.scheduled && *driver.scheduled <= *deadline)) return;
    driver.scheduled = deadline;
    deadlines_.push({*deadline, driver.id().slot, driver.id().epoch});
    timer_->arm_at_latest(*deadline, now.monotonic);
}

void Lane::on_timer() {
    const Time now = clock_.now();
    while (!deadlines_.empty() && deadlines_.top().at <= now.monotonic) {
        const Deadline due = deadlines_.top();
        deadlines_.pop();
        ConnectionDriver* const driver = find({due.slot, due.epoch});
        if (!driver || driver->scheduled != due.at) continue;
        driver->scheduled.reset();
        driver->on_timer(now);
        touch(*driver);  // it is scheduled anew when flushed
    }
    end_of_turn(now);
    if (!deadlines_.empty()) timer_->arm_at_latest(deadlines_.top().at, now.monotonic);
}

ConnectionDriver* Lane::find(SessionId session) {
    if (session.slot >= drivers_.size()) return nullptr;
    ConnectionDriver* const driver = drivers_[session.slot].get();
    return driver && driver->id() == session ? driver : nullptr;
}

}  // namespace lvt::broker
