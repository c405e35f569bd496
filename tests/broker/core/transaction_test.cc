// tx: what clients see of it, and that a crash leaves all of a transaction or nothing.
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace lvt::broker {
namespace {

struct Mode {
    std::size_t lanes;
    std::uint64_t seed;
};

class Transactions : public testing::TestWithParam<Mode> {
protected:
    static SimOptions options() {
        SimOptions options;
        options.lanes = GetParam().lanes;
        options.seed = GetParam().seed;
        return options;
    }
    /// A client with channel 1 in a transaction, and queues "a" and "b".
    SimClient& client() {
        SimClient& client = broker.connect();
        client.open_channel(1);
        client.declare_queue(1, "a");
        client.declare_queue(1, "b");
        client.call<amqp::TxSelectOk>(1, amqp::TxSelect{});
        return client;
    }
    static void get_unacked(SimClient& client, ByteView queue, int count) {
        for (int i = 0; i < count; ++i) ASSERT_TRUE(client.get(1, queue, false));
    }
    std::uint64_t ready(ByteView queue) { return broker.queue(queue).messages_ready; }
    /// The text that the channel is closed with.
    static Bytes failure(SimClient& client) {
        return client.expect<amqp::ChannelClose>().reply_text;
    }

    SimBroker broker{options()};
};

INSTANTIATE_TEST_SUITE_P(
    Modes, Transactions, testing::Values(Mode{0, 1}, Mode{3, 1}, Mode{3, 2}), [](const auto& info) {
        return info.param.lanes ? "ThreeLanesSeed" + std::to_string(info.param.seed)
                                : std::string("Inline");
    });

TEST_P(Transactions, PublishesAtTheCommit) {
    SimClient& c = client();
    c.publish(1, "", "a", "1");
    c.publish(1, "", "b", "2");
    broker.run();
    EXPECT_EQ(ready("a"), 0u);
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    EXPECT_EQ(ready("a"), 1u);
    EXPECT_EQ(ready("b"), 1u);
}

TEST_P(Transactions, CommitOkMeansDurable) {
    SimClient& c = client();
    broker.set_auto_sync(false);
    c.publish(1, "", "a", "1");
    c.send(1, amqp::TxCommit{});
    EXPECT_TRUE(c.take_all().empty());
    broker.sync();
    c.expect<amqp::TxCommitOk>();
}

TEST_P(Transactions, RollbackForgetsPublishes) {
    SimClient& c = client();
    c.publish(1, "", "a", "1");
    c.call<amqp::TxRollbackOk>(1, amqp::TxRollback{});
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    EXPECT_EQ(ready("a"), 0u);
}

TEST_P(Transactions, RollbackMakesTagsAckableAgain) {
    SimClient& c = client();
    for (int i = 0; i < 3; ++i) c.publish(1, "", "a", std::to_string(i));
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    get_unacked(c, "a", 3);
    c.ack(1, 2, true);
    c.ack(1, 3);
    c.call<amqp::TxRollbackOk>(1, amqp::TxRollback{});
    EXPECT_EQ(ready("a"), 0u) << "nothing is delivered again";
    EXPECT_EQ(broker.queue("a").messages_unacknowledged, 3u);
    c.ack(1, 3, true);
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    EXPECT_EQ(broker.queue("a").messages_unacknowledged, 0u);
}

TEST_P(Transactions, RollbackKeepsACancelledConsumersTags) {
    SimClient& c = client();
    c.publish(1, "", "a", "0");
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    c.consume(1, "a");
    c.expect<amqp::BasicDeliver>();
    c.ack(1, 1);
    c.call<amqp::BasicCancelOk>(1, amqp::BasicCancel{"ctag", false});
    c.call<amqp::TxRollbackOk>(1, amqp::TxRollback{});
    c.consume(1, "b", false, "other");
    c.nack(1, 1, false, true);
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    EXPECT_EQ(ready("a"), 1u);
}

TEST_P(Transactions, TagsOfTheTransactionAreUnknownUntilRolledBack) {
    SimClient& c = client();
    c.publish(1, "", "a", "0");
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    get_unacked(c, "a", 1);
    c.ack(1, 1);
    c.ack(1, 1);
    EXPECT_EQ(failure(c), "PRECONDITION_FAILED - unknown delivery tag 1");
    EXPECT_EQ(ready("a"), 1u) << "what was not committed goes back";
}

TEST_P(Transactions, RecoverLeavesAloneWhatIsSettled) {
    SimClient& c = client();
    for (int i = 0; i < 5; ++i) c.publish(1, "", "a", std::to_string(i));
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    get_unacked(c, "a", 5);
    c.ack(1, 2);
    c.ack(1, 4);
    c.call<amqp::BasicRecoverOk>(1, amqp::BasicRecover{true});
    EXPECT_EQ(ready("a"), 3u);
    c.call<amqp::TxRollbackOk>(1, amqp::TxRollback{});
    c.ack(1, 2);
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    EXPECT_EQ(broker.queue("a").messages_unacknowledged, 1u);
}

TEST_P(Transactions, ReturnsAtTheCommitBeforeItsAnswer) {
    SimClient& c = client();
    c.publish(1, "", "nowhere", "back", true, true);
    EXPECT_TRUE(c.take_all().empty());
    c.send(1, amqp::TxCommit{});
    EXPECT_EQ(c.next().body, "back");
    c.expect<amqp::TxCommitOk>();
}

TEST_P(Transactions, MissingExchangeFailsAtOnce) {
    SimClient& c = client();
    c.publish(1, "", "a", "lost");
    c.publish(1, "nope", "a", "lost");
    EXPECT_EQ(failure(c), "NOT_FOUND - no exchange 'nope' in vhost '/'");
    EXPECT_EQ(ready("a"), 0u);
}

TEST_P(Transactions, ExchangeThatGoesBeforeTheCommitHasRoutedAlready) {
    SimClient& c = client();
    c.open_channel(2);
    c.call<amqp::ExchangeDeclareOk>(2, amqp::ExchangeDeclare{0, "x", "fanout"});
    c.call<amqp::QueueBindOk>(2, amqp::QueueBind{0, "a", "x", "", false, {}});
    c.publish(1, "", "b", "1");
    c.publish(1, "x", "", "2");
    broker.run();
    c.call<amqp::ExchangeDeleteOk>(2, amqp::ExchangeDelete{0, "x"});
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    EXPECT_EQ(ready("a"), 1u);
    EXPECT_EQ(ready("b"), 1u);
}

TEST_P(Transactions, DefaultExchangeRoutesAtTheCommit) {
    SimClient& c = client();
    c.publish(1, "", "later", "1");
    c.declare_queue(1, "later");
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    EXPECT_EQ(ready("later"), 1u);
}

TEST_P(Transactions, ModesExcludeEachOther) {
    SimClient& c = client();
    c.call<amqp::TxSelectOk>(1, amqp::TxSelect{});
    c.send(1, amqp::ConfirmSelect{});
    EXPECT_EQ(failure(c), "PRECONDITION_FAILED - cannot switch from tx to confirm mode");
    c.open_channel(2);
    c.call<amqp::ConfirmSelectOk>(2, amqp::ConfirmSelect{});
    c.send(2, amqp::TxSelect{});
    EXPECT_EQ(failure(c), "PRECONDITION_FAILED - cannot switch from confirm to tx mode");
}

TEST_P(Transactions, CommitAndRollbackNeedASelect) {
    SimClient& c = client();
    c.open_channel(2);
    c.send(2, amqp::TxCommit{});
    EXPECT_EQ(failure(c), "PRECONDITION_FAILED - channel is not transactional");
    c.open_channel(3);
    c.send(3, amqp::TxRollback{});
    EXPECT_EQ(failure(c), "PRECONDITION_FAILED - channel is not transactional");
}

/// Moves numbers from queue "from" to "x" and "y", one transaction each; crashes in between. A number is in "from", or in both others.
class Mover {
public:
    explicit Mover(std::uint64_t seed) : random_(seed), broker_(options(seed)) {}

    void run() {
        fill();
        for (int life = 0; life < 4; ++life) {
            move_some();
            broker_.crash(random_() % 4);
        }
        check();
    }

private:
    static constexpr int kCount = 60;

    static SimOptions options(std::uint64_t seed) {
        SimOptions options;
        options.seed = seed;
        options.lanes = seed % 2 ? 3 : 0;
        options.core.poison_returns_max = 0;
        return options;
    }

    void fill() {
        SimClient& client = broker_.connect();
        client.open_channel(1);
        for (const char* const queue : {"from", "x", "y"}) client.declare_queue(1, queue);
        client.call<amqp::TxSelectOk>(1, amqp::TxSelect{});
        // One is larger than a piece of the journal.
        for (int i = 0; i < kCount; ++i) client.publish(1, "", "from", body(i));
        client.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    }
    static Bytes body(int number) {
        return std::to_string(number) + " " + Bytes(number % 20 == 7 ? 600'000 : number, '.');
    }

    void move_some() {
        broker_.set_auto_sync(true);
        SimClient& client = broker_.connect();
        client.open_channel(1);
        client.call<amqp::TxSelectOk>(1, amqp::TxSelect{});
        broker_.set_auto_sync(false);
        committed_.resize(kCount);
        std::vector<int> in_transaction;
        std::deque<std::vector<int>> unanswered;
        for (std::uint64_t i = random_() % 120; i > 0; --i) {
            switch (random_() % 5) {
                case 0:
                    client.send(1, amqp::BasicGet{0, "from", false});
                    break;
                case 1:
                    client.send(1, amqp::TxCommit{});
                    unanswered.push_back(std::exchange(in_transaction, {}));
                    break;
                case 2:
                    broker_.sync();
                    break;
                default:
                    broker_.run(static_cast<int>(random_() % 12));
            }
            for (const Received& received : client.poll()) {
                if (std::holds_alternative<amqp::TxCommitOk>(received.method)) {
                    for (const int number : unanswered.front()) committed_[number] = true;
                    unanswered.pop_front();
                }
                const auto* const got = std::get_if<amqp::BasicGetOk>(&received.method);
                if (!got) continue;
                const int number = std::stoi(received.body);
                client.publish(1, "", "x", received.body);
                client.ack(1, got->delivery_tag);
                client.publish(1, "", "y", received.body);
                in_transaction.push_back(number);
            }
        }
    }

    void check() {
        broker_.set_auto_sync(true);
        SimClient& client = broker_.connect();
        client.open_channel(1);
        std::map<int, std::map<Bytes, int>> places;
        for (const char* const queue : {"from", "x", "y"}) {
            while (const auto got = client.get(1, queue)) {
                const int number = std::stoi(got->body);
                EXPECT_EQ(got->body, body(number));
                ++places[number][queue];
            }
        }
        for (int i = 0; i < kCount; ++i) {
            const auto& at = places[i];
            const bool stayed = at == std::map<Bytes, int>{{"from", 1}};
            const bool moved = at == std::map<Bytes, int>{{"x", 1}, {"y", 1}};
            EXPECT_TRUE(stayed || moved) << "half a transaction: " << i;
            EXPECT_TRUE(moved || !committed_[i]) << "committed and lost: " << i;
        }
    }

    std::mt19937_64 random_;
    SimBroker broker_;
    std::vector<bool> committed_;
};

TEST(TransactionCrash, LeavesAllOrNothing) {
    const char* const one = std::getenv("LEVERET_SEED");
    const char* const many = std::getenv("LEVERET_SEEDS");
    const std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
    const std::uint64_t count = one ? 1 : many ? std::strtoull(many, nullptr, 10) : 100;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE("replay with LEVERET_SEED=" + std::to_string(seed));
        Mover(seed).run();
        if (testing::Test::HasFailure()) return;
    }
}

}  // namespace
}  // namespace lvt::broker
