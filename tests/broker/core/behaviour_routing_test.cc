// What clients see of exchanges and arguments: alternate exchanges, copies, direct reply-to, refusals. Every case runs with the lane
// inline, and with three lanes in several seeds' orders.
#include "protocol/amqp/frame.h"
#include "protocol/amqp/properties.h"
#include "tests/broker/core/sim_broker.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

using amqp::PropertiesBuilder;
using amqp::Table;

struct Mode {
    std::size_t lanes;
    std::uint64_t seed;
};

class Routing : public testing::TestWithParam<Mode> {
protected:
    static SimOptions options() {
        SimOptions options;
        options.lanes = GetParam().lanes;
        options.seed = GetParam().seed;
        return options;
    }
    SimClient& client() {
        SimClient& client = broker.connect();
        client.open_channel(1);
        return client;
    }
    static void exchange(
        SimClient& c, ByteView name, ByteView type, ByteView alternate = {},
        const Table& arguments = {}) {
        amqp::ExchangeDeclare declare;
        declare.exchange = name;
        declare.type = type;
        declare.arguments = arguments;
        if (!alternate.empty()) declare.arguments.add_string("alternate-exchange", alternate);
        c.call<amqp::ExchangeDeclareOk>(1, declare);
    }
    static void bind(
        SimClient& c, ByteView queue, ByteView exchange, ByteView key,
        const Table& arguments = {}) {
        amqp::QueueBind bind;
        bind.queue = queue;
        bind.exchange = exchange;
        bind.routing_key = key;
        bind.arguments = arguments;
        c.call<amqp::QueueBindOk>(1, bind);
    }
    static void publish(
        SimClient& c, ByteView exchange, ByteView key, ByteView body,
        const PropertiesBuilder& properties, bool mandatory = false) {
        amqp::BasicPublish publish;
        publish.exchange = exchange;
        publish.routing_key = key;
        publish.mandatory = mandatory;
        c.send(1, publish);
        Bytes frames;
        amqp::encode_header_frame(
            frames, 1, body.size(), amqp::Properties(properties.build()).bytes());
        amqp::encode_body_frames(frames, 1, body, 131'072);
        c.send_bytes(frames);
    }
    static Table keys(ByteView header, std::initializer_list<ByteView> values) {
        Bytes array;
        for (const ByteView value : values) amqp::append_value(array, {'S', value});
        Table table;
        table.add_value(header, {'A', array});
        return table;
    }
    /// The reply text of the error that this method ends the channel with; it is opened again.
    static Bytes refusal(SimClient& c, const amqp::Method& method) {
        c.send(1, method);
        return refusal(c);
    }
    static Bytes refusal(SimClient& c) {
        const Bytes text = c.expect<amqp::ChannelClose>().reply_text;
        c.send(1, amqp::ChannelCloseOk{});
        c.open_channel(1);
        return text;
    }
    static amqp::QueueDeclare queue(ByteView name, const Table& arguments) {
        amqp::QueueDeclare declare;
        declare.queue = name;
        declare.durable = true;
        declare.arguments = arguments;
        return declare;
    }

    SimBroker broker{options()};
};

INSTANTIATE_TEST_SUITE_P(
    Modes, Routing, testing::Values(Mode{0, 1}, Mode{3, 1}, Mode{3, 2}), [](const auto& info) {
        return info.param.lanes ? "ThreeLanesSeed" + std::to_string(info.param.seed)
                                : std::string("Inline");
    });

TEST_P(Routing, RefusesWhatArgumentsMayNotSay) {
    SimClient& c = client();
    const auto text = [&](const Table& arguments) { return refusal(c, queue("q", arguments)); };
    const auto invalid = [](ByteView argument, ByteView why) {
        return "PRECONDITION_FAILED - invalid arg '" + Bytes(argument) +
               "' for queue 'q' in vhost '/'" + Bytes(why);
    };
    EXPECT_EQ(
        text(Table().add_string("x-message-ttl", "5")),
        invalid("x-message-ttl", ": \"expected integer, got longstr\""));
    EXPECT_EQ(
        text(Table().add_int("x-max-length", -1)),
        invalid("x-max-length", ": {value_negative,-1}"));
    EXPECT_EQ(text(Table().add_int("x-expires", 0)), invalid("x-expires", ": {value_zero,0}"));
    EXPECT_EQ(
        text(Table().add_long("x-expires", 315'360'000'001)),
        invalid("x-expires", ": {value_too_large,315360000001}"));
    EXPECT_EQ(
        text(Table().add_int("x-max-priority", 256)),
        invalid("x-max-priority", ": {max_value_exceeded,256}"));
    EXPECT_EQ(
        text(Table().add_string("x-overflow", "zz")), invalid("x-overflow", ": invalid_overflow"));
    EXPECT_EQ(
        text(Table().add_string("x-dead-letter-routing-key", "k")),
        invalid("x-dead-letter-routing-key", ": routing_key_but_no_dlx_defined"));
    EXPECT_EQ(
        text(Table().add_int("x-dead-letter-exchange", 1)),
        "PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue "
        "'q' in vhost '/'");
    EXPECT_EQ(
        text(Table().add_string("x-queue-type", "stream")),
        invalid("x-queue-type", ": \"unsupported queue type 'stream'\""));
    EXPECT_EQ(
        text(Table().add_int("x-delivery-limit", 3)),
        invalid("x-delivery-limit", " of queue type rabbit_classic_queue"));
    Table quorum;
    quorum.add_string("x-queue-type", "quorum");
    EXPECT_EQ(
        text(Table(quorum).add_int("x-max-priority", 3)),
        invalid("x-max-priority", " of queue type rabbit_quorum_queue"));
    amqp::QueueDeclare transient = queue("q", quorum);
    transient.durable = false;
    EXPECT_EQ(
        refusal(c, transient),
        "PRECONDITION_FAILED - invalid property 'non-durable' for queue 'q' in vhost '/'");
    c.call<amqp::QueueDeclareOk>(1, queue("q", quorum));
}

TEST_P(Routing, ComparesArgumentsByValue) {
    SimClient& c = client();
    c.call<amqp::QueueDeclareOk>(1, queue("q", Table().add_int("x-message-ttl", 5)));
    c.call<amqp::QueueDeclareOk>(1, queue("q", Table().add_long("x-message-ttl", 5)));
    EXPECT_EQ(
        refusal(c, queue("q", Table().add_int("x-message-ttl", 6))),
        "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': "
        "received '6' but current is '5'");
    EXPECT_EQ(
        refusal(c, queue("q", {})),
        "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': "
        "received none but current is the value '5' of type 'signedint'");
    c.call<amqp::QueueDeclareOk>(1, queue("plain", {}));
    c.call<amqp::QueueDeclareOk>(1, queue("plain", Table().add_string("x-queue-type", "classic")));
    c.call<amqp::QueueDeclareOk>(1, queue("plain", Table().add_string("x-unknown", "any")));
}

TEST_P(Routing, RefusesConsumersWithSenselessPriority) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    amqp::BasicConsume consume;
    consume.queue = "q";
    consume.consumer_tag = "t";
    consume.arguments.add_string("x-priority", "high");
    EXPECT_EQ(
        refusal(c, consume),
        "PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': \"expected "
        "integer, got longstr\"");
}

TEST_P(Routing, AlternateExchangeTakesWhatFindsNoQueue) {
    SimClient& c = client();
    for (const char* const name : {"plain", "rest"}) c.declare_queue(1, name);
    exchange(c, "last", "fanout");
    exchange(c, "middle", "direct", "last");
    exchange(c, "first", "direct", "middle");
    bind(c, "rest", "last", "");
    c.publish(1, "first", "k", "no queue", true, true);
    EXPECT_EQ(c.get(1, "rest")->body, "no queue");
    bind(c, "plain", "first", "k");
    c.publish(1, "first", "k", "its own queue", true, true);
    EXPECT_EQ(c.get(1, "plain")->body, "its own queue");
    EXPECT_FALSE(c.get(1, "rest"));
}

TEST_P(Routing, AlternateExchangesMayFormACycleOrBeMissing) {
    SimClient& c = client();
    exchange(c, "a", "direct", "b");
    exchange(c, "b", "direct", "a");
    exchange(c, "c", "direct", "missing");
    for (const char* const name : {"a", "c"}) {
        c.publish(1, name, "k", "back", true, true);
        EXPECT_EQ(c.expect<amqp::BasicReturn>().reply_text, "NO_ROUTE");
    }
    exchange(c, "missing", "fanout");
    c.declare_queue(1, "q");
    bind(c, "q", "missing", "");
    c.publish(1, "c", "k", "found", true, true);
    EXPECT_EQ(c.get(1, "q")->body, "found") << "no route of before is kept";
}

TEST_P(Routing, CopiesGoWhereCcAndBccSay) {
    SimClient& c = client();
    for (const char* const name : {"a", "b", "c"}) c.declare_queue(1, name);
    Table headers = keys("CC", {"b", "a"});
    headers.add_value("BCC", *keys("BCC", {"c", "b"}).find("BCC"));
    headers.add_int("kept", 1);
    publish(c, "", "a", "m", PropertiesBuilder().set_headers(headers));
    Table without = keys("CC", {"b", "a"});
    without.add_int("kept", 1);
    for (const char* const name : {"a", "b", "c"}) {
        const auto got = c.get(1, name);
        ASSERT_TRUE(got) << name;
        EXPECT_EQ(std::get<amqp::BasicGetOk>(got->method).routing_key, "a");
        EXPECT_EQ(amqp::Properties(got->properties).headers(), without.bytes());
        EXPECT_FALSE(c.get(1, name)) << "one copy a queue";
    }
}

TEST_P(Routing, CopiesCountForMandatory) {
    SimClient& c = client();
    c.declare_queue(1, "q");
    const auto to = [&](ByteView key) {
        publish(c, "", "nowhere", "m", PropertiesBuilder().set_headers(keys("BCC", {key})), true);
    };
    to("q");
    EXPECT_EQ(c.get(1, "q")->body, "m");
    to("nowhere either");
    EXPECT_EQ(c.expect<amqp::BasicReturn>().routing_key, "nowhere");
}

TEST_P(Routing, RefusesCcThatIsNoArray) {
    SimClient& c = client();
    publish(c, "", "q", "m", PropertiesBuilder().set_headers(Table().add_string("CC", "b")));
    EXPECT_EQ(
        refusal(c),
        "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"CC\",longstr}");
}

TEST_P(Routing, TransactionsKeepTheirCopies) {
    SimClient& c = client();
    for (const char* const name : {"a", "b"}) c.declare_queue(1, name);
    c.call<amqp::TxSelectOk>(1, amqp::TxSelect{});
    publish(c, "", "a", "m", PropertiesBuilder().set_headers(keys("BCC", {"b"})));
    c.call<amqp::TxCommitOk>(1, amqp::TxCommit{});
    EXPECT_EQ(c.get(1, "a")->body, "m");
    EXPECT_EQ(c.get(1, "b")->body, "m");
}

TEST_P(Routing, RepliesFindTheirWay) {
    SimClient& asks = client();
    SimClient& answers = client();
    answers.declare_queue(1, "work");
    asks.consume(1, "amq.rabbitmq.reply-to", true, "replies");
    const auto question =
        PropertiesBuilder().set_text(amqp::property::kReplyTo, "amq.rabbitmq.reply-to");
    publish(asks, "", "work", "question", question);
    asks.take_all();
    const auto got = answers.get(1, "work");
    const Bytes way(*amqp::Properties(got->properties).reply_to());
    EXPECT_TRUE(way.starts_with("amq.rabbitmq.reply-to."));
    EXPECT_GT(way.size(), 40u);
    amqp::QueueDeclare passive;
    passive.queue = way;
    passive.passive = true;
    EXPECT_EQ(answers.call<amqp::QueueDeclareOk>(1, passive).consumer_count, 1u);
    answers.publish(1, "", way, "answer", true, true);
    EXPECT_TRUE(answers.take_all().empty()) << "a reply that arrives is no return";
    const Received reply = asks.next();
    const auto& deliver = std::get<amqp::BasicDeliver>(reply.method);
    EXPECT_EQ(reply.body, "answer");
    EXPECT_EQ(deliver.consumer_tag, "replies");
    EXPECT_EQ(deliver.exchange, "");
    EXPECT_EQ(deliver.routing_key, way);

    asks.call<amqp::BasicCancelOk>(1, amqp::BasicCancel{"replies", false});
    answers.publish(1, "", way, "late", true, true);
    EXPECT_EQ(answers.expect<amqp::BasicReturn>().reply_text, "NO_ROUTE");
    EXPECT_EQ(refusal(answers, passive), "NOT_FOUND - no queue '" + way + "' in vhost '/'");
}

TEST_P(Routing, ReplyConsumersHaveRules) {
    SimClient& c = client();
    const auto asks =
        PropertiesBuilder().set_text(amqp::property::kReplyTo, "amq.rabbitmq.reply-to");
    publish(c, "", "q", "m", asks);
    EXPECT_EQ(refusal(c), "PRECONDITION_FAILED - fast reply consumer does not exist");
    amqp::BasicConsume consume;
    consume.queue = "amq.rabbitmq.reply-to";
    EXPECT_EQ(refusal(c, consume), "PRECONDITION_FAILED - reply consumer cannot acknowledge");
    consume.no_ack = true;
    c.call<amqp::BasicConsumeOk>(1, consume);
    EXPECT_EQ(refusal(c, consume), "PRECONDITION_FAILED - reply consumer already set");
    publish(c, "", "q", "m", asks);
    EXPECT_EQ(refusal(c), "PRECONDITION_FAILED - fast reply consumer does not exist")
        << "it went with its channel";
}

TEST_P(Routing, ConsistentHashKeepsKeysTogether) {
    SimClient& c = client();
    exchange(c, "hash", "x-consistent-hash");
    for (const char* const name : {"a", "b", "c"}) {
        c.declare_queue(1, name);
        bind(c, name, "hash", name == Bytes("c") ? "2" : "1");
    }
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 200; ++i) c.publish(1, "hash", std::to_string(i), std::to_string(i));
    }
    c.take_all();
    std::size_t all = 0;
    for (const char* const name : {"a", "b", "c"}) {
        std::map<Bytes, int> seen;
        while (const auto got = c.get(1, name)) ++seen[got->body];
        for (const auto& [body, count] : seen) EXPECT_EQ(count, 2) << body;
        EXPECT_GT(seen.size(), 20u);
        all += seen.size();
    }
    EXPECT_EQ(all, 200u);
    amqp::QueueBind wrong;
    wrong.queue = "a";
    wrong.exchange = "hash";
    wrong.routing_key = "0";
    EXPECT_EQ(refusal(c, wrong), "PRECONDITION_FAILED - The binding key must be greater than 0");
    wrong.routing_key = "half";
    EXPECT_EQ(
        refusal(c, wrong),
        "PRECONDITION_FAILED - The binding key must be an integer: <<\"half\">>");
}

TEST_P(Routing, ConsistentHashOfAHeader) {
    SimClient& c = client();
    exchange(c, "hash", "x-consistent-hash", {}, Table().add_string("hash-header", "who"));
    for (const char* const name : {"a", "b"}) {
        c.declare_queue(1, name);
        bind(c, name, "hash", "1");
    }
    for (int i = 0; i < 60; ++i) {
        publish(c, "hash", "same", "m", PropertiesBuilder().set_headers(Table().add_int("who", i)));
    }
    c.take_all();
    EXPECT_GT(broker.queue("a").messages_ready, 10u);
    EXPECT_GT(broker.queue("b").messages_ready, 10u);
}

TEST_P(Routing, RandomExchangeChoosesOne) {
    SimClient& c = client();
    exchange(c, "any", "x-random");
    for (const char* const name : {"a", "b"}) {
        c.declare_queue(1, name);
        bind(c, name, "any", "");
    }
    for (int i = 0; i < 60; ++i) c.publish(1, "any", "k", "m");
    c.take_all();
    EXPECT_EQ(broker.queue("a").messages_ready + broker.queue("b").messages_ready, 60u);
    EXPECT_GT(broker.queue("a").messages_ready, 10u);
    EXPECT_GT(broker.queue("b").messages_ready, 10u);
}

TEST_P(Routing, TheFirehoseHearsOfEverything) {
    SimClient& c = client();
    for (const char* const name : {"q", "trace"}) c.declare_queue(1, name);
    bind(c, "trace", "amq.rabbitmq.trace", "#");
    c.publish(1, "", "q", "before");
    c.get(1, "q");
    ASSERT_TRUE(broker.core().set_tracing("/", true));
    EXPECT_FALSE(broker.core().set_tracing("nowhere", true));
    publish(c, "", "q", "m", PropertiesBuilder().set_headers(Table().add_int("a", 1)));
    EXPECT_EQ(c.get(1, "q")->body, "m");
    for (const char* const key : {"publish.", "deliver.q"}) {
        const auto heard = c.get(1, "trace");
        ASSERT_TRUE(heard);
        EXPECT_EQ(std::get<amqp::BasicGetOk>(heard->method).routing_key, key);
        EXPECT_EQ(heard->body, "m");
        const Bytes properties = heard->properties;
        const amqp::TableView headers(*amqp::Properties(properties).headers());
        EXPECT_EQ(headers.find("exchange_name")->string(), "");
        EXPECT_EQ(headers.find("user")->string(), "guest");
        EXPECT_EQ(headers.find("routed_queues").has_value(), key == Bytes("publish."));
        EXPECT_EQ(headers.find("redelivered").has_value(), key == Bytes("deliver.q"));
    }
    EXPECT_FALSE(c.get(1, "trace")) << "what it says is not traced itself";
    broker.core().set_tracing("/", false);
    c.publish(1, "", "q", "after");
    c.take_all();
    EXPECT_FALSE(c.get(1, "trace"));
}

TEST_P(Routing, NamesThatAreNotForClients) {
    SimClient& c = client();
    EXPECT_EQ(
        refusal(c, queue("amq.mine", {})),
        "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'");
    amqp::ExchangeDelete gone;
    gone.exchange = "amq.never";
    EXPECT_EQ(
        refusal(c, gone),
        "ACCESS_REFUSED - deletion of system exchange 'amq.never' in vhost '/' not allowed");
    amqp::QueueBind bind;
    bind.queue = "nope";
    bind.exchange = "neither";
    EXPECT_EQ(refusal(c, bind), "NOT_FOUND - no exchange 'neither' in vhost '/'");
    amqp::QueueDeclare passive;
    passive.passive = true;
    EXPECT_EQ(refusal(c, passive), "NOT_FOUND - no queue '' in vhost '/'");
}

}  // namespace
}  // namespace lvt::broker
