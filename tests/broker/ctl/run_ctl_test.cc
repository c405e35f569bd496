// `leveret ctl` from its command line to its output, over a real control socket. What is expected was printed by
// rabbitmqctl 3.10.8.
#include "tests/broker/ctl/ctl_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

namespace lvt::broker {
namespace {

TEST_F(RunCtl, ListsQueues) {
    start();
    EXPECT_EQ(run({"list_queues"}), 0);
    EXPECT_EQ(
        out(),
        "Timeout: 60.0 seconds ...\nListing queues for vhost / "
        "...\nname\tmessages\nqa\t3\nqb\t0\n");
}

TEST_F(RunCtl, ListsTheColumnsThatAreAskedFor) {
    start();
    EXPECT_EQ(run({"-q", "list_queues", "name", "durable", "arguments", "policy"}), 0);
    EXPECT_EQ(
        out(),
        "name\tdurable\targuments\tpolicy\n"
        "qa\ttrue\t[{\"x-max-length\",10},{\"x-queue-mode\",\"lazy\"}]\t\n"
        "qb\tfalse\t[]\t\n");
}

TEST_F(RunCtl, SilentLeavesOutTheHeaders) {
    start();
    EXPECT_EQ(run({"list_queues", "-s", "name", "messages"}), 0);
    EXPECT_EQ(out(), "qa\t3\nqb\t0\n");
    EXPECT_EQ(run({"list_queues", "-q", "--no-table-headers"}), 0);
    EXPECT_EQ(out(), "qa\t3\nqb\t0\n");
}

TEST_F(RunCtl, NoRowsNoHeaders) {
    answers_.queues.clear();
    start();
    EXPECT_EQ(run({"-q", "list_queues"}), 0);
    EXPECT_EQ(out(), "");
    EXPECT_EQ(run({"list_queues", "--formatter", "json"}), 0);
    EXPECT_EQ(out(), "[\n]\n");
}

TEST_F(RunCtl, ListsQueuesAsJson) {
    start();
    EXPECT_EQ(run({"list_queues", "--formatter", "json", "name", "messages", "arguments"}), 0);
    EXPECT_EQ(
        out(),
        "[\n"
        R"({"name":"qa","messages":3,"arguments":[["x-max-length","signedint",10],["x-queue-mode","longstr","lazy"]]})"
        "\n,"
        R"({"name":"qb","messages":0,"arguments":[]})"
        "\n]\n");
}

TEST_F(RunCtl, ListsQueuesAsCsv) {
    start();
    EXPECT_EQ(run({"list_queues", "--formatter=csv"}), 0);
    EXPECT_EQ(out(), "\"name\",\"messages\"\n\"qa\",\"3\"\n\"qb\",\"0\"\n");
}

TEST_F(RunCtl, ARefusalHasItsOwnExitCode) {
    start();
    EXPECT_EQ(run({"-q", "list_queues", "-p", "nope"}), 65);
    EXPECT_EQ(err(), "Error:\nVirtual host 'nope' does not exist\n");
}

TEST_F(RunCtl, ListsConnectionsUsersAndVhosts) {
    start();
    EXPECT_EQ(run({"list_connections"}), 0);
    EXPECT_EQ(
        out(),
        "Listing connections ...\nuser\tpeer_host\tpeer_port\tstate\n"
        "guest\t127.0.0.1\t4711\trunning\n");
    EXPECT_EQ(run({"list_users"}), 0);
    EXPECT_EQ(out(), "Listing users ...\nuser\ttags\nguest\t[administrator]\n");
    EXPECT_EQ(run({"list_vhosts"}), 0);
    EXPECT_EQ(out(), "Listing vhosts ...\nname\n/\n");
}

TEST_F(RunCtl, PingsLikeADockerHealthCheck) {
    start();
    EXPECT_EQ(run({"-q", "ping"}, "/usr/bin/rabbitmq-diagnostics"), 0);
    EXPECT_EQ(out(), "Ping succeeded\n");
    EXPECT_EQ(run({"ping", "-n", "rabbit@h", "-t", "5"}, "ctl"), 0);
}

TEST_F(RunCtl, HealthChecks) {
    start();
    EXPECT_EQ(run({"-q", "check_running"}, "rabbitmq-diagnostics"), 0);
    EXPECT_EQ(out(), "RabbitMQ on node rabbit@h is fully booted and running\n");
    EXPECT_EQ(run({"-q", "check_local_alarms"}, "rabbitmq-diagnostics"), 0);
    EXPECT_EQ(out(), "Node rabbit@h reported no local alarms\n");
    EXPECT_EQ(run({"-q", "check_port_listener", "5672"}, "rabbitmq-diagnostics"), 0);
    EXPECT_EQ(out(), "A listener for port 5672 is running on node rabbit@h.\n");
    EXPECT_EQ(run({"-q", "check_port_listener", "1"}, "rabbitmq-diagnostics"), 69);
    EXPECT_EQ(run({"await_startup"}), 0);
    EXPECT_EQ(out(), "");
}

TEST_F(RunCtl, AnAlarmFailsTheCheck) {
    answers_.status["alarms"] = json::array{"memory resource limit alarm"};
    start();
    EXPECT_EQ(run({"-q", "check_local_alarms"}, "rabbitmq-diagnostics"), 69);
    EXPECT_EQ(err(), "Error:\nNode rabbit@h reported alarms: memory resource limit alarm\n");
}

TEST_F(RunCtl, Status) {
    start();
    EXPECT_EQ(run({"status"}), 0);
    EXPECT_EQ(out().find("Status of node rabbit@h ...\nRuntime\n\nOS PID: 1\n"), 0u) << out();
    EXPECT_NE(out().find("\nTotal memory used: 0.1269 gb\n"), std::string::npos);
    EXPECT_NE(
        out().find("\nInterface: [::], port: 5672, protocol: amqp, purpose: AMQP 0-9-1\n"),
        std::string::npos);
    EXPECT_EQ(run({"status", "--formatter", "json"}), 0);
    const json::value status = json::parse(out());
    EXPECT_EQ(status.at("rabbitmq_version").as_string(), "3.13.7");
    EXPECT_EQ(status.at("totals").at("connection_count").as_int64(), 2);
}

TEST_F(RunCtl, NoBrokerIsSixtyNine) {
    EXPECT_EQ(run({"-q", "ping"}), 69);
    EXPECT_EQ(err().find("Error:\nFailed to connect and authenticate to rabbit@"), 0u) << err();
    EXPECT_EQ(run({"-q", "list_queues", "-n", "x@y"}), 69);
    EXPECT_EQ(
        err().find("Error: unable to perform an operation on node 'x@y'. Please see diagnostics "
                   "information and suggestions below.\n"),
        0u)
        << err();
}

TEST_F(RunCtl, UsageErrorsAreSixtyFour) {
    EXPECT_EQ(run({"bogus"}), 64);
    EXPECT_EQ(err().find("\nCommand 'bogus' not found. \n"), 0u);
    EXPECT_EQ(run({}), 64);
    EXPECT_EQ(run({"list_queues", "name", "bogus"}), 64);
    EXPECT_EQ(
        err().find("Error (argument validation): Info key(s) bogus are not supported\n"
                   "Arguments given:\n\tlist_queues name bogus\n"),
        0u)
        << err();
    EXPECT_EQ(run({"ping", "extra"}), 64);
    EXPECT_EQ(err().find("Error (argument validation): too many arguments.\n"), 0u);
    EXPECT_EQ(run({"list_queues", "--bogus"}), 64);
    EXPECT_EQ(
        err().find("Error (argument validation): Invalid options for this command:\n--bogus : \n"
                   "Arguments given:\n\tlist_queues --bogus\n"),
        0u)
        << err();
    EXPECT_EQ(run({"list_queues", "-t", "soon"}), 64);
    EXPECT_EQ(
        err().find(
            "Error (argument validation): Invalid options for this command:\n-t : soon\n"),
        0u)
        << err();
    EXPECT_EQ(run({"list_queues", "other,name", "bogus"}), 64);
    EXPECT_EQ(err().find("Error (argument validation): Info key(s) bogus,other are not"), 0u)
        << err();
    EXPECT_EQ(run({"ping", "--if-empty"}), 64);
    EXPECT_EQ(run({"lis_queues"}), 64);
    EXPECT_EQ(err(), "\nCommand 'lis_queues' not found. \nDid you mean 'list_queues'? \n\n");
}

TEST_F(RunCtl, Help) {
    EXPECT_EQ(run({"help"}), 0);
    EXPECT_NE(out().find("list_queues"), std::string::npos);
    EXPECT_EQ(run({"help", "list_queues"}), 0);
    EXPECT_NE(out().find("messages_ready"), std::string::npos);
    EXPECT_EQ(run({"--help"}), 0);
    EXPECT_EQ(run({"version"}), 0);
}

TEST_F(RunCtl, PluginsAreANoOp) {
    EXPECT_EQ(run({"enable", "rabbitmq_management"}, "rabbitmq-plugins"), 0);
}

TEST(ActsAsCtl, ByTheProgramsName) {
    EXPECT_TRUE(acts_as_ctl("/usr/sbin/rabbitmqctl"));
    EXPECT_TRUE(acts_as_ctl("rabbitmq-diagnostics"));
    EXPECT_FALSE(acts_as_ctl("/usr/bin/leveret"));
    EXPECT_FALSE(acts_as_ctl("rabbitmq-server"));
}

using ControlServerTest = RunCtl;

TEST_F(ControlServerTest, AnswersOneRequestAfterTheOther) {
    start();
    auto client = ControlClient::connect(directory_);
    ASSERT_TRUE(client.has_value());
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(client->ask("ping", {}, std::nullopt).value().get_bool());
    EXPECT_EQ(client->ask("nope", {}, std::nullopt).error().exit_code, 64);
}

TEST_F(ControlServerTest, RefusesWhatIsNoRequest) {
    start();
    auto socket = connect_control_socket(directory_);
    ASSERT_TRUE(socket.has_value());
    const std::string line = "what?\n";
    ASSERT_EQ(::write(socket->get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
    char answer[256] = {};
    ASSERT_GT(::read(socket->get(), answer, sizeof answer - 1), 0);
    EXPECT_STREQ(answer, "{\"error\":\"not a request\",\"code\":64}\n");
}

TEST_F(ControlServerTest, EndsAnEndlessRequest) {
    start();
    auto socket = connect_control_socket(directory_);
    ASSERT_TRUE(socket.has_value());
    const std::string line(65 * 1024 * 1024, 'x');
    std::size_t sent = 0;
    while (sent < line.size()) {
        const ssize_t size =
            ::send(socket->get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
        if (size <= 0) break;
        sent += static_cast<std::size_t>(size);
    }
    char answer[16];
    EXPECT_LE(::read(socket->get(), answer, sizeof answer), 0);
}

TEST_F(ControlServerTest, RemovesItsSocket) {
    start();
    stop();
    EXPECT_FALSE(std::filesystem::exists(directory_ / kControlSocketName));
}

TEST_F(ControlServerTest, AClientSeesTheBrokerGo) {
    start();
    auto client = ControlClient::connect(directory_);
    ASSERT_TRUE(client.has_value());
    EXPECT_TRUE(client->ask("ping", {}, std::nullopt).has_value());
    stop();
    EXPECT_EQ(client->ask("ping", {}, std::nullopt).error().exit_code, 69);
}

}  // namespace
}  // namespace lvt::broker
