#include "broker/management/stats_json.h"

#include "broker/core/virtual_host.h"

namespace lvt::broker {

namespace json = boost::json;

json::object no_rate() { return {{"rate", 0.0}}; }

namespace {

/// A number and its rate.
void put(json::object& out, std::string_view name, std::uint64_t value) {
    out[name] = value;
    out[std::string(name) + "_details"] = no_rate();
}

void put_lengths(json::object& out, std::uint64_t ready, std::uint64_t unacked) {
    put(out, "messages", ready + unacked);
    put(out, "messages_ready", ready);
    put(out, "messages_unacknowledged", unacked);
}

}  // namespace

void put_vhost_stats(json::object& out, const Call&, const VirtualHost& host) {
    std::uint64_t ready = 0;
    std::uint64_t unacked = 0;
    for (const auto& [name, queue] : host.queues()) {
        ready += queue->machine.ready();
        unacked += queue->unacked;
    }
    put_lengths(out, ready, unacked);
}

void put_broker_stats(json::object& out, const Call& call) {
    const CoreStatus status = call.api.core.status();
    json::object messages;
    put(messages, "publish", status.messages_published);
    put(messages, "deliver_get", status.messages_delivered);
    out["message_stats"] = std::move(messages);
    json::object totals;
    put_lengths(totals, status.messages_ready, status.messages_unacknowledged);
    out["queue_totals"] = std::move(totals);
    out["object_totals"] = json::object{
        {"channels", status.channels},
        {"connections", status.connections},
        {"consumers", status.consumers},
        {"exchanges", status.exchanges},
        {"queues", status.queues}};
    json::object churn;
    for (const char* const name :
         {"channel_closed",
          "channel_created",
          "connection_closed",
          "connection_created",
          "queue_created",
          "queue_declared",
          "queue_deleted"})
        put(churn, name, 0);
    out["churn_rates"] = std::move(churn);
}

}  // namespace lvt::broker
