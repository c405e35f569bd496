#include "broker/management/amqp_caller.h"

#include "broker/core/core.h"
#include "protocol/base/log_sink.h"
#include "protocol/base/random.h"

#include <gtest/gtest.h>

#include <deque>

namespace lvt::broker {
namespace {

/// A core in memory whose only lane is the caller's.
class AmqpCallerTest : public testing::Test {
protected:
    AmqpCallerTest() { EXPECT_TRUE(core_.finish_recovery({}, {}).has_value()); }

    AmqpOutcome run(AmqpJob job, const char* user = "guest") {
        job.user = user;
        job.vhost = "/";
        std::optional<AmqpOutcome> outcome;
        caller_.run(std::move(job), [&](AmqpOutcome one) { outcome = std::move(one); });
        while (!submitted_.empty()) turn();
        EXPECT_TRUE(outcome.has_value());
        return outcome ? std::move(*outcome) : AmqpOutcome();
    }

    void turn() {
        core_.apply(0, submitted_.front(), {});
        submitted_.pop_front();
        TurnOutput& output = core_.end_turn({});
        EffectBatch effects;
        effects.swap(output.effects[0]);
        output.clear();
        caller_.on_effects(effects);
    }

    void declare(const char* queue) {
        AmqpJob job;
        amqp::QueueDeclare method;
        method.queue = queue;
        job.methods.emplace_back(method);
        EXPECT_FALSE(run(std::move(job)).error);
    }

    AmqpOutcome publish(const char* key, const char* body) {
        AmqpJob job;
        const ByteView text(body);
        job.publish = MessageBuilder::build(
            caller_.pool(), {"", key, ByteView("\0\0", 2), text.size()}, text);
        return run(std::move(job));
    }

    AmqpOutcome get(const char* queue, GetEnd end, bool acks_at_once = false) {
        AmqpJob job;
        job.get_queue = queue;
        job.gets_max = 100;
        job.get_end = end;
        job.acks_at_once = acks_at_once;
        return run(std::move(job));
    }

    static std::string bodies(const AmqpOutcome& outcome) {
        std::string out;
        for (const GotMessage& got : outcome.got) out += got.message->body();
        return out;
    }

    NullLogSink log_;
    SystemRandom random_;
    Core core_{CoreOptions{}, 1, random_, log_};
    std::deque<CommandBatch> submitted_;
    AmqpCaller caller_{[this](CommandBatch batch) { submitted_.push_back(std::move(batch)); }};
};

TEST_F(AmqpCallerTest, MethodsAreAnsweredInOrder) {
    AmqpJob job;
    for (const char* const name : {"a", "b"}) {
        amqp::QueueDeclare method;
        method.queue = name;
        job.methods.emplace_back(method);
    }
    const AmqpOutcome outcome = run(std::move(job));
    ASSERT_EQ(outcome.replies.size(), 2u);
    EXPECT_EQ(std::get<amqp::QueueDeclareOk>(*outcome.replies[1]).queue, "b");
    EXPECT_EQ(core_.status().queues, 2u);
    EXPECT_EQ(core_.status().connections, 0u);
}

TEST_F(AmqpCallerTest, AnErrorEndsTheJob) {
    AmqpJob job;
    amqp::QueuePurge method;
    method.queue = "none";
    job.methods.emplace_back(method);
    const AmqpOutcome outcome = run(std::move(job));
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, amqp::ReplyCode::not_found);
}

TEST_F(AmqpCallerTest, PublishesSayWhetherTheyWereRouted) {
    declare("q");
    EXPECT_FALSE(publish("q", "a").returned);
    EXPECT_TRUE(publish("none", "a").returned);
}

TEST_F(AmqpCallerTest, LookingAtMessagesCountsForNothing) {
    declare("q");
    for (const char* const body : {"a", "b", "c"}) publish("q", body);
    for (int round = 0; round < 8; ++round) EXPECT_EQ(bodies(get("q", GetEnd::requeue)), "abc");
    EXPECT_TRUE(get("q", GetEnd::requeue).got.front().redelivered);
}

TEST_F(AmqpCallerTest, WhatIsTakenIsGone) {
    declare("q");
    publish("q", "a");
    EXPECT_EQ(bodies(get("q", GetEnd::discard, true)), "a");
    publish("q", "b");
    EXPECT_EQ(bodies(get("q", GetEnd::discard)), "b");
    EXPECT_EQ(core_.status().messages_ready + core_.status().messages_unacknowledged, 0u);
}

TEST_F(AmqpCallerTest, UsersWithoutRightsAreRefused) {
    AmqpJob job;
    job.get_queue = "q";
    job.gets_max = 1;
    const AmqpOutcome outcome = run(std::move(job), "nobody");
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, amqp::ReplyCode::access_refused);
}

}  // namespace
}  // namespace lvt::broker
