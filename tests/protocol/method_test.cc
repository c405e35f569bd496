#include "protocol/amqp/method.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/protocol/random_amqp.h"

namespace lvt::amqp {
namespace {

Bytes encoded(const Method& method) {
    Bytes out;
    ByteWriter writer(out);
    encode_method(method, writer);
    return out;
}

template <class M>
M decoded(ByteView payload) {
    auto method = decode_method(payload);
    EXPECT_TRUE(method.has_value());
    return std::get<M>(method.value());
}

TEST(Method, AllRoundTripWithRandomContents) {
    const auto seed = test_seed();
    RandomAmqp random(seed);
    for (int round = 0; round < 40; ++round) {
        SCOPED_TRACE(trace(seed, round));
        for (std::size_t i = 0; i < std::variant_size_v<Method>; ++i) {
            const Method method = random.method(i);
            const auto back = decode_method(encoded(method));
            ASSERT_TRUE(back.has_value()) << method_name(method);
            ASSERT_EQ(*back, method) << method_name(method);
        }
    }
}

TEST(Method, AllRejectEveryTruncationAndTrailingOctets) {
    const auto seed = test_seed();
    RandomAmqp random(seed);
    for (std::size_t i = 0; i < std::variant_size_v<Method>; ++i) {
        const Method method = random.method(i);
        const Bytes payload = encoded(method);
        for (std::size_t size = 0; size < payload.size(); ++size) {
            const auto cut = decode_method(ByteView(payload).substr(0, size));
            ASSERT_TRUE(cut.has_error()) << method_name(method) << " cut to " << size;
            EXPECT_TRUE(cut.error().closes_connection());
        }
        EXPECT_EQ(decode_method(payload + "x").error().code, ReplyCode::frame_error);
    }
}

TEST(Method, KnowsEveryMethodOfTheProtocolOnce) {
    std::set<Bytes> names;
    RandomAmqp random(1);
    for (std::size_t i = 0; i < std::variant_size_v<Method>; ++i) {
        names.insert(method_name(random.method(i)));
    }
    EXPECT_EQ(names.size(), std::variant_size_v<Method>);
    for (const char* name :
         {"connection.blocked", "connection.unblocked", "connection.update-secret",
          "connection.update-secret-ok", "access.request", "exchange.bind", "exchange.unbind",
          "basic.nack", "confirm.select", "tx.rollback", "basic.recover-async"}) {
        EXPECT_TRUE(names.contains(name)) << name;
    }
}

TEST(Method, ContentBelongsToFourMethods) {
    std::set<Bytes> names;
    RandomAmqp random(1);
    for (std::size_t i = 0; i < std::variant_size_v<Method>; ++i) {
        Method method = random.method(i);
        std::visit([&](auto& m) { if (m.kHasContent) names.insert(m.kName); }, method);
    }
    EXPECT_EQ(
        names,
        (std::set<Bytes>{"basic.publish", "basic.return", "basic.deliver", "basic.get-ok"}));
}

TEST(Method, WireFormOfQueueDeclare) {
    QueueDeclare declare;
    declare.queue = "q";
    declare.durable = true;
    declare.no_wait = true;
    declare.arguments.add_bool("a", true);
    const Bytes payload("\0\x32\0\x0a\0\0\1q\x12\0\0\0\4\1at\1", 17);
    EXPECT_EQ(encoded(declare), payload);
    EXPECT_EQ(decoded<QueueDeclare>(payload), declare);
}

TEST(Method, BitsBeyondThoseKnownAreIgnored) {
    const auto publish = decoded<BasicPublish>(ByteView("\0\x3c\0\x28\0\0\0\0\xfd", 9));
    EXPECT_TRUE(publish.mandatory);
    EXPECT_FALSE(publish.immediate);
}

TEST(Method, ShortArgumentsAreNamedAsOctets) {
    const auto error = decode_method(ByteView("\0\x32\0\x0a\0\0", 6)).error();
    EXPECT_EQ(error.reply_text(), "FRAME_ERROR - cannot decode <<0,0>>");
    EXPECT_EQ(error.class_id, 50);
    EXPECT_EQ(error.method_id, 10);
}

TEST(Method, UnknownIdsAreCommandInvalid) {
    const auto error = decode_method(ByteView("\0\x3c\3\xe7", 4)).error();
    EXPECT_EQ(error.reply_text(), "COMMAND_INVALID - unknown method 60.999");
    EXPECT_EQ(error.class_id, 60);
    EXPECT_EQ(error.method_id, 999);
}

TEST(Method, MalformedTableNamesTheMethod) {
    const auto error =
        decode_method(ByteView("\0\x32\0\x0a\0\0\1q\0\0\0\0\4\1aU\1", 17)).error();
    EXPECT_EQ(error.code, ReplyCode::syntax_error);
    EXPECT_EQ(error.class_id, 50);
    EXPECT_EQ(error.method_id, 10);
}

}  // namespace
}  // namespace lvt::amqp
