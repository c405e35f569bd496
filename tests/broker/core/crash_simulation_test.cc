// Random work, random orders, random crashes, from one seed: no confirmed message is lost, order is kept, what was acked before a
// close-ok stays away, and what somebody had in hand comes back flagged.
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

namespace lvt::broker {
namespace {

constexpr int kQueues = 3;

class CrashSimulation {
public:
    explicit CrashSimulation(std::uint64_t seed) : random_(seed), broker_(options(seed)) {
        broker_.set_auto_sync(false);
    }

    void run() {
        declare();
        for (life_ = 0; life_ < 4; ++life_) {
            connect();
            for (int i = 0; i < 150; ++i) act();
            if (chance(4)) {
                settle_down();
                broker_.restart();
            } else {
                poll();
                broker_.crash(random_() % 4);
            }
            broker_.set_auto_sync(true);
            check_counts_at_least();
            broker_.set_auto_sync(false);
        }
        drain_and_check();
    }

private:
    struct Client {
        SimClient* sim = nullptr;
        std::uint64_t next_seqno = 1;
        std::map<std::uint64_t, std::vector<int>> unconfirmed;  // seqno -> message ids
        std::map<std::uint64_t, int> in_hand;                   // delivery tag -> message id
        std::set<int> acked;                                    // on channel 2, since it was opened
        bool consuming = false;
    };
    struct Published {
        int queue = 0;
        int publisher = 0;
        bool confirmed = false;
        bool seen = false;
        bool ack_sent = false;
        bool ack_durable = false;
        bool persistent = true;
    };

    static SimOptions options(std::uint64_t seed) {
        SimOptions options;
        options.seed = seed;
        options.lanes = seed % 2 ? 3 : 0;
        options.core.poison_returns_max = 0;
        options.core.resident_bytes_max = seed % 3 ? 20'000 : 1'000'000;
        return options;
    }
    bool chance(int one_in) { return random_() % one_in == 0; }
    static Bytes queue_name(int queue) { return "q" + std::to_string(queue); }

    void declare() {
        broker_.set_auto_sync(true);
        SimClient& client = broker_.connect();
        client.open_channel(1);
        for (int i = 0; i < kQueues; ++i) client.declare_queue(1, queue_name(i));
        broker_.set_auto_sync(false);
    }

    void connect() {
        clients_.clear();
        broker_.set_auto_sync(true);
        for (int i = 0; i < 4; ++i) {
            Client client;
            client.sim = &broker_.connect();
            client.sim->open_channel(1);
            client.sim->open_channel(2);
            client.sim->call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
            clients_.push_back(std::move(client));
        }
        broker_.set_auto_sync(false);
    }

    void act() {
        Client& client = clients_[random_() % clients_.size()];
        switch (random_() % 9) {
            case 0:
            case 1:
            case 2:
                publish(client);
                break;
            case 3:
                consume(client);
                break;
            case 4:
            case 5:
                settle(client);
                break;
            case 6:
                broker_.sync();
                break;
            case 7:
                broker_.advance(Milliseconds{chance(5) ? 300 : 10});
                break;
            case 8:
                broker_.run(static_cast<int>(random_() % 20));
                break;
        }
        poll();
    }

    void publish(Client& client) {
        for (std::uint64_t count = 1 + random_() % 5; count > 0; --count) {
            const int id = static_cast<int>(published_.size());
            Published published;
            published.queue = static_cast<int>(random_() % kQueues);
            published.publisher = life_ * 100 + static_cast<int>(&client - clients_.data());
            published.persistent = !chance(5);
            published_.push_back(published);
            client.unconfirmed[client.next_seqno++] = {id};
            const Bytes padding(random_() % 1000, '.');
            client.sim->publish(
                1,
                "",
                queue_name(published.queue),
                std::to_string(id) + " " + padding,
                published.persistent);
        }
    }

    void consume(Client& client) {
        if (client.consuming) return;
        client.consuming = true;
        if (chance(2)) {
            amqp::BasicQos qos;
            qos.prefetch_count = static_cast<std::uint16_t>(1 + random_() % 20);
            client.sim->send(2, qos);
        }
        amqp::BasicConsume consume;
        consume.queue = queue_name(static_cast<int>(random_() % kQueues));
        consume.consumer_tag = "c";
        client.sim->send(2, consume);
    }

    void settle(Client& client) {
        if (client.in_hand.empty()) return;
        auto at = client.in_hand.begin();
        std::advance(at, random_() % client.in_hand.size());
        const std::uint64_t tag = at->first;
        const int action = static_cast<int>(random_() % 8);
        if (action == 0) {
            client.sim->nack(2, tag, false, true);
            client.in_hand.erase(at);
        } else if (action == 1) {
            for (auto i = client.in_hand.begin(); i != client.in_hand.end() && i->first <= tag;) {
                published_[i->second].ack_sent = true;
                client.acked.insert(i->second);
                i = client.in_hand.erase(i);
            }
            client.sim->ack(2, tag, true);
        } else if (action == 2 && chance(3)) {
            client.sim->send(2, amqp::ChannelClose{});
            close_durably(client);
        } else {
            published_[at->second].ack_sent = true;
            client.acked.insert(at->second);
            client.sim->ack(2, tag);
            client.in_hand.erase(at);
        }
    }

    /// close-ok is the promise that the acks are durable. Those of this channel were sent before it.
    void close_durably(Client& client) {
        const std::set<int> acked = std::exchange(client.acked, {});
        broker_.set_auto_sync(true);
        for (const Received& received : client.sim->take_all()) on_received(client, received);
        broker_.set_auto_sync(false);
        for (const int id : acked) published_[id].ack_durable = true;
        client.in_hand.clear();
        client.sim->open_channel(2);
        client.consuming = false;
    }

    void poll() {
        for (Client& client : clients_) {
            for (const Received& received : client.sim->poll()) on_received(client, received);
        }
    }

    void on_received(Client& client, const Received& received) {
        if (const auto* ack = std::get_if<amqp::BasicAck>(&received.method)) {
            auto& waiting = client.unconfirmed;
            const auto end = waiting.upper_bound(ack->delivery_tag);
            const auto begin = ack->multiple ? waiting.begin() : std::prev(end);
            for (auto at = begin; at != end; ++at) {
                for (const int id : at->second) published_[id].confirmed = true;
            }
            waiting.erase(begin, end);
        } else if (const auto* deliver = std::get_if<amqp::BasicDeliver>(&received.method)) {
            const int id = std::stoi(received.body);
            Published& published = published_[id];
            EXPECT_FALSE(published.ack_durable) << "came back after it was acked for good: " << id;
            if (published.seen) {
                EXPECT_TRUE(deliver->redelivered) << id;
            }
            published.seen = true;
            client.in_hand[deliver->delivery_tag] = id;
        }
    }

    /// All answers come; a clean stop loses no ack.
    void settle_down() {
        broker_.set_auto_sync(true);
        broker_.run();
        broker_.advance(Milliseconds{300});
        poll();
        for (const Client& client : clients_) {
            for (const int id : client.acked) published_[id].ack_durable = true;
        }
    }

    void check_counts_at_least() {
        for (int queue = 0; queue < kQueues; ++queue) {
            std::uint64_t owed = 0;
            for (const Published& published : published_) {
                owed += published.queue == queue && published.persistent && published.confirmed &&
                        !published.ack_sent;
            }
            EXPECT_GE(broker_.queue(queue_name(queue)).messages_ready, owed);
        }
    }

    void drain_and_check() {
        broker_.set_auto_sync(true);
        SimClient& client = broker_.connect();
        client.open_channel(1);
        std::set<int> drained;
        for (int queue = 0; queue < kQueues; ++queue) {
            const std::uint64_t count = broker_.queue(queue_name(queue)).messages_ready;
            std::uint64_t got = 0;
            std::map<int, int> last;  // by publisher
            while (const auto received = client.get(1, queue_name(queue))) {
                const int id = std::stoi(received->body);
                const Published& published = published_[id];
                EXPECT_EQ(published.queue, queue);
                EXPECT_TRUE(drained.insert(id).second) << "twice: " << id;
                EXPECT_FALSE(published.ack_durable) << id;
                if (published.seen) {
                    EXPECT_TRUE(std::get<amqp::BasicGetOk>(received->method).redelivered) << id;
                }
                const auto [before, first] = last.try_emplace(published.publisher, id);
                EXPECT_LE(before->second, id) << "out of order";
                before->second = id;
                ++got;
            }
            EXPECT_EQ(got, count) << "the count was wrong";
        }
        for (std::size_t id = 0; id < published_.size(); ++id) {
            const Published& published = published_[id];
            if (!published.confirmed || published.ack_sent || !published.persistent) continue;
            EXPECT_TRUE(drained.contains(static_cast<int>(id))) << "confirmed and lost: " << id;
        }
    }

    std::mt19937_64 random_;
    SimBroker broker_;
    std::vector<Client> clients_;
    std::vector<Published> published_;
    int life_ = 0;
};

TEST(CrashSimulation, LosesNothingConfirmed) {
    // LEVERET_SEED replays one; LEVERET_SEEDS runs more.
    const char* const one = std::getenv("LEVERET_SEED");
    const char* const many = std::getenv("LEVERET_SEEDS");
    const std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
    const std::uint64_t count = one ? 1 : many ? std::strtoull(many, nullptr, 10) : 200;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE("replay with LEVERET_SEED=" + std::to_string(seed));
        CrashSimulation simulation(seed);
        simulation.run();
        if (testing::Test::HasFailure()) return;
    }
}

}  // namespace
}  // namespace lvt::broker
