// Verbs that act: what they ask of the broker, what they print. What is expected was printed by rabbitmqctl 3.10.8.
#include "tests/broker/ctl/ctl_fixture.h"

namespace lvt::broker {
namespace {

class OperateVerbs : public RunCtl {
protected:
    /// The last request's arguments as JSON.
    std::string asked() const { return json::serialize(answers_.requests.back().second); }
    void answer(const std::string& verb, json::value value) {
        answers_.answers[verb] = {value, "", 0};
    }
    void refuse(const std::string& verb, const std::string& text, int code) {
        answers_.answers[verb] = ControlAnswer::refusal(text, code);
    }
};

TEST_F(OperateVerbs, PurgeQueue) {
    answer("purge_queue", 3);
    start();
    EXPECT_EQ(run({"purge_queue", "qa", "-p", "v"}), 0);
    EXPECT_EQ(out(), "Purging queue 'qa' in vhost 'v' ...\n");
    EXPECT_EQ(asked(), R"({"vhost":"v","queue":"qa"})");
    EXPECT_EQ(run({"--formatter", "json", "purge_queue", "qa"}), 0);
    EXPECT_EQ(out(), "{\"node\":\"rabbit@h\",\"result\":\"ok\"}\n");
    EXPECT_EQ(run({"purge_queue"}), 64);
    EXPECT_EQ(
        err().find("Error (argument validation): not enough arguments.\n"
                   "Arguments given:\n\tpurge_queue\n"),
        0u);
}

TEST_F(OperateVerbs, PurgeOfNothing) {
    refuse("purge_queue", "not_found", 69);
    start();
    EXPECT_EQ(run({"-q", "purge_queue", "nope"}), 69);
    EXPECT_EQ(err(), "Error:\nnot_found\n");
}

TEST_F(OperateVerbs, DeleteQueue) {
    answer("delete_queue", 7);
    start();
    EXPECT_EQ(run({"delete_queue", "qa", "-e", "--if-unused"}), 0);
    EXPECT_EQ(
        out(),
        "Deleting queue 'qa' on vhost '/' if queue is empty and if queue is unused ...\n"
        "Queue was successfully deleted with 7 ready messages\n");
    EXPECT_EQ(asked(), R"({"vhost":"/","queue":"qa","if_empty":true,"if_unused":true})");
    EXPECT_EQ(run({"delete_queue", "qa", "--formatter", "json"}), 0);
    EXPECT_EQ(out(), "{\"message\":\"Queue was successfully deleted with 7 ready messages\"}\n");
}

TEST_F(OperateVerbs, CloseConnection) {
    answer("close_connections", 1);
    start();
    EXPECT_EQ(run({"close_connection", "<rabbit@h.1.2.0>", "go away"}), 0);
    EXPECT_EQ(out(), "Closing connection <rabbit@h.1.2.0>, reason: go away...\n");
    EXPECT_EQ(asked(), R"({"pids":["<rabbit@h.1.2.0>"],"reason":"go away"})");
}

TEST_F(OperateVerbs, CloseAllConnections) {
    answer("close_connections", 1);
    answer(
        "list_connections",
        json::array{
            {{"pid", "<a>"}, {"vhost", "/"}},
            {{"pid", "<b>"}, {"vhost", "v"}},
            {{"pid", "<c>"}, {"vhost", "/"}}});
    start();
    EXPECT_EQ(run({"close_all_connections", "r"}), 0);
    EXPECT_EQ(out(), "Closing all connections in vhost /, reason: r...\nClosed 2 connections\n");
    EXPECT_EQ(asked(), R"({"pids":["<a>","<c>"],"reason":"r"})");
    EXPECT_EQ(run({"close_all_connections", "--limit", "1", "-p", "/", "r"}), 0);
    EXPECT_EQ(out(), "Closing 1 connections in vhost /, reason: r...\nClosed 1 connections\n");
    EXPECT_EQ(run({"close_all_connections", "--global", "--per-connection-delay", "1", "r"}), 0);
    EXPECT_EQ(
        out(),
        "Closing all connections to node rabbit@h (across all vhosts), reason: r...\n"
        "Closed 3 connections\n");
    EXPECT_EQ(asked(), R"({"pids":["<c>"],"reason":"r"})");
    EXPECT_EQ(run({"close_all_connections", "--formatter", "json", "r"}), 0);
    EXPECT_EQ(
        out(), "{\"node\":\"rabbit@h\",\"result\":\"ok\",\"value\":\"Closed 2 connections\"}\n");
    EXPECT_EQ(run({"close_all_connections", "--limit", "abc", "r"}), 64);
    EXPECT_NE(err().find("command:\n--limit : abc\n"), std::string::npos) << err();
}

TEST_F(OperateVerbs, Tracing) {
    answer("trace_on", true);
    answer("trace_off", true);
    start();
    EXPECT_EQ(run({"trace_on", "-p", "v"}), 0);
    EXPECT_EQ(out(), "Starting tracing for vhost \"v\" ...\nTrace enabled for vhost v\n");
    EXPECT_EQ(asked(), R"({"vhost":"v"})");
    EXPECT_EQ(run({"trace_off"}), 0);
    EXPECT_EQ(out(), "Stopping tracing for vhost \"/\" ...\nTrace disabled for vhost /\n");
}

TEST_F(OperateVerbs, MemoryWatermark) {
    answer("set_vm_memory_high_watermark", true);
    start();
    EXPECT_EQ(run({"set_vm_memory_high_watermark", "0.5"}), 0);
    EXPECT_EQ(out(), "Setting memory threshold on rabbit@h to 0.5 ...\n");
    EXPECT_EQ(answers_.requests.back().second.at("fraction").as_double(), 0.5);
    EXPECT_EQ(run({"set_vm_memory_high_watermark", "absolute", "1GiB"}), 0);
    EXPECT_EQ(out(), "Setting memory threshold on rabbit@h to 1GiB bytes ...\n");
    EXPECT_EQ(asked(), R"({"bytes":1073741824})");
    EXPECT_EQ(run({"set_vm_memory_high_watermark", "1.5"}), 65);
    EXPECT_EQ(
        err().find("Error (argument validation): Bad argument: The threshold should be a fraction "
                   "between 0.0 and 1.0\n"),
        0u);
    EXPECT_EQ(run({"set_vm_memory_high_watermark", "abc"}), 65);
    EXPECT_EQ(err().find("Error (argument validation): Bad argument.\n"), 0u);
    EXPECT_EQ(run({"set_vm_memory_high_watermark", "absolute", "abc"}), 65);
    EXPECT_EQ(run({"set_vm_memory_high_watermark", "absolute"}), 64);
}

TEST_F(OperateVerbs, DiskLimit) {
    answer("set_disk_free_limit", true);
    start();
    EXPECT_EQ(run({"set_disk_free_limit", "100MB"}), 0);
    EXPECT_EQ(out(), "Setting disk free limit on rabbit@h to 100MB bytes ...\n");
    EXPECT_EQ(asked(), R"({"bytes":100000000})");
    EXPECT_EQ(run({"set_disk_free_limit", "mem_relative", "1.5"}), 0);
    EXPECT_EQ(out(), "Setting disk free limit on rabbit@h to 1.5 times the total RAM ...\n");
    EXPECT_EQ(run({"set_disk_free_limit", "abc"}), 65);
}

TEST_F(OperateVerbs, AStoppedAppTakesFewVerbs) {
    answers_.status["app_running"] = false;
    answer("start_app", true);
    start();
    EXPECT_EQ(run({"list_queues"}), 64);
    EXPECT_EQ(
        err().find("Error: this command requires the 'rabbit' app to be running on the target "
                   "node. Start it with 'rabbitmqctl start_app'.\n"
                   "Arguments given:\n\tlist_queues\n\nUsage\n"),
        0u)
        << err();
    EXPECT_EQ(run({"check_running"}, "rabbitmq-diagnostics"), 69);
    EXPECT_EQ(
        err(),
        "Error:\nRabbitMQ on node rabbit@h is not running or has not fully booted yet (check with "
        "is_booting)\n");
    EXPECT_EQ(run({"ping"}), 0);
    EXPECT_EQ(run({"start_app"}), 0);
    EXPECT_EQ(out(), "Starting node rabbit@h ...\n");
}

TEST_F(OperateVerbs, ListsInTheWordsOfRabbitmqctl) {
    answer(
        "list_bindings",
        json::array{
            {{"source_name", ""},
             {"source_kind", "exchange"},
             {"destination_name", "q"},
             {"destination_kind", "queue"},
             {"routing_key", "q"},
             {"arguments", json::array{}}}});
    answer("list_exchanges", json::array{{{"name", ""}, {"type", "direct"}}});
    answer("list_channels", json::array{});
    answer("list_consumers", json::array{});
    start();
    EXPECT_EQ(run({"list_bindings"}), 0);
    EXPECT_EQ(
        out(),
        "Listing bindings for vhost /...\n"
        "source_name\tsource_kind\tdestination_name\tdestination_kind\trouting_key\targuments\n"
        "\texchange\tq\tqueue\tq\t[]\n");
    EXPECT_EQ(run({"list_exchanges"}), 0);
    EXPECT_EQ(out(), "Listing exchanges for vhost / ...\nname\ttype\n\tdirect\n");
    EXPECT_EQ(run({"list_channels"}), 0);
    EXPECT_EQ(out(), "Listing channels ...\n");
    EXPECT_EQ(
        asked(),
        R"({"vhost":"/","columns":["pid","user","consumer_count","messages_unacknowledged"]})");
    EXPECT_EQ(run({"list_consumers", "-p", "v"}), 0);
    EXPECT_EQ(out(), "Listing consumers in vhost v ...\n");
    EXPECT_EQ(run({"list_queues", "--offline"}), 0);
    EXPECT_EQ(asked(), R"({"vhost":"/","columns":["name","messages"],"offline":true})");
    EXPECT_EQ(run({"list_unresponsive_queues"}), 0);
    EXPECT_EQ(asked(), R"({"vhost":"/","columns":["name","messages"],"offline":true})");
}

TEST_F(OperateVerbs, TablesInErlangsNotation) {
    const json::array table{
        json::array{"x-b", "bool", true},
        json::array{"x-n", "void", "undefined"},
        json::array{
            "x-list",
            "array",
            json::array{
                json::array{"signedint", 1},
                json::array{"longstr", "two"},
                json::array{"table", json::array{json::array{"k", "binary", "v"}}}}},
        json::array{"x-tab", "table", json::array{json::array{"z", "signedint", -3}}},
        json::array{"x-bytes", "binary", json::array{97, 98, 0, 255}},
        json::array{"x-u", "longstr", "ü\"q\\"}};
    answer("list_queues", json::array{{{"name", "q"}, {"arguments", table}}});
    answer("list_connections", json::array{{{"protocol", json::array{0, 9, 1}}}});
    start();
    EXPECT_EQ(run({"-s", "list_queues", "arguments"}), 0);
    EXPECT_EQ(
        out(),
        R"([{"x-b",true},{"x-n",undefined},{"x-list",[1,"two",[{"k",<<"v">>}]]},{"x-tab",[{"z",-3}]},)"
        R"({"x-bytes",<<97,98,0,255>>},{"x-u","ü\"q\\"}])"
        "\n");
    EXPECT_EQ(run({"-s", "list_connections", "protocol"}), 0);
    EXPECT_EQ(out(), "{0,9,1}\n");
}

TEST_F(OperateVerbs, MoreHealthChecks) {
    start();
    EXPECT_EQ(run({"-q", "check_protocol_listener", "amqp"}, "rabbitmq-diagnostics"), 0);
    EXPECT_EQ(out(), "A listener for protocol amqp is running on node rabbit@h.\n");
    EXPECT_EQ(run({"-q", "check_protocol_listener", "mqtt"}, "rabbitmq-diagnostics"), 69);
    EXPECT_EQ(run({"-q", "check_port_listener", "abc"}, "rabbitmq-diagnostics"), 65);
    EXPECT_EQ(run({"-q", "check_port_listener", "1"}, "rabbitmq-diagnostics"), 69);
    EXPECT_EQ(
        err(),
        "No listener for port 1 is active on node rabbit@h. Found listeners that use the following "
        "ports: 5672\n");
    EXPECT_EQ(run({"check_certificate_expiration", "--within", "1", "--unit", "weeks"}), 0);
    EXPECT_EQ(
        out(),
        "Checking certificate expiration on node rabbit@h ...\n"
        "No certificates are expiring within 1 week.\n");
    EXPECT_EQ(run({"--formatter", "json", "alarms"}), 0);
    EXPECT_EQ(out(), "{\"alarms\":[],\"node\":\"rabbit@h\",\"result\":\"ok\"}\n");
}

TEST_F(OperateVerbs, TimeoutZeroIsOver) {
    start();
    EXPECT_EQ(run({"-t", "0", "list_queues", "-n", "rabbit@h"}), 75);
    EXPECT_EQ(
        err(), "Error: operation list_queues on node rabbit@h timed out. Timeout value used: 0\n");
}

TEST_F(OperateVerbs, ThereIsNoErlang) {
    start();
    EXPECT_EQ(run({"eval", "1+1."}), 69);
    EXPECT_EQ(err(), "Error:\neval is not supported: the broker has no Erlang runtime\n");
}

TEST_F(OperateVerbs, PluginsAreListedAsNone) {
    EXPECT_EQ(run({"list"}, "rabbitmq-plugins"), 0);
    EXPECT_EQ(out(), "Listing plugins with pattern \".*\" ...\n");
    EXPECT_EQ(run({"list", "-m", "-e"}, "rabbitmq-plugins"), 0);
    EXPECT_EQ(run({"enable", "--offline", "rabbitmq_management"}, "rabbitmq-plugins"), 0);
    EXPECT_EQ(run({"is_enabled", "rabbitmq_management"}, "rabbitmq-plugins"), 69);
}

}  // namespace
}  // namespace lvt::broker
