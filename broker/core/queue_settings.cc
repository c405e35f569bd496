#include "broker/core/queue_settings.h"

#include <algorithm>

namespace lvt::broker {
namespace {

class Reader {
public:
    Reader(const amqp::Table& arguments, const amqp::Table& policy)
        : arguments_(arguments), policy_(policy) {}

    std::optional<std::uint64_t> number(const char* key) const {
        const auto argument = unsigned_of(arguments_.find(argument_name(key)));
        const auto policy = unsigned_of(policy_.find(key));
        if (argument && policy) return std::min(*argument, *policy);
        return argument ? argument : policy;
    }
    std::optional<Bytes> string(const char* key) const {
        for (const auto& value : {arguments_.find(argument_name(key)), policy_.find(key)}) {
            if (value && value->string()) return Bytes(*value->string());
        }
        return std::nullopt;
    }

    static std::optional<std::uint64_t> unsigned_of(const std::optional<amqp::FieldValue>& value) {
        if (!value || !value->integer() || *value->integer() < 0) return std::nullopt;
        return static_cast<std::uint64_t>(*value->integer());
    }

private:
    static Bytes argument_name(const char* key) { return Bytes("x-") + key; }

    const amqp::Table& arguments_;
    const amqp::Table& policy_;
};

Overflow parse_overflow(const std::optional<Bytes>& word) {
    if (word == "reject-publish") return Overflow::reject_publish;
    if (word == "reject-publish-dlx") return Overflow::reject_publish_dlx;
    return Overflow::drop_head;
}

}  // namespace

QueueSettings make_queue_settings(const amqp::Table& arguments, const amqp::Table& policy) {
    QueueSettings out;
    if (arguments.empty() && policy.empty()) return out;
    const Reader read(arguments, policy);
    out.message_ttl_ms = read.number("message-ttl");
    out.expires_ms = read.number("expires");
    out.max_length = read.number("max-length");
    out.max_length_bytes = read.number("max-length-bytes");
    out.overflow = parse_overflow(read.string("overflow"));
    out.dead_letter_exchange = read.string("dead-letter-exchange");
    out.dead_letter_routing_key = read.string("dead-letter-routing-key");
    out.delivery_limit = read.number("delivery-limit");
    out.consumer_timeout_ms = read.number("consumer-timeout");
    out.poison_returns_max = read.number("poison-returns");

    // What a policy cannot say: a queue has it for life.
    const auto type = arguments.find("x-queue-type");
    if (type && type->string() == "quorum") out.type = QueueType::quorum;
    const auto priority = Reader::unsigned_of(arguments.find("x-max-priority"));
    out.max_priority =
        static_cast<std::uint8_t>(std::min<std::uint64_t>(priority.value_or(0), 255));
    const auto single = arguments.find("x-single-active-consumer");
    out.single_active_consumer = single && single->boolean().value_or(false);
    return out;
}

}  // namespace lvt::broker
