// The firehose: while a virtual host is traced, its amq.rabbitmq.trace hears of every message that is published and handed out.
#include "broker/core/core_state.h"
#include "broker/core/message_copy.h"
#include "protocol/amqp/properties.h"

namespace lvt::broker {

namespace {

constexpr ByteView kTraceExchange = "amq.rabbitmq.trace";

/// The message's properties as a table, the last first, as RabbitMQ writes them.
amqp::Table described(const Message& message) {
    const amqp::Properties properties(message.properties());
    amqp::Table out;
    const auto text = [&](const char* name, std::optional<ByteView> value) {
        if (value) out.add_string(name, *value);
    };
    text("cluster_id", properties.cluster_id());
    text("app_id", properties.app_id());
    text("user_id", properties.user_id());
    text("type", properties.type());
    if (const auto timestamp = properties.timestamp()) {
        out.add_long("timestamp", static_cast<std::int64_t>(*timestamp));
    }
    text("message_id", properties.message_id());
    text("expiration", properties.expiration());
    text("reply_to", properties.reply_to());
    text("correlation_id", properties.correlation_id());
    if (const auto priority = properties.priority()) out.add_int("priority", *priority);
    if (const auto mode = properties.delivery_mode()) out.add_int("delivery_mode", *mode);
    if (properties.headers()) out.add_table("headers", headers_as_seen(message));
    text("content_encoding", properties.content_encoding());
    text("content_type", properties.content_type());
    return out;
}

void add_texts(amqp::Table& table, ByteView name, const std::vector<ByteView>& values) {
    Bytes array;
    for (const ByteView value : values) amqp::append_value(array, {'S', value});
    table.add_value(name, {'A', array});
}

amqp::Table about(const Message& message, const std::vector<Bytes>& copies) {
    std::vector<ByteView> keys = {message.routing_key()};
    keys.insert(keys.end(), copies.begin(), copies.end());
    amqp::Table out;
    out.add_string("exchange_name", message.exchange());
    add_texts(out, "routing_keys", keys);
    out.add_table("properties", described(message));
    return out;
}

void add_channel(amqp::Table& table, const ChannelState& channel) {
    table.add_string("vhost", channel.session->vhost->name());
    table.add_string("connection", channel.session->peer);
    table.add_int("channel", channel.id.value());
    table.add_string("user", channel.session->user);
}

}  // namespace

bool CoreState::set_tracing(ByteView vhost_name, bool on) {
    VirtualHost* const vhost = topology_.find_vhost(vhost_name);
    if (!vhost) return false;
    vhost->tracing = on;
    any_traced_ = false;
    for (const auto& [name, one] : topology_.vhosts()) any_traced_ = any_traced_ || one->tracing;
    return true;
}

void CoreState::trace_published(
    const ChannelState& channel, const Message& message, const Route& route) {
    VirtualHost& vhost = *channel.session->vhost;
    if (!vhost.tracing || message.exchange() == kTraceExchange) return;
    amqp::Table headers = about(message, copy_keys(message));
    add_channel(headers, channel);
    std::vector<ByteView> queues;
    for (const Queue* const queue : route.queues) {
        if (!queue->delayed) queues.emplace_back(queue->name);
    }
    add_texts(headers, "routed_queues", queues);
    trace(vhost, "publish." + Bytes(message.exchange()), headers, message.body());
}

void CoreState::trace_delivered(
    const ChannelState& channel, const Queue& queue, const Message& message, bool redelivered) {
    VirtualHost& vhost = *queue.vhost;
    if (!vhost.tracing || message.exchange() == kTraceExchange) return;
    amqp::Table headers = about(message, copy_keys(message));
    headers.add_int("redelivered", redelivered ? 1 : 0);
    add_channel(headers, channel);
    trace(vhost, "deliver." + queue.name, headers, message.body());
}

void CoreState::trace(VirtualHost& vhost, Bytes key, const amqp::Table& headers, ByteView body) {
    constexpr std::size_t kKeyMax = 255;
    if (key.size() > kKeyMax) key.resize(kKeyMax);
    const Bytes properties = amqp::PropertiesBuilder().set_headers(headers).build();
    const MessageParts parts{kTraceExchange, key, properties, body.size(), 0, false};
    MessagePtr message = MessageBuilder::build(pool_, parts, body);
    message.mutable_get()->set_published_at_ms(wall_ms());
    Route route;
    vhost.route(vhost.find_exchange(kTraceExchange), *message, route);
    for (Queue* const queue : route.queues) enqueue(*queue, MessagePtr(message));
}

}  // namespace lvt::broker
