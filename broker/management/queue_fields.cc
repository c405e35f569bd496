// Fields of queues, exchanges and bindings.
#include "broker/core/virtual_host.h"
#include "broker/http/path.h"
#include "broker/management/fields.h"
#include "broker/management/json_values.h"
#include "broker/management/table_json.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace lvt::broker {

namespace json = boost::json;
using Context = ColumnContext;

bool needs_any(const Shape& shape, std::string_view names) {
    while (!names.empty()) {
        const std::size_t blank = std::min(names.find(' '), names.size());
        if (shape.needs(names.substr(0, blank))) return true;
        names.remove_prefix(std::min(blank + 1, names.size()));
    }
    return false;
}

json::value text_or_null(ByteView text) {
    if (text.empty()) return nullptr;
    return json_text(text);
}

std::string properties_key(const BindingRow& binding) {
    if (!binding.key) return http::percent_encoded(binding.queue->name);
    const BindingKey& key = *binding.key;
    std::string out = http::percent_encoded(key.routing_key);
    if (key.arguments.empty()) return out.empty() ? "~" : out;
    // Any text that is the same for the same arguments will do (FNV-1a).
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : key.arguments)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return out + fmt::format("~{:016x}", hash);
}

namespace {

const Consumer* exclusive_consumer(const Queue& queue) {
    if (!queue.has_exclusive_consumer || queue.machine.consumers().empty()) return nullptr;
    return queue.machine.consumers().front();
}

const Consumer* single_active_consumer(const Queue& queue) {
    if (!queue.settings.single_active_consumer) return nullptr;
    for (const Consumer* const consumer : queue.machine.consumers())
        if (QueueMachine::is_active(*consumer)) return consumer;
    return nullptr;
}

json::value tag_of(const Consumer* consumer) {
    if (!consumer) return nullptr;
    return json_text(consumer->tag);
}

void put_owner(json::object& out, const Queue& q, const Context&) {
    if (!q.owner) return;
    const HostAndPort peer(q.owner->peer);
    out["owner_pid_details"] = json::object{
        {"name", json_text(connection_name(*q.owner))},
        {"peer_host", json_text(peer.host)},
        {"peer_port", peer.port}};
}

/// A classic queue of RabbitMQ tells how its inside is made; ours is made otherwise.
void put_backing_queue(json::object& out, const Queue& q, const Context&) {
    const std::uint64_t length = q.machine.ready();
    const std::uint64_t next = q.machine.next_seq() - 1;
    const std::uint64_t cold = q.machine.cold().count;
    out["backing_queue_status"] = json::object{
        {"avg_ack_egress_rate", 0.0},
        {"avg_ack_ingress_rate", 0.0},
        {"avg_egress_rate", 0.0},
        {"avg_ingress_rate", 0.0},
        {"delta", json::array{"delta", "undefined", cold, 0, "undefined"}},
        {"len", length},
        {"mode", "default"},
        {"next_deliver_seq_id", next - std::min(next, length)},
        {"next_seq_id", next},
        {"q1", 0},
        {"q2", 0},
        {"q3", 0},
        {"q4", length - cold},
        {"target_ram_count", "infinity"},
        {"version", 1}};
}

/// "2026-11-21T12:55:36.961+00:00".
std::string utc_text(Milliseconds wall) {
    using namespace std::chrono;
    const sys_time<Milliseconds> moment(wall);
    const auto day = floor<days>(moment);
    const year_month_day date(day);
    const hh_mm_ss time(moment - day);
    return fmt::format(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+00:00",
        static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()),
        time.hours().count(),
        time.minutes().count(),
        time.seconds().count(),
        time.subseconds().count());
}

/// A queue that does something has none.
void put_idle_since(json::object& out, const Queue& q, const Context& c) {
    const Milliseconds idle = c.stats.now.monotonic - std::max(q.last_used, q.sampled.changed_at);
    if (idle >= 2 * kSampleInterval) out["idle_since"] = utc_text(c.stats.now.wall - idle);
}

/// What RabbitMQ shows of a queue whose node is down.
constexpr std::array<std::string_view, 7> kOfDown{
    "name", "vhost", "type", "durable", "auto_delete", "exclusive", "arguments"};

constexpr Field<Queue> kQueueFields[] = {
    {"name"},
    {"vhost"},
    {"node", [](json::object& out, const Queue&, const Context& c) { out["node"] = c.pids.node; }},
    {"type"},
    {"state"},
    {"durable"},
    {"auto_delete"},
    {"exclusive"},
    {"arguments",
     [](json::object& out, const Queue& q, const Context&) {
         out["arguments"] = json_of(q.arguments);
     }},
    {"policy",
     [](json::object& out, const Queue& q, const Context&) {
         out["policy"] = text_or_null(q.policy_name);
     }},
    {"operator_policy",
     [](json::object& out, const Queue& q, const Context&) {
         out["operator_policy"] = text_or_null(q.operator_policy_name);
     }},
    {"effective_policy_definition",
     [](json::object& out, const Queue& q, const Context&) {
         out["effective_policy_definition"] = json_of(q.policy);
     }},
    {"consumers"},
    {"consumer_utilisation"},
    {"consumer_capacity"},
    {"exclusive_consumer_tag",
     [](json::object& out, const Queue& q, const Context&) {
         out["exclusive_consumer_tag"] = tag_of(exclusive_consumer(q));
     }},
    {"single_active_consumer_tag",
     [](json::object& out, const Queue& q, const Context&) {
         out["single_active_consumer_tag"] = tag_of(single_active_consumer(q));
     }},
    {"owner_pid_details", put_owner},
    {"messages messages_details messages_ready messages_ready_details messages_unacknowledged "
     "messages_unacknowledged_details",
     [](json::object& out, const Queue& q, const Context& c) {
         add_stats(out, stats_of(q).lengths, c.stats.now, c.stats.lengths);
     }},
    {"message_stats",
     [](json::object& out, const Queue& q, const Context& c) {
         put_message_stats(out, stats_of(q).messages, c.stats);
     }},
    {"messages_ram"},
    {"messages_ready_ram"},
    {"messages_unacknowledged_ram"},
    {"messages_persistent"},
    {"messages_paged_out"},
    {"message_bytes"},
    {"message_bytes_ready"},
    {"message_bytes_unacknowledged"},
    {"message_bytes_ram"},
    {"message_bytes_persistent"},
    {"message_bytes_paged_out",
     [](json::object& out, const Queue& q, const Context&) {
         out["message_bytes_paged_out"] = q.machine.cold().bytes;
     }},
    {"memory"},
    {"head_message_timestamp",
     [](json::object& out, const Queue&, const Context&) {
         out["head_message_timestamp"] = nullptr;
     }},
    {"idle_since", put_idle_since},
    {"recoverable_slaves",
     [](json::object& out, const Queue&, const Context&) { out["recoverable_slaves"] = nullptr; }},
    {"reductions reductions_details",
     [](json::object& out, const Queue&, const Context&) {
         out["reductions"] = 0;
         out["reductions_details"] = no_rate();
     }},
    {"garbage_collection",
     [](json::object& out, const Queue&, const Context&) {
         out["garbage_collection"] = no_garbage_collection();
     }},
    {"backing_queue_status", put_backing_queue},
};

constexpr Field<ExchangeRow> kExchangeFields[] = {
    {"name"},
    {"vhost",
     [](json::object& out, const ExchangeRow& e, const Context&) {
         out["vhost"] = json_text(e.vhost->name());
     }},
    {"type"},
    {"durable"},
    {"auto_delete"},
    {"internal"},
    {"arguments",
     [](json::object& out, const ExchangeRow& e, const Context&) {
         out["arguments"] = e ? json_of(e->arguments) : json::object();
     }},
    {"policy",
     [](json::object& out, const ExchangeRow& e, const Context&) {
         if (e && !e->policy_name.empty()) out["policy"] = json_text(e->policy_name);
     }},
    {"message_stats",
     [](json::object& out, const ExchangeRow& e, const Context& c) {
         put_message_stats(out, stats_of(*e.vhost, e.exchange), c.stats);
     }},
    {"user_who_performed_action",
     [](json::object& out, const ExchangeRow&, const Context&) {
         out["user_who_performed_action"] = "rmq-internal";
     }},
};

constexpr Field<BindingRow> kBindingFields[] = {
    {"source",
     [](json::object& out, const BindingRow& b, const Context&) {
         out["source"] = b.key ? json_text(b.source->name()) : json::string();
     }},
    {"vhost",
     [](json::object& out, const BindingRow& b, const Context&) {
         out["vhost"] = json_text(b.vhost->name());
     }},
    {"destination",
     [](json::object& out, const BindingRow& b, const Context&) {
         out["destination"] = json_text(b.key ? b.key->destination : b.queue->name);
     }},
    {"destination_type",
     [](json::object& out, const BindingRow& b, const Context&) {
         out["destination_type"] = !b.key || b.key->to_queue ? "queue" : "exchange";
     }},
    {"routing_key"},
    {"arguments",
     [](json::object& out, const BindingRow& b, const Context&) {
         out["arguments"] = b.key ? json_of(amqp::TableView(b.key->arguments)) : json::object();
     }},
    {"properties_key",
     [](json::object& out, const BindingRow& b, const Context&) {
         out["properties_key"] = properties_key(b);
     }},
};

}  // namespace

json::object down_queue_object(const Queue& queue, const std::string& node) {
    const PidNames pids{node, 0};
    json::object out = FieldChoice<Queue>(kOfDown).object(queue, ColumnContext{pids});
    out["node"] = node;
    out["state"] = "down";
    return out;
}

template <>
std::span<const Field<Queue>> fields() {
    return kQueueFields;
}
template <>
std::span<const Field<ExchangeRow>> fields() {
    return kExchangeFields;
}
template <>
std::span<const Field<BindingRow>> fields() {
    return kBindingFields;
}

}  // namespace lvt::broker
