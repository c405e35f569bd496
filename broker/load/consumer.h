// Consumer: one connection that consumes from one queue or several, and the thread function that does it.
#pragma once

#include "broker/load/client_connection.h"
#include "broker/load/histogram.h"
#include "broker/load/load_options.h"
#include "broker/load/run_control.h"
#include "broker/load/sequence_check.h"

#include <vector>

namespace lvt::broker::load {

/// Built by the main thread, run by its own; read when that has ended.
class Consumer {
public:
    struct Source {
        std::uint32_t queue = 0;
        Bytes name;
    };

    /// Consumes from each source on a channel of its own. `control` outlives it.
    Consumer(
        const LoadOptions& options, std::vector<Source> sources, std::uint8_t run,
        ClientConnection connection, RunControl& control);

    /// Opens the channels; before run().
    Result<void> prepare();
    /// Consumes until control.stop_consuming, acks what is unacked and closes the connection.
    void run();

    const Progress& progress() const { return progress_; }
    const Result<void>& outcome() const { return outcome_; }
    const Histogram& latency() const { return latency_; }
    /// Calls `visit(queue, check)` for each source.
    template <class Visit>
    void for_each_check(Visit&& visit) const {
        for (const Intake& intake : intakes_) visit(intake.source.queue, intake.check);
    }
    std::uint64_t redelivered() const { return redelivered_; }
    /// When the first and the last delivery came; 0 if none did.
    std::uint64_t first_ns() const { return first_ns_; }
    std::uint64_t last_ns() const { return last_ns_; }

private:
    /// The content that is coming in on a channel, and what was handed out on it.
    struct Intake {
        Source source;
        std::uint64_t delivery_tag = 0;
        std::uint64_t body_left = 0;
        bool body_begins = false;
        std::uint32_t unacked = 0;
        SequenceCheck check;
    };

    Result<void> consume_all();
    Result<void> subscribe();
    Result<void> on_frame(const amqp::Frame& frame);
    Result<void> on_method(Intake& intake, const amqp::Frame& frame);
    Result<void> on_other_method(ByteView payload);
    Result<void> on_header(Intake& intake, ByteView payload, std::uint16_t channel);
    Result<void> on_body(Intake& intake, ByteView payload, std::uint16_t channel);
    void on_message_end(Intake& intake, std::uint16_t channel);
    void read_stamps(Intake& intake, ByteView body);
    void ack(std::uint16_t channel, std::uint64_t delivery_tag, bool multiple);
    void ack_rest();
    void record_latency();
    Result<void> flush();

    LoadOptions options_;
    std::uint8_t run_;
    ClientConnection connection_;
    RunControl& control_;
    /// Channel c is intakes_[c - 1].
    std::vector<Intake> intakes_;
    Bytes acks_;

    Progress progress_;
    Result<void> outcome_;
    std::uint64_t now_ns_ = 0;
    std::uint64_t count_ = 0;
    std::uint64_t redelivered_ = 0;
    std::size_t subscribed_ = 0;
    std::uint64_t first_ns_ = 0;
    std::uint64_t last_ns_ = 0;
    Histogram latency_;
    /// Neighbours mostly carry the same stamp: they are recorded together.
    std::uint64_t stamp_ns_ = 0;
    std::uint64_t stamp_times_ = 0;
};

}  // namespace lvt::broker::load
