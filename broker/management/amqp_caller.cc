#include "broker/management/amqp_caller.h"

#include <utility>

namespace lvt::broker {

namespace {

const ChannelId kChannel{1};

}  // namespace

struct AmqpCaller::Run {
    SessionId session;
    AmqpJob job;
    Done done;
    AmqpOutcome outcome;
    /// Answers that have not come yet.
    std::size_t awaited = 0;
    std::uint64_t got_bytes = 0;
    bool drained = false;
    bool closing = false;
};

AmqpCaller::AmqpCaller(Submit submit) : submit_(std::move(submit)) {}
AmqpCaller::~AmqpCaller() = default;

void AmqpCaller::run(AmqpJob job, Done done) {
    std::size_t slot = 0;
    while (slot < runs_.size() && runs_[slot]) ++slot;
    if (slot == runs_.size()) runs_.emplace_back();
    runs_[slot] = std::make_unique<Run>();
    Run& run = *runs_[slot];
    run.session = {static_cast<std::uint32_t>(slot), ++last_epoch_};
    run.job = std::move(job);
    run.done = std::move(done);

    CommandBatch batch;
    LoginRequest login;
    login.user = run.job.user;
    login.internal = true;
    login.owner = run.job.owner;
    batch.push_back(Login{run.session, std::move(login)});
    batch.push_back(OpenVhost{run.session, VhostRequest{run.job.vhost, {}, 1, 0, 0}});
    batch.push_back(OpenChannel{run.session, kChannel});
    if (run.job.publish) run.job.methods.insert(run.job.methods.begin(), amqp::ConfirmSelect{});
    for (amqp::Method& method : run.job.methods) {
        batch.push_back(
            Perform{run.session, kChannel, std::make_unique<amqp::Method>(std::move(method))});
        ++run.awaited;
    }
    if (run.job.publish) {
        batch.push_back(
            Publish{run.session, kChannel, true, 1, std::move(run.job.publish), nullptr});
        ++run.awaited;
    }
    const bool nothing_awaited = run.awaited == 0;
    submit_(std::move(batch));
    if (nothing_awaited) answered(run);
}

void AmqpCaller::on_effects(EffectBatch& batch) {
    for (LaneEffect& effect : batch) {
        const SessionId id = session_of(effect);
        if (id.slot < runs_.size() && runs_[id.slot] && runs_[id.slot]->session == id)
            on_effect(effect, *runs_[id.slot]);
    }
    batch.clear();
}

void AmqpCaller::on_effect(LaneEffect& effect, Run& run) {
    if (std::holds_alternative<SessionClosed>(effect)) {
        const std::unique_ptr<Run> over = std::move(runs_[run.session.slot]);
        over->done(std::move(over->outcome));
    } else if (run.closing) {
        return;
    } else if (auto* const reply = std::get_if<Reply>(&effect)) {
        if (run.awaited == 0) {
            run.drained = true;  // basic.get-empty
            return answered(run);
        }
        run.outcome.replies.push_back(std::move(reply->method));
        --run.awaited;
        answered(run);
    } else if (auto* const confirm = std::get_if<Confirm>(&effect)) {
        run.outcome.refused = confirm->nack;
        --run.awaited;
        answered(run);
    } else if (std::holds_alternative<ReturnMessage>(effect)) {
        run.outcome.returned = true;
    } else if (auto* const got = std::get_if<GotMessage>(&effect)) {
        run.got_bytes += got->message->body().size();
        run.outcome.got.push_back(std::move(*got));
        answered(run);
    } else if (auto* const failed = std::get_if<ChannelFailed>(&effect)) {
        run.outcome.error = std::move(*failed->error);
        finish(run);
    } else if (auto* const ended = std::get_if<SessionFailed>(&effect)) {
        run.outcome.error = std::move(*ended->error);
        finish(run);
    } else if (auto* const login = std::get_if<LoginDecided>(&effect); login && !login->accepted) {
        run.outcome.error =
            amqp::AmqpError{amqp::ReplyCode::access_refused, Bytes(login->reason), 0, 0};
        finish(run);
    }
}

void AmqpCaller::answered(Run& run) {
    if (run.awaited > 0) return;
    const bool enough =
        run.outcome.got.size() >= run.job.gets_max || run.got_bytes >= kGotBytesMax || run.drained;
    if (!enough) return get_next(run);
    finish(run);
}

void AmqpCaller::get_next(Run& run) {
    CommandBatch batch;
    amqp::BasicGet get;
    get.queue = run.job.get_queue;
    get.no_ack = run.job.acks_at_once;
    batch.push_back(Perform{run.session, kChannel, std::make_unique<amqp::Method>(std::move(get))});
    submit_(std::move(batch));
}

void AmqpCaller::finish(Run& run) {
    run.closing = true;
    CommandBatch batch;
    batch.reserve(2);
    if (!run.outcome.error && !run.outcome.got.empty() && !run.job.acks_at_once) {
        // What is given back was only looked at: it counts for nothing (design 7.3), but for the redelivered flag.
        if (run.job.get_end == GetEnd::requeue)
            batch.push_back(Recover{run.session, kChannel, true, {}});
        else
            batch.push_back(
                Settle{run.session, kChannel, 0, Outcome::discard, 0, run.outcome.got.size()});
    }
    batch.push_back(CloseSession{run.session, {}});
    submit_(std::move(batch));
}

}  // namespace lvt::broker
