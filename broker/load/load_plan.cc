#include "broker/load/load_plan.h"

#include <fmt/format.h>

namespace lvt::broker::load {
namespace {

constexpr std::uint16_t kChannel = 1;

/// Three shapes in turn; each fits "top.b<binding>.leaf" and no other binding's key.
Bytes wildcard_key(std::uint32_t binding) {
    switch (binding % 3) {
        case 0:
            return fmt::format("*.b{}.#", binding);
        case 1:
            return fmt::format("#.b{}.*", binding);
        default:
            return fmt::format("*.b{}.*", binding);
    }
}

Result<void> call(ClientConnection& connection, const amqp::Method& method) {
    Result<amqp::Method> answer = connection.call(kChannel, method);
    if (answer.has_error()) return std::move(answer).error();
    return {};
}

}  // namespace

LoadPlan::LoadPlan(const LoadOptions& options)
    : options_(options), destinations_(options.producers) {
    for (std::uint32_t p = 0; p < options.producers; ++p) plan_producer(p);
}

Bytes LoadPlan::queue_name(std::uint32_t queue) const {
    return fmt::format("{}-{}", options_.queue_prefix, queue);
}

std::uint16_t LoadPlan::stream_to(std::uint32_t producer, std::uint32_t queue) {
    for (std::size_t s = streams_.size(); s-- > 0 && streams_[s].producer == producer;) {
        if (streams_[s].queue == queue) return static_cast<std::uint16_t>(s);
    }
    streams_.push_back({producer, queue});
    return static_cast<std::uint16_t>(streams_.size() - 1);
}

void LoadPlan::plan_producer(std::uint32_t producer) {
    std::vector<Destination>& out = destinations_[producer];
    if (options_.broadcast()) {
        out.push_back({options_.routing_key, stream_to(producer, 0)});
        return;
    }
    for (std::uint32_t b = 0; b < options_.bindings; ++b) {
        out.push_back({fmt::format("top.b{}.leaf", b), stream_to(producer, b % options_.queues)});
    }
    if (options_.bindings > 0) return;
    std::uint32_t queue = producer % options_.queues;
    for (; queue < options_.queues; queue += options_.producers) {
        out.push_back({queue_name(queue), stream_to(producer, queue)});
    }
}

std::vector<std::uint32_t> LoadPlan::queues_of_consumer(std::uint32_t consumer) const {
    std::vector<std::uint32_t> out;
    std::uint32_t queue = consumer % options_.queues;
    for (; queue < options_.queues; queue += options_.consumers) out.push_back(queue);
    return out;
}

std::vector<amqp::QueueBind> LoadPlan::bindings() const {
    std::vector<amqp::QueueBind> out;
    const auto bind = [&](std::uint32_t queue, Bytes key) {
        amqp::QueueBind binding;
        binding.queue = queue_name(queue);
        binding.exchange = options_.exchange;
        binding.routing_key = std::move(key);
        out.push_back(std::move(binding));
    };
    for (std::uint32_t b = 0; b < options_.bindings; ++b)
        bind(b % options_.queues, wildcard_key(b));
    if (options_.bindings > 0) return out;
    for (std::uint32_t q = 0; q < options_.queues; ++q) {
        bind(q, options_.broadcast() ? options_.routing_key : queue_name(q));
    }
    return out;
}

Result<void> LoadPlan::declare(ClientConnection& connection) const {
    LVT_TRY(remove(connection));
    const bool durable = options_.declare == Declare::durable;
    for (std::uint32_t q = 0; q < options_.queues; ++q) {
        amqp::QueueDeclare queue;
        queue.queue = queue_name(q);
        queue.durable = durable;
        LVT_TRY(call(connection, queue));
    }
    if (options_.exchange.empty()) return {};
    amqp::ExchangeDeclare exchange;
    exchange.exchange = options_.exchange;
    exchange.type = options_.exchange_type;
    exchange.durable = durable;
    LVT_TRY(call(connection, exchange));
    for (const amqp::QueueBind& binding : bindings()) LVT_TRY(call(connection, binding));
    return {};
}

Result<void> LoadPlan::remove(ClientConnection& connection) const {
    for (std::uint32_t q = 0; q < options_.queues; ++q) {
        amqp::QueueDelete queue;
        queue.queue = queue_name(q);
        LVT_TRY(call(connection, queue));
    }
    if (options_.exchange.empty()) return {};
    amqp::ExchangeDelete exchange;
    exchange.exchange = options_.exchange;
    return call(connection, exchange);
}

}  // namespace lvt::broker::load
