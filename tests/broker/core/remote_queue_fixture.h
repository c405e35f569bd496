// RemoteQueueTest: clients of two nodes that share their queues; lanes inline, and three lanes a node in several seeds' orders.
#pragma once

#include "tests/broker/core/sim_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lvt::broker {
struct RemoteMode {
    std::size_t lanes;
    std::uint64_t seed;
    /// SimClusterOptions
    std::size_t link_frames = 0;
};

inline std::vector<Bytes> numbers(int first, int count) {
    std::vector<Bytes> out;
    for (int i = first; i < first + count; ++i) out.push_back(std::to_string(i));
    return out;
}

class RemoteQueueTest : public testing::TestWithParam<RemoteMode> {
protected:
    static SimClusterOptions options(std::size_t nodes) {
        SimClusterOptions options;
        options.nodes = nodes;
        options.lanes = GetParam().lanes;
        options.seed = GetParam().seed;
        options.link_frames = GetParam().link_frames;
        return options;
    }
    static void confirm_mode(SimClient& client) {
        client.call<amqp::ConfirmSelectOk>(1, amqp::ConfirmSelect{});
    }
    static void publish_numbers(SimClient& client, ByteView queue, int first, int count) {
        for (const Bytes& body : numbers(first, count)) client.publish(1, "", queue, body);
    }
    static void qos(SimClient& client, std::uint16_t count) {
        client.call<amqp::BasicQosOk>(1, amqp::BasicQos{0, count, false});
    }
    /// (acked, nacked) so far.
    static std::pair<std::uint64_t, std::uint64_t> confirms(SimClient& client) {
        std::pair<std::uint64_t, std::uint64_t> out;
        std::uint64_t acked_to = 0;
        for (const Received& one : client.take_all()) {
            if (const auto* const ack = std::get_if<amqp::BasicAck>(&one.method)) {
                out.first += ack->multiple ? ack->delivery_tag - acked_to : 1;
                acked_to = std::max(acked_to, ack->delivery_tag);
            }
            if (std::holds_alternative<amqp::BasicNack>(one.method)) ++out.second;
        }
        return out;
    }
    static std::vector<Received> deliveries(SimClient& client) {
        std::vector<Received> out = client.take_all();
        std::erase_if(out, [](const Received& one) {
            return !std::holds_alternative<amqp::BasicDeliver>(one.method);
        });
        return out;
    }
    static std::uint64_t tag_of(const Received& received) {
        return std::get<amqp::BasicDeliver>(received.method).delivery_tag;
    }
    static std::vector<Bytes> bodies(const std::vector<Received>& all) {
        std::vector<Bytes> out;
        for (const Received& one : all) out.push_back(one.body);
        return out;
    }
    static void bind(SimClient& client, ByteView queue, ByteView exchange) {
        amqp::QueueBind bind;
        bind.queue = queue;
        bind.exchange = exchange;
        client.call<amqp::QueueBindOk>(1, bind);
    }
    void declare(SimClient& client, ByteView name, const amqp::Table& arguments) {
        amqp::QueueDeclare declare;
        declare.queue = name;
        declare.durable = true;
        declare.arguments = arguments;
        client.call<amqp::QueueDeclareOk>(1, declare);
    }

    SimCluster cluster{options(2)};
};

/// For INSTANTIATE_TEST_SUITE_P.
inline auto remote_modes() {
    return testing::Values(
        RemoteMode{0, 1},
        RemoteMode{0, 2},
        RemoteMode{3, 1},
        RemoteMode{3, 2},
        RemoteMode{3, 3},
        RemoteMode{0, 4, 10},
        RemoteMode{3, 5, 4},
        RemoteMode{3, 6, 20});
}

inline std::string name_of_mode(const testing::TestParamInfo<RemoteMode>& info) {
    return (info.param.lanes ? "ThreeLanesSeed" : "InlineSeed") + std::to_string(info.param.seed) +
           (info.param.link_frames ? "LinksCut" : "");
}

}  // namespace lvt::broker
