// What administrators change, seen by clients.
#include "broker/core/topology.h"
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

using Require = ChangeDefinitions::Require;

class AdminBehaviour : public ::testing::TestWithParam<std::size_t> {
protected:
    AdminBehaviour() : broker_(SimOptions{.lanes = GetParam()}) {}

    AdminReply change(std::vector<MetadataCommand> commands, Require require = Require::nothing) {
        return broker_.administer(ChangeDefinitions{std::move(commands), require});
    }
    void add_user(const Bytes& name, const Bytes& vhost = "/") {
        // The password is "p".
        const PutUser user{name, "AQIDBJdEbMXW6f+VE3iMWG11UIgf0WmDaykMvsT/nerMRhNV", {}};
        EXPECT_EQ(
            change({user, PutPermissions{name, vhost, ".*", ".*", ".*"}}).outcome,
            AdminOutcome::done);
    }
    static Bytes close_text(SimClient& client) {
        Received received = client.next();
        if (auto* close = std::get_if<amqp::ConnectionClose>(&received.method))
            return close->reply_text;
        if (auto* close = std::get_if<amqp::ChannelClose>(&received.method))
            return close->reply_text;
        return Bytes(amqp::method_name(received.method));
    }

    SimBroker broker_;
};

TEST_P(AdminBehaviour, PoliciesHoldAtOnceAndAfterARestart) {
    SimClient& client = broker_.connect();
    client.open_channel(1);
    client.declare_queue(1, "orders");
    const PutPolicy policy{
        "/", "p", false, "^ord", "queues", 1, amqp::Table().add_long("max-length", 2)};
    EXPECT_EQ(change({policy}).outcome, AdminOutcome::done);
    const auto queue = [&]() -> const Queue& {
        return *broker_.core().topology().find_vhost("/")->find_queue("orders");
    };
    EXPECT_EQ(queue().settings.max_length, 2u);
    broker_.crash();
    EXPECT_EQ(queue().policy_name, "p");
    EXPECT_EQ(queue().settings.max_length, 2u);
    EXPECT_EQ(
        change({DeletePolicy{"/", "p", false}}, Require::present).outcome, AdminOutcome::done);
    EXPECT_EQ(queue().settings.max_length, std::nullopt);
    EXPECT_EQ(
        change({DeletePolicy{"/", "p", false}}, Require::present).outcome, AdminOutcome::not_found);
}

TEST_P(AdminBehaviour, AnswersWhenItIsDurable) {
    EXPECT_EQ(change({PutVhost{"v"}}).outcome, AdminOutcome::done);
    broker_.crash();
    EXPECT_TRUE(broker_.core().topology().find_vhost("v"));
}

TEST_P(AdminBehaviour, DeletedVirtualHostTakesItsConnectionsAndQueuesAlong) {
    change({PutVhost{"v"}});
    add_user("u", "v");
    SimClient& client = broker_.connect("u", "p", "v");
    client.open_channel(1);
    client.declare_queue(1, "q");
    client.consume(1, "q");
    client.publish(1, "", "q", "one");
    broker_.run();
    EXPECT_EQ(change({DeleteVhost{"v"}}, Require::present).outcome, AdminOutcome::done);
    Bytes text;
    for (Received& received : client.take_all()) {
        if (auto* close = std::get_if<amqp::ConnectionClose>(&received.method))
            text = close->reply_text;
    }
    EXPECT_EQ(text, "CONNECTION_FORCED - vhost 'v' is deleted");
    client.send(0, amqp::ConnectionCloseOk{});
    broker_.run();
    EXPECT_EQ(change({DeleteVhost{"v"}}, Require::present).outcome, AdminOutcome::no_such_vhost);
    broker_.crash();
    EXPECT_FALSE(broker_.core().topology().find_vhost("v"));
}

TEST_P(AdminBehaviour, DeletedUserIsDisconnected) {
    add_user("u");
    SimClient& client = broker_.connect("u", "p", "/");
    EXPECT_EQ(change({DeleteUser{"u"}}, Require::present).outcome, AdminOutcome::done);
    EXPECT_EQ(close_text(client), "CONNECTION_FORCED - user 'u' is deleted");
}

TEST_P(AdminBehaviour, TopicPermissionsHoldForPublishAndBind) {
    add_user("u");
    change({PutTopicPermissions{"u", "/", "amq.topic", "^a", "^{username}$"}});
    SimClient& client = broker_.connect("u", "p", "/");
    client.open_channel(1);
    client.declare_queue(1, "q");
    amqp::QueueBind bind;
    bind.queue = "q";
    bind.exchange = "amq.topic";
    bind.routing_key = "u";
    client.call<amqp::QueueBindOk>(1, bind);
    client.publish(1, "amq.topic", "a.b", "allowed");
    client.publish(1, "amq.direct", "x.y", "of no concern");
    client.publish(1, "amq.topic", "x.y", "refused");
    EXPECT_EQ(
        close_text(client),
        "ACCESS_REFUSED - access to topic 'x.y' in exchange 'amq.topic' in vhost '/' refused for "
        "user 'u'");
    client.send(1, amqp::ChannelCloseOk{});
    client.open_channel(2);
    bind.routing_key = "x";
    client.send(2, bind);
    EXPECT_EQ(
        close_text(client),
        "ACCESS_REFUSED - access to topic 'x' in exchange 'amq.topic' in vhost '/' refused for "
        "user 'u'");
}

TEST_P(AdminBehaviour, LimitsOfVirtualHosts) {
    change({PutLimits{
        false, "/", amqp::Table().add_long("max-connections", 1).add_long("max-queues", 1)}});
    SimClient& client = broker_.connect();
    client.open_channel(1);
    client.declare_queue(1, "q");
    client.declare_queue(1, "q");
    amqp::QueueDeclare declare;
    declare.queue = "r";
    client.send(1, declare);
    EXPECT_EQ(
        close_text(client),
        "PRECONDITION_FAILED - cannot declare queue 'r': queue limit in vhost '/' (1) is reached");
    EXPECT_EQ(
        close_text(broker_.connect()),
        "NOT_ALLOWED - access to vhost '/' refused for user 'guest': connection limit (1) is "
        "reached");
}

TEST_P(AdminBehaviour, QueuesGetTheTypeThatTheirVirtualHostSets) {
    change({DescribeVhost{"/", "", {}, "quorum"}});
    SimClient& client = broker_.connect();
    client.open_channel(1);
    const auto type_of = [&](ByteView name) {
        const QueueListing queue = broker_.queue(name);
        const auto type = queue.arguments.find("x-queue-type");
        return type ? Bytes(type->string().value_or("")) : Bytes();
    };
    client.declare_queue(1, "durable");
    client.declare_queue(1, "durable");
    client.declare_queue(1, "transient", false);
    EXPECT_EQ(type_of("durable"), "quorum");
    EXPECT_EQ(type_of("transient"), "");
    amqp::QueueDeclare classic;
    classic.queue = "classic";
    classic.durable = true;
    classic.arguments.add_string("x-queue-type", "classic");
    client.call<amqp::QueueDeclareOk>(1, classic);
    EXPECT_EQ(type_of("classic"), "classic");
}

TEST_P(AdminBehaviour, LimitsOfUsers) {
    add_user("u");
    change({PutLimits{
        true, "u", amqp::Table().add_long("max-connections", 1).add_long("max-channels", 1)}});
    SimClient& client = broker_.connect("u", "p", "/");
    EXPECT_EQ(
        close_text(broker_.connect("u", "p", "/")),
        "NOT_ALLOWED - connection refused for user 'u': user connection limit (1) is reached");
    client.open_channel(1);
    client.send(2, amqp::ChannelOpen{});
    Bytes text;
    for (Received& received : client.take_all()) {
        if (auto* close = std::get_if<amqp::ConnectionClose>(&received.method))
            text = close->reply_text;
    }
    EXPECT_EQ(
        text,
        "NOT_ALLOWED - number of channels opened for user 'u' has reached the maximum allowed user "
        "limit of (1)");
}

TEST_P(AdminBehaviour, ALimitOnChannelsHoldsForConnectionsThatAreOpen) {
    add_user("u");
    SimClient& client = broker_.connect("u", "p", "/");
    client.open_channel(1);
    change({PutLimits{true, "u", amqp::Table().add_long("max-channels", 2)}});
    client.open_channel(2);
    change({PutLimits{true, "u", {}}});
    client.open_channel(3);
    change({PutLimits{true, "u", amqp::Table().add_long("max-channels", 3)}});
    client.send(4, amqp::ChannelOpen{});
    EXPECT_EQ(
        close_text(client),
        "NOT_ALLOWED - number of channels opened for user 'u' has reached the maximum allowed user "
        "limit of (3)")
        << "no open-ok comes before it";
}

TEST_P(AdminBehaviour, RefusalsSayWhatWasMissing) {
    EXPECT_EQ(change({PutUser{"guest", "", {}}}, Require::absent).outcome, AdminOutcome::exists);
    EXPECT_EQ(change({PutPermissions{"x", "/", "", "", ""}}).outcome, AdminOutcome::no_such_user);
    EXPECT_EQ(
        change({PutPermissions{"guest", "x", "", "", ""}}).outcome, AdminOutcome::no_such_vhost);
    EXPECT_EQ(change({PutPermissions{"guest", "/", "[", "", ""}}).outcome, AdminOutcome::invalid);
    EXPECT_EQ(
        change({PutBinding{"/", "amq.topic", true, "nobody", "", {}}}).text,
        "no queue 'nobody' in vhost '/'");
}

INSTANTIATE_TEST_SUITE_P(Modes, AdminBehaviour, ::testing::Values(0, 3), [](const auto& info) {
    return info.param ? "ThreeLanes" : "Inline";
});

}  // namespace
}  // namespace lvt::broker
