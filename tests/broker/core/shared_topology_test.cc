// Cores of several nodes that share their topology, with a metadata group made by the test: proposals get lost, doubled and late, nodes
// crash and come back, or are given the state as a whole. In the end all have the same.
#include "broker/core/topology.h"
#include "cluster/node/proposals.h"
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

#include <random>

namespace lvt::broker {
namespace {

class Nodes {
public:
    explicit Nodes(std::size_t count, std::uint64_t seed = 1) : random_(seed) {
        for (std::size_t i = 0; i < count; ++i) {
            SimOptions options;
            options.seed = seed * 100 + i;
            options.node = cluster::NodeId{i + 1};
            auto broker = std::make_unique<SimBroker>(options);
            const std::uint64_t starts = broker->starts();
            nodes_.push_back({std::move(broker), cluster::Proposals(options.node, starts), 0});
        }
        at(0).core().on_leading(at(0).clock().now());
        at(0).end_turn();
        settle();
    }

    SimBroker& at(std::size_t i) { return *nodes_[i].broker; }
    std::size_t size() const { return nodes_.size(); }
    std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_() % below); }

    /// A node's proposals that are due reach the group, without the first ones. Now and then time passes, or another node leads. Answers
    /// whether any were due.
    bool submit(std::size_t i, std::size_t lost = 0) {
        Node& node = nodes_[i];
        for (ProposalRequest& one : node.broker->take_proposals())
            node.proposals->add(one.number, std::move(one.command));
        now_ms_ += pick(2) * cluster::Proposals::kRepeatMs;
        if (pick(8) == 0) term_ = cluster::Term{term_.value() + 1};
        const std::vector<Bytes> due = node.proposals->due(now_ms_, cluster::NodeId{99}, term_);
        for (std::size_t k = lost; k < due.size(); ++k) {
            cluster::ProposedCommand one = cluster::decode_proposal(due[k]).value();
            log_.push_back(
                {log_.size() + 1, one.origin, one.starts, one.number, std::move(one.command)});
        }
        return !due.empty();
    }

    /// A node learns what comes next.
    void deliver(std::size_t i, std::size_t count) {
        Node& node = nodes_[i];
        std::vector<ClusterEntry> entries;
        for (; count > 0 && node.position < log_.size(); --count) {
            const ClusterEntry& entry = log_[node.position++];
            node.proposals->committed({entry.origin, entry.starts, entry.number, {}});
            entries.push_back(entry);
        }
        node.broker->core().on_committed(entries, node.broker->clock().now());
        node.broker->end_turn();
        node.broker->run();
    }

    void crash(std::size_t i) {
        nodes_[i].broker->crash(pick(3));
        restarted(i);
    }

    /// As an operator there.
    void define(std::size_t i, MetadataCommand command) {
        AdminRequest request = ChangeDefinitions{{std::move(command)}, {}};
        at(i).core().administer(AdminId(7), request, at(i).clock().now());
        at(i).end_turn();
        settle();
    }

    /// A node serves in a new process, and meets these.
    void begin_run(std::size_t i, std::initializer_list<std::size_t> alive) {
        BeginRun command;
        for (const std::size_t other : alive)
            command.alive.push_back({cluster::NodeId{other + 1}, at(other).starts()});
        define(i, std::move(command));
    }

    /// A node is given another one's state.
    void install(std::size_t i, std::size_t from) {
        if (nodes_[from].position <= nodes_[i].position) return;
        Node& node = nodes_[i];
        const ClusterState state = at(from).core().cluster_state();
        const auto installed = node.broker->core().on_installed(
            nodes_[from].position, state.bytes, node.broker->clock().now());
        ASSERT_TRUE(installed.has_value()) << installed.error().message;
        node.position = nodes_[from].position;
        node.broker->end_turn();
        node.broker->run();
    }

    /// Until nobody has anything to propose or to learn.
    void settle() {
        for (int quiet = 0; quiet < 2; ++quiet) {
            for (std::size_t i = 0; i < nodes_.size(); ++i) {
                nodes_[i].broker->run();
                now_ms_ += cluster::Proposals::kRepeatMs;
                if (submit(i) || nodes_[i].position < log_.size()) quiet = 0;
            }
            for (std::size_t i = 0; i < nodes_.size(); ++i) deliver(i, log_.size());
        }
    }

    /// Entries of the group's log, doubled ones included.
    std::size_t agreed() const { return log_.size(); }
    std::size_t queues(std::size_t i) { return at(i).core().list_queues("/").size(); }

private:
    struct Node {
        std::unique_ptr<SimBroker> broker;
        std::optional<cluster::Proposals> proposals;
        std::size_t position = 0;
    };

    void restarted(std::size_t i) {
        nodes_[i].proposals.emplace(cluster::NodeId{i + 1}, at(i).starts());
        // The log is told from its beginning: what the core has of it, it passes over.
        nodes_[i].position = 0;
        deliver(i, log_.size());
        at(i).core().on_joined(at(i).clock().now());
        at(i).end_turn();
    }

    std::mt19937_64 random_;
    std::uint64_t now_ms_ = 0;
    cluster::Term term_{1};
    std::vector<Node> nodes_;
    std::vector<ClusterEntry> log_;
};

amqp::QueueDeclare declare(ByteView name, bool durable = true) {
    amqp::QueueDeclare out;
    out.queue = Bytes(name);
    out.durable = durable;
    return out;
}

TEST(SharedTopology, OneNodeFoundsItAndAnotherSeedChangesNothing) {
    Nodes nodes(2);
    EXPECT_EQ(nodes.at(1).core().list_vhosts(), std::vector<Bytes>{"/"});
    nodes.at(1).core().on_leading(nodes.at(1).clock().now());
    nodes.at(1).end_turn();
    nodes.settle();
    EXPECT_EQ(nodes.at(0).core().cluster_state().bytes, nodes.at(1).core().cluster_state().bytes);
}

TEST(SharedTopology, ADeclareIsAnsweredWhenTheGroupHasAgreed) {
    Nodes nodes(2);
    SimClient& client = nodes.at(0).connect();
    client.open_channel(1);
    client.send(1, declare("q"));
    nodes.at(0).run();
    EXPECT_TRUE(client.take_all().empty());
    nodes.settle();
    EXPECT_EQ(client.expect<amqp::QueueDeclareOk>().queue, "q");
    EXPECT_EQ(nodes.queues(1), 1u);
}

TEST(SharedTopology, WhoIsQuickerDecidesWhatAQueueIs) {
    Nodes nodes(2);
    SimClient& first = nodes.at(0).connect();
    SimClient& second = nodes.at(1).connect();
    first.open_channel(1);
    second.open_channel(1);
    first.send(1, declare("q", true));
    second.send(1, declare("q", false));
    nodes.settle();
    EXPECT_EQ(first.expect<amqp::QueueDeclareOk>().queue, "q");
    EXPECT_EQ(second.expect<amqp::ChannelClose>().reply_code, 406);
}

TEST(SharedTopology, AServerNamedQueueHasOneName) {
    Nodes nodes(2);
    SimClient& client = nodes.at(1).connect();
    client.open_channel(1);
    amqp::QueueDeclare method;
    method.exclusive = true;
    client.send(1, method);
    nodes.settle();
    const Bytes name = client.expect<amqp::QueueDeclareOk>().queue;
    EXPECT_TRUE(name.starts_with("amq.gen-"));
    ASSERT_EQ(nodes.queues(0), 1u);
    EXPECT_EQ(nodes.at(0).core().list_queues("/").front().name, name);
    client.drop();
    nodes.settle();
    EXPECT_EQ(nodes.queues(0), 0u);
    EXPECT_EQ(nodes.queues(1), 0u);
}

TEST(SharedTopology, WhatFollowsANowaitDeclareWaitsForIt) {
    Nodes nodes(2);
    SimClient& client = nodes.at(0).connect();
    client.open_channel(1);
    amqp::QueueDeclare method = declare("q");
    method.no_wait = true;
    client.send(1, method);
    client.publish(1, "", "q", "body");
    client.send(0, amqp::ConnectionClose{});
    nodes.settle();
    EXPECT_EQ(nodes.at(0).queue("q").messages_ready, 1u);
}

TEST(SharedTopology, WithoutAMajorityAClientIsToldAndAnAdministratorToo) {
    Nodes nodes(2);
    SimClient& client = nodes.at(0).connect();
    client.open_channel(1);
    client.send(1, declare("q"));
    nodes.at(0).run();
    nodes.at(0).advance(Milliseconds(6000));
    const auto closed = client.expect<amqp::ChannelClose>();
    EXPECT_EQ(closed.reply_code, 406);
    EXPECT_NE(closed.reply_text.find("no majority"), Bytes::npos);
    // It may come about all the same.
    nodes.settle();
    EXPECT_EQ(nodes.queues(0), 1u);
    EXPECT_EQ(nodes.queues(1), 1u);
}

TEST(SharedTopology, ATransientQueueGoesWithItsNodesProcess) {
    Nodes nodes(2);
    SimClient& client = nodes.at(0).connect();
    client.open_channel(1);
    client.send(1, declare("kept", true));
    client.send(1, declare("lost", false));
    nodes.settle();
    nodes.crash(0);
    nodes.settle();
    for (std::size_t i = 0; i < 2; ++i) {
        ASSERT_EQ(nodes.queues(i), 1u) << i;
        EXPECT_EQ(nodes.at(i).core().list_queues("/").front().name, "kept");
    }
}

TEST(SharedTopology, ATransientExchangeLivesAsLongAsAnyNodeThatHadIt) {
    Nodes nodes(3);
    for (std::size_t i = 0; i < 3; ++i) nodes.begin_run(i, {});
    SimClient& client = nodes.at(0).connect();
    client.open_channel(1);
    for (const bool durable : {false, true}) {
        amqp::ExchangeDeclare method;
        method.exchange = durable ? "kept" : "passing";
        method.type = "fanout";
        method.durable = durable;
        client.send(1, method);
        nodes.settle();
    }
    const auto has = [&](ByteView name) {
        const VirtualHost* const vhost = nodes.at(2).core().topology().find_vhost("/");
        return vhost->find_exchange(name) != nullptr;
    };
    // One after the other: each meets another one that had it.
    for (std::size_t i = 0; i < 3; ++i) {
        nodes.crash(i);
        nodes.begin_run(i, {(i + 1) % 3, (i + 2) % 3});
        EXPECT_TRUE(has("passing")) << i;
    }
    // All at once: whom the first one meets has not begun either. The third one hears of the first.
    for (std::size_t i = 0; i < 3; ++i) nodes.crash(i);
    nodes.begin_run(0, {1});
    EXPECT_FALSE(has("passing"));
    EXPECT_TRUE(has("kept"));
    SimClient& again = nodes.at(0).connect();
    again.open_channel(1);
    amqp::ExchangeDeclare method;
    method.exchange = "passing";
    method.type = "fanout";
    again.send(1, method);
    nodes.settle();
    nodes.begin_run(1, {0, 2});
    nodes.begin_run(2, {0});
    EXPECT_TRUE(has("passing"));
}

TEST(SharedTopology, AForgottenNodeTakesItsQueuesAlong) {
    Nodes nodes(3);
    SimClient& client = nodes.at(2).connect();
    client.open_channel(1);
    client.send(1, declare("there", true));
    SimClient& other = nodes.at(0).connect();
    other.open_channel(1);
    other.send(1, declare("here", true));
    nodes.settle();
    nodes.define(0, ForgetNode{cluster::NodeId{3}});
    ASSERT_EQ(nodes.queues(0), 1u);
    EXPECT_EQ(nodes.at(1).core().list_queues("/").front().name, "here");
}

/// One thing that a client may do to the topology, over few names, so that nodes get in each other's way.
amqp::Method random_method(Nodes& nodes) {
    const Bytes queue = fmt::format("q{}", nodes.pick(4));
    const Bytes exchange = fmt::format("e{}", nodes.pick(3));
    switch (nodes.pick(7)) {
        case 0: {
            amqp::QueueDeclare method = declare(queue, nodes.pick(2) == 0);
            method.exclusive = nodes.pick(3) == 0;
            method.auto_delete = nodes.pick(3) == 0;
            return method;
        }
        case 1: {
            amqp::QueueDelete method;
            method.queue = queue;
            return method;
        }
        case 2: {
            amqp::ExchangeDeclare method;
            method.exchange = exchange;
            method.type = nodes.pick(2) ? "fanout" : "x-delayed-message";
            method.durable = nodes.pick(2) == 0;
            method.auto_delete = nodes.pick(2) == 0;
            if (method.type == "x-delayed-message")
                method.arguments.add_string("x-delayed-type", "topic");
            return method;
        }
        case 3: {
            amqp::ExchangeDelete method;
            method.exchange = exchange;
            return method;
        }
        case 4: {
            amqp::QueueUnbind method;
            method.queue = queue;
            method.exchange = exchange;
            method.routing_key = "key";
            return method;
        }
        default: {
            amqp::QueueBind method;
            method.queue = queue;
            method.exchange = exchange;
            method.routing_key = "key";
            return method;
        }
    }
}

void act_somewhere(Nodes& nodes, std::vector<SimClient*>& clients) {
    const std::size_t i = nodes.pick(nodes.size());
    SimBroker& broker = nodes.at(i);
    if (!clients[i] || clients[i]->closed_by_broker()) {
        if (!broker.core().topology().find_user("guest")) return;
        clients[i] = &broker.connect();
    }
    if (nodes.pick(12) == 0) {
        clients[i]->drop();
        clients[i] = nullptr;
        broker.run();
        return;
    }
    // A channel for each: what went wrong before is no matter.
    static std::uint16_t channel = 0;
    if (++channel == 0) channel = 1;
    clients[i]->send(channel, amqp::ChannelOpen{});
    clients[i]->send(channel, random_method(nodes));
    broker.run();
    (void)clients[i]->poll();
}

TEST(SharedTopology, WhateverGetsLostAllNodesHaveTheSame) {
    std::size_t agreed = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        Nodes nodes(3, seed);
        std::vector<SimClient*> clients(3);
        for (int step = 0; step < 150; ++step) {
            const std::size_t i = nodes.pick(3);
            const std::size_t what = nodes.pick(100);
            if (what < 45) {
                act_somewhere(nodes, clients);
            } else if (what < 65) {
                nodes.submit(i, nodes.pick(4) == 0 ? 1 : 0);
            } else if (what < 92) {
                nodes.deliver(i, 1 + nodes.pick(4));
            } else if (what < 95) {
                nodes.crash(i);
                clients[i] = nullptr;
            } else if (what < 98) {
                nodes.install(i, (i + 1) % 3);
            } else {
                nodes.at(i).advance(Milliseconds(3000));
            }
            if (::testing::Test::HasFatalFailure()) return;
        }
        nodes.settle();
        // Whatever was lost before, what a node wants now comes to pass.
        for (std::size_t i = 0; i < 3; ++i) {
            AdminRequest last =
                ChangeDefinitions{{PutGlobalParameter{fmt::format("last of {}", i), "1"}}, {}};
            nodes.at(i).core().administer(AdminId(1), last, nodes.at(i).clock().now());
            nodes.at(i).end_turn();
        }
        nodes.settle();
        for (std::size_t i = 0; i < 3; ++i)
            ASSERT_EQ(nodes.at(i).core().topology().global_parameters().size(), 3u) << "node " << i;
        agreed += nodes.agreed();
        const Bytes expected = nodes.at(0).core().cluster_state().bytes;
        for (std::size_t i = 1; i < 3; ++i)
            ASSERT_EQ(nodes.at(i).core().cluster_state().bytes, expected) << "node " << i;
    }
    // Something did happen.
    EXPECT_GT(agreed, 200u * 20);
}

}  // namespace
}  // namespace lvt::broker
