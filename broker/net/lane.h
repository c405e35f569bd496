// Lane: the sockets of one I/O thread and their AMQP sessions. Or of the core's own thread: then it is "inline", and what it
// says to the core is done before it goes on.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <thread>
#include <vector>

#include "broker/net/arrival.h"
#include "broker/net/connection_driver.h"
#include "broker/net/core_thread.h"
#include "broker/net/event_loop.h"
#include "broker/session/session_options.h"
#include "protocol/base/random.h"

namespace lvt::broker {

struct SocketOptions {
    bool nodelay = true;
    std::optional<int> sndbuf;  // bytes
    std::optional<int> recbuf;  // bytes
    /// How long the peer's TCP may leave sent data unacknowledged; 0 = the system's limit.
    Milliseconds user_timeout{30'000};
};

struct LaneOptions {
    LaneIndex index = 0;
    /// No thread of its own: it lives on the core's.
    bool on_core_thread = false;
    SessionOptions session;
    SocketOptions socket;
    /// Told after each read from a socket, on the lane's thread; may be empty.
    std::function<void(std::size_t bytes)> on_read;
};

class Lane {
public:
    /// One socket read takes at most this much; the buffer serves all sockets of the lane.
    static constexpr std::size_t kReadBytes = 128 * 1024;

    /// All must outlive it.
    Lane(LaneOptions options, CoreThread& core, const Clock& clock, LogSink& log,
         FatalHandler on_fatal);
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;
    ~Lane();

    LaneIndex index() const { return options_.index; }
    bool is_inline() const { return options_.on_core_thread; }

    /// Starts the thread of a lane that has one.
    void start();
    /// Waits for the thread of a lane that has one, after stop...(); its sockets are closed then.
    void join();
    /// Any thread: asks the loop to end, at once or behind everything that was given to it.
    void stop();
    void stop_when_drained();

    /// Any thread: open sockets and sessions that are not done yet.
    std::size_t connection_count() const { return connections_.load(std::memory_order_relaxed); }

    /// Core's thread: the connection is its own from here on.
    void adopt(Arrival arrival);
    /// Core's thread: what a turn produced for this lane; the batch is empty afterwards.
    void give(EffectBatch& batch);
    /// Any thread: credit has come back.
    void resume_reading();
    /// Any thread: connections that were not read may be read now (BodyBudget).
    void look_again();
    /// Any thread: treats every socket as gone. For a stop that clients do not follow.
    void drop_connections();
    /// Lane's thread, when its loop has ended: closes all sockets without a word to the core.
    void close_all();

    /// Lane's thread. Every event source ends here: commands to the core, effects to the sessions, output to the sockets.
    void end_of_turn(Time now);

    // For its drivers, on the lane's thread.
    EventLoop& loop() { return *loop_; }
    const SocketOptions& socket_options() const { return options_.socket; }
    Time now() const { return clock_.now(); }
    char* read_buffer() { return read_buffer_.get(); }
    std::size_t read_bytes_max() const { return std::min(kReadBytes, core_.read_bytes_max()); }
    bool reading_allowed() const { return !out_of_credit_; }
    /// `bytes` were read: they count against the credit until the core has applied what came of them.
    void count_read(std::size_t bytes) {
        read_bytes_ += bytes;
        if (options_.on_read) options_.on_read(bytes);
    }
    /// The driver has something to flush or to check at the end of the turn.
    void touch(ConnectionDriver& driver);

private:
    void touch_all();

    struct Deadline {
        Milliseconds at;
        std::uint32_t slot;
        std::uint32_t epoch;
        bool operator>(const Deadline& other) const { return at > other.at; }
    };

    void open_session(Arrival arrival);
    void receive_effects();
    void submit_commands(Time now);
    void apply_effects(Time now);
    void flush_touched(Time now);
    void release(ConnectionDriver& driver);
    void schedule(ConnectionDriver& driver, Time now);
    void on_timer();
    ConnectionDriver* find(SessionId session);

    LaneOptions options_;
    CoreThread& core_;
    const Clock& clock_;
    LogSink& log_;
    FatalHandler on_fatal_;
    std::unique_ptr<EventLoop> own_loop_;
    EventLoop* loop_;
    std::thread thread_;

    SystemRandom random_;
    MessagePool pool_;
    std::unique_ptr<char[]> read_buffer_ = std::make_unique<char[]>(kReadBytes);
    CommandBatch commands_;
    std::size_t read_bytes_ = 0;
    bool out_of_credit_ = false;
    bool turn_posted_ = false;

    std::mutex mailbox_mutex_;
    EffectBatch mailbox_;  // guarded by mailbox_mutex_ unless inline
    EffectBatch incoming_;
    EffectBatch applying_;

    std::vector<std::shared_ptr<ConnectionDriver>> drivers_;  // by slot; null where free
    std::vector<std::uint32_t> free_slots_;
    std::uint32_t next_epoch_ = 1;
    std::atomic<std::size_t> connections_{0};
    std::vector<ConnectionDriver*> touched_;
    std::vector<ConnectionDriver*> flushing_;
    std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
    std::unique_ptr<LoopTimer> timer_;
};

}  // namespace lvt::broker
