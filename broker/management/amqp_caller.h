// AmqpCaller: what the HTTP API does to queues and exchanges, done as a client of AMQP would: on a channel, in the user's name, with every check
// and in every word that AMQP has. Its lane has no sockets. The core's thread only.
#pragma once

#include "broker/core/effect.h"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace lvt::broker {

/// What becomes of the messages that a job got.
enum class GetEnd : std::uint8_t { none, requeue, discard };

/// One channel's work, in this order.
struct AmqpJob {
    Bytes user;
    /// See Login.
    bool owner = false;
    Bytes vhost;
    /// Each has exactly one answer (no no_wait).
    std::vector<amqp::Method> methods;
    /// Published as mandatory, with a confirm; null: nothing.
    MessagePtr publish;
    /// basic.get, until there is no more, or so many octets have come.
    Bytes get_queue;
    std::uint64_t gets_max = 0;
    /// acks_at_once: basic.get without ack; else what they come to at the end.
    bool acks_at_once = false;
    GetEnd get_end = GetEnd::requeue;
};

struct AmqpOutcome {
    /// What ended the channel or connection; the rest was not done.
    std::optional<amqp::AmqpError> error;
    /// Of `methods`.
    std::vector<std::unique_ptr<amqp::Method>> replies;
    std::vector<GotMessage> got;
    /// Of `publish`.
    bool returned = false;
    bool refused = false;
};

class AmqpCaller {
public:
    using Submit = std::function<void(CommandBatch)>;
    using Done = std::function<void(AmqpOutcome)>;

    /// Octets of bodies after which a job gets no more.
    static constexpr std::uint64_t kGotBytesMax = 64 * 1024 * 1024;

    /// `submit`: gives commands to the lane that is the caller's alone.
    explicit AmqpCaller(Submit submit);
    ~AmqpCaller();

    /// `done` is called once, in a turn of the core: it must not call the core. What the job changed is durable then. Not at all where
    /// the broker stops before.
    void run(AmqpJob job, Done done);
    /// For messages of jobs.
    MessagePool& pool() { return pool_; }
    /// The lane's effects.
    void on_effects(EffectBatch& batch);

private:
    struct Run;

    void on_effect(LaneEffect& effect, Run& run);
    void answered(Run& run);
    void get_next(Run& run);
    void finish(Run& run);

    Submit submit_;
    MessagePool pool_;
    std::vector<std::unique_ptr<Run>> runs_;  // by slot; null where free
    std::uint32_t last_epoch_ = 0;
};

}  // namespace lvt::broker
