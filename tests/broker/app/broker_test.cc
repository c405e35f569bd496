// Whole brokers in this process, over real sockets; each case with the lane inline and with three lanes.
#include "leveret/broker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/load/client_connection.h"
#include "protocol/amqp/frame.h"
#include "protocol/amqp/method_frame.h"
#include "tests/broker/net/client_socket.h"

namespace lvt::broker {
namespace {

using load::ClientConnection;

constexpr std::string_view kProtocolHeader{"AMQP\0\0\11\1", 8};

leveret::Broker start(std::map<std::string, std::string> settings) {
    leveret::BrokerOptions options;
    options.settings = std::move(settings);
    return leveret::Broker::start(std::move(options)).value();
}

ClientConnection connect(const leveret::Broker& broker) {
    const auto url = load::parse_amqp_url(broker.amqp_uri());
    auto connection = ClientConnection::open(*url, "test");
    if (connection.has_error()) throw std::runtime_error(connection.error().message);
    if (connection->open_channel(1).has_error()) throw std::runtime_error("no channel");
    return std::move(*connection);
}

void declare(ClientConnection& connection, const Bytes& queue) {
    amqp::QueueDeclare declare;
    declare.queue = queue;
    ASSERT_TRUE(connection.call(1, declare).has_value());
}

std::uint32_t ready_messages(ClientConnection& connection, const Bytes& queue) {
    amqp::QueueDeclare declare;
    declare.queue = queue;
    declare.passive = true;
    const auto answer = connection.call(1, declare);
    return answer.has_value() ? std::get<amqp::QueueDeclareOk>(*answer).message_count : 0;
}

Bytes publish_frames(const Bytes& queue, ByteView body, std::uint32_t frame_max) {
    amqp::BasicPublish publish;
    publish.routing_key = queue;
    Bytes frames;
    amqp::encode_method_frame(frames, 1, publish);
    amqp::encode_header_frame(frames, 1, body.size(), ByteView("\0\0", 2));
    amqp::encode_body_frames(frames, 1, body, frame_max);
    return frames;
}

void consume(ClientConnection& connection, const Bytes& queue) {
    amqp::BasicConsume consume;
    consume.queue = queue;
    consume.no_ack = true;
    ASSERT_TRUE(connection.call(1, consume).has_value());
}

/// The bodies of the next deliveries, joined, until there are `octets`.
Bytes receive_bodies(ClientConnection& connection, std::size_t octets) {
    Bytes bodies;
    amqp::Frame frame;
    while (bodies.size() < octets) {
        while (connection.input().next(frame))
            if (frame.type == amqp::FrameType::body) bodies += frame.payload;
        if (bodies.size() >= octets) break;
        if (connection.receive(ClientConnection::Wait::briefly).has_error()) break;
    }
    return bodies;
}

class BrokerTest : public testing::TestWithParam<const char*> {
protected:
    BrokerTest() : broker_(start({{"io_threads", GetParam()}})) {}

    leveret::Broker broker_;
};

INSTANTIATE_TEST_SUITE_P(
    IoThreads, BrokerTest, testing::Values("0", "3"),
    [](const auto& info) { return info.param == std::string("0") ? "inline" : "lanes3"; });

TEST_P(BrokerTest, CarriesMessagesFromOneConnectionToAnother) {
    ClientConnection publisher = connect(broker_);
    ClientConnection consumer = connect(broker_);
    declare(publisher, "q");
    consume(consumer, "q");
    Bytes expected;
    for (int i = 0; i < 1000; ++i) {
        const Bytes body = "message " + std::to_string(i) + ";";
        expected += body;
        ASSERT_TRUE(publisher.send(publish_frames("q", body, 131072)).has_value());
    }
    EXPECT_EQ(receive_bodies(consumer, expected.size()), expected);
    EXPECT_TRUE(publisher.close().has_value());
    EXPECT_TRUE(consumer.close().has_value());
}

TEST_P(BrokerTest, CarriesBodiesOfManyFrames) {
    ClientConnection connection = connect(broker_);
    declare(connection, "q");
    Bytes body(3 * 1024 * 1024, 'x');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31);
    ASSERT_TRUE(connection.send(publish_frames("q", body, 131072)).has_value());
    consume(connection, "q");
    EXPECT_TRUE(receive_bodies(connection, body.size()) == body);
}

TEST_P(BrokerTest, ClientThatOnlyConnectsLeavesNoTrace) {
    for (int i = 0; i < 20; ++i) ClientSocket(broker_.port()).close();
    ClientConnection connection = connect(broker_);
    EXPECT_TRUE(connection.close().has_value());
}

TEST_P(BrokerTest, HalfClosedClientIsLetGo) {
    ClientSocket client(broker_.port());
    ASSERT_TRUE(client.send(kProtocolHeader));
    EXPECT_EQ(client.receive_exactly(3), std::string("\1\0\0", 3));
    ::shutdown(client.fd(), SHUT_WR);
    while (!client.receive().empty()) {
    }
}

TEST_P(BrokerTest, WrongProtocolIsAnsweredWithOursAndTheEnd) {
    ClientSocket client(broker_.port());
    ASSERT_TRUE(client.send(std::string_view("AMQP\3\1\0\0", 8)));
    EXPECT_EQ(client.receive_exactly(9), kProtocolHeader);
}

TEST_P(BrokerTest, ServesManyConnectionsAtOnce) {
    std::vector<ClientConnection> connections;
    for (int i = 0; i < 300; ++i) connections.push_back(connect(broker_));
    declare(connections.front(), "q");
    for (ClientConnection& connection : connections)
        ASSERT_TRUE(connection.send(publish_frames("q", "x", 131072)).has_value());
    // Each close waits for what its connection published.
    for (std::size_t i = 1; i < connections.size(); ++i)
        ASSERT_TRUE(connections[i].close().has_value());
    EXPECT_EQ(ready_messages(connections.front(), "q"), connections.size());
}

TEST_P(BrokerTest, SlowReaderHoldsUpNobodyAndGetsEverything) {
    constexpr std::size_t kMessages = 400;
    const Bytes body(64 * 1024, 'y');
    ClientConnection slow = connect(broker_);
    ClientConnection publisher = connect(broker_);
    declare(publisher, "q");
    consume(slow, "q");
    for (std::size_t i = 0; i < kMessages; ++i)
        ASSERT_TRUE(publisher.send(publish_frames("q", body, 131072)).has_value());
    declare(publisher, "other");  // answered while the slow one's socket is full
    EXPECT_EQ(receive_bodies(slow, kMessages * body.size()).size(), kMessages * body.size());
}

TEST_P(BrokerTest, StopTellsClientsWhy) {
    ClientConnection connection = connect(broker_);
    std::thread stopper([this] { broker_.stop(); });
    Error reason;
    for (;;) {
        const auto received = connection.receive(ClientConnection::Wait::briefly);
        if (received.has_error()) {
            reason = connection.reason(received.error());
            break;
        }
        amqp::Frame frame;
        bool closed = false;
        while (connection.input().next(frame)) {
            closed = frame.payload.find("CONNECTION_FORCED - broker forced connection closure "
                                        "with reason 'shutdown'") != ByteView::npos;
            if (closed) break;
        }
        if (closed) {
            reason.message = "told";
            break;
        }
    }
    (void)connection.send(0, amqp::ConnectionCloseOk{});
    stopper.join();
    EXPECT_EQ(reason.message, "told");
}

TEST_P(BrokerTest, StopDoesNotWaitForClientsThatDoNotAnswer) {
    ClientConnection connection = connect(broker_);
    broker_.stop();
    EXPECT_THROW(ClientSocket{broker_.port()}, std::runtime_error);
}

TEST(Broker, StartsAndStopsFiftyTimes) {
    for (int i = 0; i < 50; ++i) {
        leveret::Broker broker = start({{"io_threads", i % 2 ? "2" : "0"}});
        ClientConnection connection = connect(broker);
        ASSERT_TRUE(connection.close().has_value());
        broker.stop();
    }
}

TEST(Broker, TwoInOneProcessShareNothing) {
    leveret::Broker first = start({});
    leveret::Broker second = start({});
    ClientConnection to_first = connect(first);
    ClientConnection to_second = connect(second);
    declare(to_first, "q");
    declare(to_second, "q");
    ASSERT_TRUE(to_first.send(publish_frames("q", "x", 131072)).has_value());
    ASSERT_TRUE(to_first.close().has_value());
    ClientConnection again = connect(first);
    EXPECT_EQ(ready_messages(again, "q"), 1u);
    EXPECT_EQ(ready_messages(to_second, "q"), 0u);
}

TEST(Broker, TakenPortNamesItsKey) {
    leveret::Broker first = start({});
    leveret::BrokerOptions options;
    options.settings = {{"listeners.tcp.1", "127.0.0.1:" + std::to_string(first.port())}};
    const auto second = leveret::Broker::start(options);
    ASSERT_FALSE(second.has_value());
    EXPECT_NE(second.error().message.find("listeners.tcp.1"), std::string::npos)
        << second.error().message;
}

TEST(Broker, InMemoryWritesNoFile) {
    const std::filesystem::path before = std::filesystem::current_path();
    leveret::Broker broker = start({});
    ClientConnection connection = connect(broker);
    declare(connection, "q");
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code error;
        const auto target = std::filesystem::read_symlink(entry.path(), error);
        EXPECT_EQ(target.string().find(".sst"), std::string::npos);
    }
    EXPECT_EQ(std::filesystem::current_path(), before);
}

}  // namespace
}  // namespace lvt::broker
