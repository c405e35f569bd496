// Clients that send anything, in any order, with a crash now and then: whatever they do, the broker goes on serving others.
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace lvt::broker {
namespace {

class RandomMethods {
public:
    explicit RandomMethods(std::uint64_t seed) : random_(seed), broker_(options(seed)) {}

    void run() {
        for (int life = 0; life < 3; ++life) {
            for (int i = 0; i < 400; ++i) act();
            if (life == 1)
                broker_.restart();
            else
                broker_.crash(random_() % 3);
            clients_.clear();
        }
        broker_.set_auto_sync(true);
        SimClient& client = broker_.connect();
        client.open_channel(1);
        client.declare_queue(1, "still-works");
        client.publish(1, "", "still-works", "x");
        EXPECT_EQ(client.get(1, "still-works")->body, "x");
    }

private:
    static SimOptions options(std::uint64_t seed) {
        SimOptions options;
        options.seed = seed;
        options.lanes = seed % 2 ? 3 : 0;
        options.durable = seed % 4 != 0;
        options.core.resident_bytes_max = seed % 3 ? 5'000 : 1'000'000;
        return options;
    }
    bool chance(int one_in) { return random_() % one_in == 0; }
    Bytes any(std::initializer_list<const char*> words) {
        return *(words.begin() + random_() % words.size());
    }
    Bytes queue() { return any({"a", "b", "c", "amq.x", ""}); }
    Bytes exchange() { return any({"", "d", "f", "t", "amq.headers", "amq.topic", "nope"}); }
    Bytes key() { return any({"a", "b", "", "a.b", "#", "*.b"}); }

    amqp::Method queue_method() {
        switch (random_() % 5) {
            case 0:
                return amqp::QueueBind{0, queue(), exchange(), key(), chance(3), {}};
            case 1:
                return amqp::QueueUnbind{0, queue(), exchange(), key(), {}};
            case 2:
                return amqp::QueuePurge{0, queue(), chance(3)};
            case 3:
                return amqp::QueueDelete{0, queue(), chance(2), chance(2), chance(3)};
            default: {
                amqp::QueueDeclare declare;
                declare.queue = queue();
                declare.passive = chance(6);
                // Mostly the same ways, so that most succeed.
                declare.durable = chance(8) != (declare.queue != "c");
                declare.exclusive = chance(6);
                declare.auto_delete = declare.queue == "b";
                declare.no_wait = chance(3);
                return declare;
            }
        }
    }
    amqp::Method exchange_method() {
        switch (random_() % 4) {
            case 0:
                return amqp::ExchangeBind{0, exchange(), exchange(), key(), chance(3), {}};
            case 1:
                return amqp::ExchangeUnbind{0, exchange(), exchange(), key(), chance(3), {}};
            case 2:
                return amqp::ExchangeDelete{0, exchange(), chance(2), chance(3)};
            default: {
                amqp::ExchangeDeclare declare;
                declare.exchange = exchange();
                declare.type = declare.exchange == "d"   ? "direct"
                               : declare.exchange == "f" ? "fanout"
                                                         : "topic";
                declare.durable = chance(2);
                declare.auto_delete = declare.exchange == "t";
                declare.no_wait = chance(3);
                return declare;
            }
        }
    }
    amqp::Method basic_method() {
        switch (random_() % 12) {
            case 0:
                return amqp::BasicQos{0, static_cast<std::uint16_t>(random_() % 5), chance(2)};
            case 1:
            case 2:
                return amqp::BasicConsume{
                    0,
                    queue(),
                    any({"x", "y", ""}),
                    chance(3),
                    chance(3),
                    chance(9),
                    chance(3),
                    {}};
            case 3:
                return amqp::BasicCancel{any({"x", "y", "z"}), chance(3)};
            case 4:
                return amqp::BasicGet{0, queue(), chance(2)};
            case 5:
                return amqp::BasicRecover{true};
            case 6:
                return amqp::TxSelect{};
            case 7:
                return amqp::TxCommit{};
            case 8:
                return amqp::TxRollback{};
            case 9:
                return amqp::ConfirmSelect{chance(3)};
            case 10:
                return amqp::BasicNack{1 + random_() % 9, chance(2), chance(2)};
            default:
                return amqp::BasicAck{1 + random_() % 9, chance(2)};
        }
    }

    void act() {
        if (clients_.size() < 4) return open_client();
        const std::size_t index = random_() % clients_.size();
        SimClient& client = *clients_[index];
        if (client.closed_by_broker() || chance(100)) {
            if (!client.closed_by_broker()) client.drop();
            clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(index));
            return;
        }
        const auto channel = static_cast<std::uint16_t>(1 + random_() % 3);
        switch (random_() % 14) {
            case 0:
                client.send(channel, exchange_method());
                break;
            case 1:
            case 2:
                client.send(channel, queue_method());
                break;
            case 3:
            case 4:
            case 5:
            case 6:
                client.send(channel, basic_method());
                break;
            case 7:
                client.send(channel, amqp::ChannelClose{});
                break;
            case 8:
                broker_.advance(Milliseconds{30});
                break;
            case 9:
                broker_.set_auto_sync(chance(2));
                break;
            case 10:
                broker_.run(static_cast<int>(random_() % 30));
                break;
            default:
                client.publish(
                    channel, exchange(), key(), Bytes(random_() % 300, 'x'), chance(2), chance(3));
        }
        answer_closes(client);
    }

    /// Keeps the connection usable: closed channels are acknowledged and opened again.
    void answer_closes(SimClient& client) {
        for (const Received& received : client.poll()) {
            if (std::holds_alternative<amqp::ChannelClose>(received.method)) {
                client.send(received.channel, amqp::ChannelCloseOk{});
                client.send(received.channel, amqp::ChannelOpen{});
            } else if (std::holds_alternative<amqp::ChannelCloseOk>(received.method)) {
                client.send(received.channel, amqp::ChannelOpen{});
            } else if (std::holds_alternative<amqp::ConnectionClose>(received.method)) {
                client.send(0, amqp::ConnectionCloseOk{});
            }
        }
    }

    void open_client() {
        broker_.set_auto_sync(true);
        SimClient& client = broker_.connect();
        for (std::uint16_t channel = 1; channel <= 3; ++channel) client.open_channel(channel);
        clients_.push_back(&client);
    }

    std::mt19937_64 random_;
    SimBroker broker_;
    std::vector<SimClient*> clients_;
};

TEST(RandomMethods, LeaveTheBrokerServing) {
    // LEVERET_SEED replays one; LEVERET_SEEDS runs more.
    const char* const one = std::getenv("LEVERET_SEED");
    const char* const many = std::getenv("LEVERET_SEEDS");
    const std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
    const std::uint64_t count = one ? 1 : many ? std::strtoull(many, nullptr, 10) : 100;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE("replay with LEVERET_SEED=" + std::to_string(seed));
        RandomMethods(seed).run();
        if (testing::Test::HasFailure()) return;
    }
}

}  // namespace
}  // namespace lvt::broker
