#include "broker/management/definitions.h"

#include "broker/auth/password_hash.h"
#include "broker/core/topology.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace lvt::broker {
namespace {

std::string read_file(const char* name) {
    const std::ifstream file(std::string(DEFINITIONS_DIR) + "/" + name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Reads the text and applies all of it, as the core does; queues get their uids.
Definitions load(Topology& topology, std::string_view text) {
    SeededRandom random(1);
    auto definitions = read_definitions(text, "/", random);
    EXPECT_TRUE(definitions.has_value()) << definitions.error().message;
    for (MetadataCommand& command : definitions->commands) {
        if (auto* const queue = std::get_if<PutQueue>(&command))
            queue->uid = topology.next_queue_uid();
        EXPECT_TRUE(topology.apply(command).has_value());
    }
    return std::move(*definitions);
}

std::string fault_in(std::string_view text) {
    SeededRandom random(1);
    const auto definitions = read_definitions(text, "/", random);
    return definitions.has_error() ? definitions.error().message : "none";
}

TEST(Definitions, LoadsWhatRabbitMq310Exported) {
    Topology topology;
    load(topology, read_file("rabbitmq-3.10.8.json"));
    const VirtualHost* const root = topology.find_vhost("/");
    ASSERT_TRUE(root);
    EXPECT_EQ(root->find_queue("work")->settings.max_priority, 10);
    EXPECT_EQ(root->find_queue("work")->settings.message_ttl_ms, 30000u);
    EXPECT_EQ(root->find_queue("quorum")->settings.type, QueueType::quorum);
    EXPECT_EQ(root->find_exchange("in")->policy_name, "ae");
    EXPECT_EQ(root->find_exchange("unrouted")->bindings().size(), 1u);
    EXPECT_EQ(root->find_exchange("in")->bindings().size(), 2u);
    const VirtualHost* const orders = topology.find_vhost("orders");
    ASSERT_TRUE(orders);
    EXPECT_EQ(orders->find_queue("tmp.1")->settings.message_ttl_ms, 60000u);
    EXPECT_EQ(orders->find_queue("tmp.1")->settings.max_length, 10000u);
    EXPECT_EQ(find_limit(topology.definitions("orders").limits, "max-queues"), 20u);
    EXPECT_EQ(topology.definitions("orders").tags, (std::vector<Bytes>{"prod", "eu"}));
    const User* const scale = topology.find_user("scale");
    ASSERT_TRUE(scale);
    EXPECT_TRUE(verify_password("tiger", scale->password_hash));
    EXPECT_FALSE(verify_password("lion", scale->password_hash));
    const User* const app = topology.find_user("app");
    ASSERT_TRUE(app);
    EXPECT_EQ(find_limit(app->limits, "max-channels"), 50u);
    EXPECT_TRUE(app->permissions.at("orders").configure.matches("app.q"));
    EXPECT_TRUE(app->topic_permissions.at("orders").at("amq.topic").write.matches("app.x"));
    EXPECT_FALSE(verify_password("", topology.find_user("nopass")->password_hash));
}

TEST(Definitions, LoadsTheFormOfRabbitMq4) {
    Topology topology;
    const Definitions definitions = load(topology, read_file("rabbitmq-4.json"));
    const Queue* const queue = topology.find_vhost("shop")->find_queue("jobs");
    ASSERT_TRUE(queue);
    EXPECT_EQ(queue->settings.type, QueueType::quorum);
    EXPECT_EQ(queue->policy_name, "limit");
    EXPECT_EQ(queue->settings.delivery_limit, 20u);
    EXPECT_EQ(topology.definitions("shop").default_queue_type, "quorum");
    EXPECT_TRUE(verify_password("tiger", topology.find_user("sha512")->password_hash));
    EXPECT_TRUE(verify_password("tiger", topology.find_user("md5")->password_hash));
    EXPECT_TRUE(verify_password("clear", topology.find_user("clear")->password_hash));
    EXPECT_EQ(topology.find_user("md5")->tags, (std::vector<Bytes>{"monitoring", "policymaker"}));
    EXPECT_FALSE(definitions.ignored.empty());
}

TEST(Definitions, LoadingTwiceAndWhatWasWrittenChangesNothing) {
    Topology topology;
    load(topology, read_file("rabbitmq-3.10.8.json"));
    const auto once = boost::json::serialize(write_definitions(topology, "3.13.7"));
    load(topology, read_file("rabbitmq-3.10.8.json"));
    EXPECT_EQ(boost::json::serialize(write_definitions(topology, "3.13.7")), once);
    Topology again;
    load(again, once);
    EXPECT_EQ(boost::json::serialize(write_definitions(again, "3.13.7")), once);
}

TEST(Definitions, OneVirtualHostAlone) {
    SeededRandom random(1);
    Topology topology;
    ASSERT_TRUE(topology.apply(PutVhost{"v"}).has_value());
    const auto definitions = read_definitions(R"({"queues": [{"name": "q"}]})", "v", random);
    ASSERT_TRUE(definitions.has_value());
    ASSERT_EQ(definitions->commands.size(), 1u);
    EXPECT_EQ(std::get<PutQueue>(definitions->commands[0]).vhost, "v");
}

TEST(Definitions, FaultsNameTheField) {
    EXPECT_EQ(fault_in("[]"), "must be a JSON object");
    EXPECT_EQ(fault_in(R"({"queues": 1})"), "'queues' must be a list");
    EXPECT_EQ(fault_in(R"({"queues": [{"vhost": "/"}]})"), "queues[0]: field 'name' is missing");
    EXPECT_EQ(
        fault_in(R"({"queues": [{"name": "q", "durable": 1}]})"),
        "queues[0]: field 'durable' must be true or false");
    EXPECT_EQ(
        fault_in(R"({"users": [{"name": "u", "password_hash": "xx"}]})"),
        "users[0]: field 'password_hash' is no hash of ''");
    EXPECT_EQ(
        fault_in(
            R"({"policies": [{"name": "p", "pattern": "a", "definition": {"max-length": "x"}}]})"),
        "policies[0]: <<\"x\">> is not a valid maximum length");
}

}  // namespace
}  // namespace lvt::broker
