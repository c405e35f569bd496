// A test suite that brings its own broker: one for each case, in memory, gone afterwards.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <leveret/broker.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace {

class EmbeddedBroker : public testing::Test {
protected:
    EmbeddedBroker() : broker_(leveret::Broker::start({}).value()) {}

    leveret::Broker broker_;
};

TEST_F(EmbeddedBroker, TellsWhereItListens) {
    const std::string port = std::to_string(broker_.port());
    EXPECT_EQ(broker_.amqp_uri(), "amqp://guest:guest@127.0.0.1:" + port + "/%2F");
}

TEST_F(EmbeddedBroker, SpeaksAmqp) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(broker_.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::send(fd, "AMQP\0\0\11\1", 8, 0), 8);
    char answer[11] = {};
    ASSERT_EQ(::recv(fd, answer, sizeof answer, MSG_WAITALL), 11);
    // A method frame on channel 0 that holds connection.start (10, 10).
    EXPECT_EQ(std::string(answer, 3), std::string("\1\0\0", 3));
    EXPECT_EQ(std::string(answer + 7, 4), std::string("\0\12\0\12", 4));
    ::close(fd);
}

TEST(EmbeddedBrokerSettings, WrongOnesAreRefusedInWords) {
    leveret::BrokerOptions options;
    options.settings = {{"channel_max", "many"}};
    const auto broker = leveret::Broker::start(options);
    ASSERT_FALSE(broker.has_value());
    EXPECT_NE(broker.error().message.find("channel_max"), std::string::npos);
}

}  // namespace
