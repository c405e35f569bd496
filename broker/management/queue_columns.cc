// Columns of queues, exchanges and bindings.
#include "broker/core/virtual_host.h"
#include "broker/management/json_values.h"
#include "broker/management/listing_columns.h"

#include <algorithm>

namespace lvt::broker {

namespace {

namespace json = boost::json;
using Context = ColumnContext;

const Consumer* exclusive_consumer(const Queue& queue) {
    if (!queue.has_exclusive_consumer || queue.machine.consumers().empty()) return nullptr;
    return queue.machine.consumers().front();
}

/// The share of messages that would go out at once: nothing waits, or somebody has room.
json::value capacity(const Queue& queue, const Context&) {
    if (queue.machine.consumers().empty()) return 0;
    return queue.machine.ready() == 0 || queue.machine.consumer_waits() ? 1.0 : 0.0;
}

std::uint64_t in_memory(const Queue& queue) {
    return queue.machine.ready() - queue.machine.absent_count();
}

std::uint64_t body_bytes(const Queue& queue) {
    return queue.machine.ready_body_bytes() + queue.unacked_body_bytes;
}

/// With the heads of what is in memory where something is not.
std::uint64_t body_bytes_in_memory(const Queue& queue) {
    return std::min(queue.machine.ready_body_bytes(), queue.machine.resident_bytes()) +
           queue.unacked_body_bytes;
}

/// With their heads where some messages are transient.
std::uint64_t persistent_body_bytes(const Queue& queue) {
    return std::min(body_bytes(queue), queue.disk.live_bytes);
}

/// The first ready message's, in seconds.
json::value head_timestamp(const Queue&, const Context&) { return ""; }

json::value none(const Queue&, const Context&) { return ""; }

/// A queue lives on one node.
json::value nodes(const Queue& queue, const Context& context) {
    if (queue.settings.type == QueueType::classic) return "";
    return json::array{json::string(context.pids.node)};
}

constexpr Column<Queue> kQueueColumns[] = {
    {"name", [](const Queue& q, const Context&) -> json::value { return json_text(q.name); }},
    {"vhost",
     [](const Queue& q, const Context&) -> json::value { return json_text(q.vhost->name()); }},
    {"durable", [](const Queue& q, const Context&) -> json::value { return q.durable; }},
    {"auto_delete", [](const Queue& q, const Context&) -> json::value { return q.auto_delete; }},
    {"exclusive", [](const Queue& q, const Context&) -> json::value { return q.exclusive; }},
    {"arguments",
     [](const Queue& q, const Context&) -> json::value { return json_table(q.arguments); }},
    {"policy",
     [](const Queue& q, const Context&) -> json::value { return json_text(q.policy_name); }},
    {"operator_policy",
     [](const Queue& q, const Context&) -> json::value {
         return json_text(q.operator_policy_name);
     }},
    {"effective_policy_definition",
     [](const Queue& q, const Context&) -> json::value { return json_table(q.policy); }},
    {"pid", [](const Queue& q, const Context& c) -> json::value { return c.pids.of(q); }},
    {"owner_pid",
     [](const Queue& q, const Context& c) -> json::value {
         return q.owner ? c.pids.of(*q.owner) : json::string();
     }},
    {"exclusive_consumer_pid",
     [](const Queue& q, const Context& c) -> json::value {
         const Consumer* const consumer = exclusive_consumer(q);
         return consumer ? c.pids.of(*consumer->channel) : json::string();
     }},
    {"exclusive_consumer_tag",
     [](const Queue& q, const Context&) -> json::value {
         const Consumer* const consumer = exclusive_consumer(q);
         return consumer ? json_text(consumer->tag) : json::string();
     }},
    {"messages",
     [](const Queue& q, const Context&) -> json::value { return q.machine.ready() + q.unacked; }},
    {"messages_ready",
     [](const Queue& q, const Context&) -> json::value { return q.machine.ready(); }},
    {"messages_unacknowledged",
     [](const Queue& q, const Context&) -> json::value { return std::uint64_t{q.unacked}; }},
    {"messages_ready_ram",
     [](const Queue& q, const Context&) -> json::value { return in_memory(q); }},
    {"messages_unacknowledged_ram",
     [](const Queue& q, const Context&) -> json::value { return std::uint64_t{q.unacked}; }},
    {"messages_ram",
     [](const Queue& q, const Context&) -> json::value { return in_memory(q) + q.unacked; }},
    {"messages_persistent",
     [](const Queue& q, const Context&) -> json::value { return q.disk.live_messages; }},
    {"messages_paged_out",
     [](const Queue& q, const Context&) -> json::value { return q.machine.absent_count(); }},
    {"message_bytes_ready",
     [](const Queue& q, const Context&) -> json::value { return q.machine.ready_body_bytes(); }},
    {"message_bytes_ram",
     [](const Queue& q, const Context&) -> json::value { return body_bytes_in_memory(q); }},
    {"message_bytes_persistent",
     [](const Queue& q, const Context&) -> json::value { return persistent_body_bytes(q); }},
    {"message_bytes", [](const Queue& q, const Context&) -> json::value { return body_bytes(q); }},
    {"message_bytes_unacknowledged",
     [](const Queue& q, const Context&) -> json::value { return q.unacked_body_bytes; }},
    {"head_message_timestamp", head_timestamp},
    {"disk_reads", none},
    {"disk_writes", none},
    {"consumers",
     [](const Queue& q, const Context&) -> json::value { return q.machine.consumers().size(); }},
    {"consumer_utilisation", capacity},
    {"consumer_capacity", capacity},
    {"memory",
     [](const Queue& q, const Context&) -> json::value {
         return sizeof(Queue) + q.machine.resident_bytes();
     }},
    {"slave_pids", none},
    {"synchronised_slave_pids", none},
    {"mirror_pids", none},
    {"synchronised_mirror_pids", none},
    {"state", [](const Queue&, const Context&) -> json::value { return "running"; }},
    {"type",
     [](const Queue& q, const Context&) -> json::value {
         return q.settings.type == QueueType::classic ? "classic" : "quorum";
     }},
    {"leader",
     [](const Queue& q, const Context& c) -> json::value {
         return json::string(q.settings.type == QueueType::classic ? "" : c.pids.node);
     }},
    {"members", nodes},
    {"online", nodes},
};

constexpr Column<ExchangeRow> kExchangeColumns[] = {
    {"name",
     [](const ExchangeRow& e, const Context&) -> json::value {
         return e ? json_text(e->name()) : json::string();
     }},
    {"type",
     [](const ExchangeRow& e, const Context&) -> json::value {
         return e ? e->type_name() : "direct";
     }},
    {"durable",
     [](const ExchangeRow& e, const Context&) -> json::value { return !e || e->durable; }},
    {"auto_delete",
     [](const ExchangeRow& e, const Context&) -> json::value { return e && e->auto_delete; }},
    {"internal",
     [](const ExchangeRow& e, const Context&) -> json::value { return e && e->internal; }},
    {"arguments",
     [](const ExchangeRow& e, const Context&) -> json::value {
         return e ? json_table(e->arguments) : json::array{};
     }},
    {"policy",
     [](const ExchangeRow& e, const Context&) -> json::value {
         return e ? json_text(e->policy_name) : json::string();
     }},
};

constexpr Column<BindingRow> kBindingColumns[] = {
    {"source_name",
     [](const BindingRow& b, const Context&) -> json::value {
         return b.key ? json_text(b.source->name()) : json::string();
     }},
    {"source_kind", [](const BindingRow&, const Context&) -> json::value { return "exchange"; }},
    {"destination_name",
     [](const BindingRow& b, const Context&) -> json::value {
         return json_text(b.key ? b.key->destination : b.queue->name);
     }},
    {"destination_kind",
     [](const BindingRow& b, const Context&) -> json::value {
         return !b.key || b.key->to_queue ? "queue" : "exchange";
     }},
    {"routing_key",
     [](const BindingRow& b, const Context&) -> json::value {
         return json_text(b.key ? b.key->routing_key : b.queue->name);
     }},
    {"arguments",
     [](const BindingRow& b, const Context&) -> json::value {
         return b.key ? json_table(amqp::TableView(b.key->arguments)) : json::array{};
     }},
};

}  // namespace

template <>
std::span<const Column<Queue>> columns() {
    return kQueueColumns;
}
template <>
std::span<const Column<ExchangeRow>> columns() {
    return kExchangeColumns;
}
template <>
std::span<const Column<BindingRow>> columns() {
    return kBindingColumns;
}

}  // namespace lvt::broker
