// Queues of other nodes while the links between the nodes are lost and made anew: nobody notices.
#include "tests/broker/core/remote_queue_fixture.h"

namespace lvt::broker {
namespace {

/// Two publishers and a consumer away from the queue, which note all that they see.
class Traffic {
public:
    Traffic(SimCluster& cluster, std::uint64_t seed) : cluster_(cluster), random_(seed) {
        cluster.client(0).declare_queue(1, "q");
        for (std::size_t i = 0; i < publishers_.size(); ++i) {
            publishers_[i].client = &cluster.client(1 + i);
            publishers_[i].client->call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
        }
        consumer_ = &cluster.client(1 + random_() % 2);
        consumer_->call<amqp::BasicQosOk>(1, amqp::BasicQos{0, 10, false});
        consumer_->consume(1, "q");
    }

    void go_on() {
        Publisher& publisher = publishers_[random_() % publishers_.size()];
        const Bytes body =
            fmt::format("{} {}", &publisher - publishers_.data(), publisher.published++);
        publisher.client->publish(1, "", "q", body);
        cluster_.run(random_() % 20);
        if (random_() % 3 == 0) look();
        if (random_() % 20 == 0) cluster_.advance(Milliseconds(10));
    }
    void finish() {
        for (std::size_t more = 1; more > 0;) {
            cluster_.run();
            more = look();
        }
    }
    void check() {
        for (Publisher& publisher : publishers_) {
            EXPECT_EQ(publisher.acked_to, publisher.published);
            EXPECT_EQ(publisher.seen, publisher.published);
        }
        EXPECT_EQ(cluster_.node(0).queue("q").messages_unacknowledged, 0u);
    }

private:
    struct Publisher {
        SimClient* client = nullptr;
        std::uint64_t published = 0;
        std::uint64_t acked_to = 0;
        /// Of its messages, by the consumer.
        std::uint64_t seen = 0;
    };

    /// Answers what the consumer has got.
    std::size_t look() {
        for (Publisher& publisher : publishers_) {
            for (const Received& one : publisher.client->poll()) {
                const auto* const ack = std::get_if<amqp::BasicAck>(&one.method);
                ASSERT(ack);
                // Without gaps and in order, as all is for one queue.
                ASSERT(ack->multiple || ack->delivery_tag == publisher.acked_to + 1);
                publisher.acked_to = ack->delivery_tag;
            }
        }
        const std::vector<Received> got = consumer_->poll();
        for (const Received& one : got) {
            const auto* const delivery = std::get_if<amqp::BasicDeliver>(&one.method);
            ASSERT(delivery && !delivery->redelivered);
            Publisher& publisher = publishers_.at(one.body[0] - '0');
            EXPECT_EQ(one.body.substr(2), std::to_string(publisher.seen++));
            consumer_->ack(1, delivery->delivery_tag);
        }
        return got.size();
    }

    SimCluster& cluster_;
    std::mt19937_64 random_;
    std::array<Publisher, 2> publishers_;
    SimClient* consumer_ = nullptr;
};

TEST(RemoteLinks, LosingThemLosesDoublesAndReordersNothing) {
    std::size_t lost = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        SimClusterOptions options;
        options.nodes = 3;
        options.seed = seed;
        options.lanes = seed % 2 * 3;
        options.link_frames = 2 + seed % 12;
        SimCluster cluster(options);
        Traffic traffic(cluster, seed);
        for (int i = 0; i < 300; ++i) traffic.go_on();
        traffic.finish();
        traffic.check();
        lost += cluster.links_lost();
    }
    EXPECT_GT(lost, 1000u);
}

}  // namespace
}  // namespace lvt::broker
