// Producer: one connection that publishes, and the thread function that does it.
#pragma once

#include "broker/load/client_connection.h"
#include "broker/load/confirm_window.h"
#include "broker/load/pacer.h"
#include "broker/load/publish_frames.h"
#include "broker/load/run_control.h"

namespace lvt::broker::load {

/// Built by the main thread, run by its own; read when that has ended.
class Producer {
public:
    /// `messages` to publish, 0 = until the time is over. `control` outlives it.
    Producer(
        const LoadOptions& options, PublishFrames frames, std::uint64_t messages,
        ClientConnection connection, RunControl& control);

    /// Opens the channel; before run().
    Result<void> prepare();
    /// Waits for the start, publishes, waits for its confirms and closes the connection, so that the server has taken everything.
    void run();

    const Progress& progress() const { return progress_; }
    const Result<void>& outcome() const { return outcome_; }
    const std::vector<std::uint64_t>& published() const { return frames_.published(); }
    std::uint64_t confirmed() const { return confirmed_; }
    std::uint64_t nacked() const { return nacked_; }
    const Histogram& confirm_latency() const { return confirm_latency_; }
    /// When its last write returned.
    std::uint64_t last_sent_ns() const { return last_sent_ns_; }

private:
    static constexpr std::uint16_t kChannel = 1;

    Result<void> publish_all();
    Result<void> publish(std::size_t limit, std::uint64_t now_ns, const Pacer& pacer);
    Result<void> wait_until_due(std::uint64_t due_ns, std::uint64_t now_ns);
    Result<void> take_confirms(ClientConnection::Wait wait);
    Result<void> on_method(ByteView payload, std::uint64_t now_ns);
    std::size_t left() const;

    LoadOptions options_;
    PublishFrames frames_;
    std::uint64_t messages_;
    ClientConnection connection_;
    RunControl& control_;
    ConfirmWindow window_;

    Progress progress_;
    Result<void> outcome_;
    std::uint64_t sent_ = 0;
    std::uint64_t confirmed_ = 0;
    std::uint64_t nacked_ = 0;
    /// It slept until the next message was due: what is late then is the timer's fault, not the server's.
    bool slept_ = true;
    Histogram confirm_latency_;
    std::uint64_t last_sent_ns_ = 0;
};

}  // namespace lvt::broker::load
