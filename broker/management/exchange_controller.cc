// /exchanges: listing, declaring, deleting, publishing.
#include "broker/core/expiration.h"
#include "broker/core/publish_check.h"
#include "broker/core/topology.h"
#include "broker/management/fields.h"
#include "broker/management/management_api.h"
#include "broker/management/message_json.h"
#include "protocol/base/base64.h"

#include <algorithm>

namespace lvt::broker {

namespace json = boost::json;
using http::Verb;

namespace {

/// Paths cannot have an empty name well.
Bytes exchange_named(const CallPtr& call) {
    return call->names[1] == "amq.default" ? Bytes() : Bytes(call->names[1]);
}

/// Nothing: there is none, and the client has been told.
std::optional<ExchangeRow> find_exchange(const CallPtr& call) {
    const VirtualHost* const host = call->find_vhost();
    const Bytes name = exchange_named(call);
    const Exchange* const exchange = name.empty() ? nullptr : host->find_exchange(name);
    if (name.empty() || exchange) return ExchangeRow{exchange, host};
    call->not_found();
    return std::nullopt;
}

void list_exchanges(const CallPtr& call) { answer_rows_of_vhosts<ExchangeSource>(call); }

void get_exchange(const CallPtr& call) {
    const auto row = find_exchange(call);
    if (!row) return;
    json::object out = row_object(*call, *row);
    out["incoming"] = json::array();
    out["outgoing"] = json::array();
    call->object(std::move(out));
}

void put_exchange(const CallPtr& call) {
    auto arguments = call->table_field("arguments");
    if (!arguments) return;
    amqp::ExchangeDeclare declare;
    declare.exchange = exchange_named(call);
    declare.type = call->text_field("type").value_or("direct");
    declare.durable = call->flag_field("durable").value_or(false);
    declare.auto_delete = call->flag_field("auto_delete").value_or(false);
    declare.internal = call->flag_field("internal").value_or(false);
    declare.arguments = std::move(*arguments);
    const bool existed = call->find_vhost()->find_exchange(declare.exchange) != nullptr;
    AmqpJob job;
    job.methods.emplace_back(std::move(declare));
    call->amqp(std::move(job), Call::Tone::plain, [call, existed](const AmqpOutcome&) {
        call->done(existed ? 204 : 201);
    });
}

void delete_exchange(const CallPtr& call) {
    if (!find_exchange(call)) return;
    amqp::ExchangeDelete remove;
    remove.exchange = exchange_named(call);
    remove.if_unused = call->query.flag("if-unused");
    AmqpJob job;
    job.methods.emplace_back(std::move(remove));
    call->amqp(std::move(job), Call::Tone::plain, [call](const AmqpOutcome&) { call->done(204); });
}

/// Nothing: the client has been told what is wrong.
std::optional<Bytes> payload_of(const CallPtr& call) {
    const Bytes encoding = call->text_field("payload_encoding").value_or("");
    auto payload = call->text_field("payload");
    if (!payload) {
        call->bad_request("payload_not_string");
        return std::nullopt;
    }
    if (encoding == "string") return payload;
    if (encoding != "base64") {
        call->bad_request("Unsupported encoding. Please use string or base64.");
        return std::nullopt;
    }
    auto decoded = base64_decoded(*payload);
    if (decoded) return Bytes(std::move(*decoded));
    call->bad_request("{not_base64,payload}");
    return std::nullopt;
}

bool is_impersonator(const Visitor& visitor) {
    return std::find(visitor.tags.begin(), visitor.tags.end(), "impersonator") !=
           visitor.tags.end();
}

/// Into the job; false where the client has been told what is wrong.
bool add_message(const CallPtr& call, AmqpJob& job) {
    const auto payload = payload_of(call);
    if (!payload) return false;
    const json::value& given = call->body.at("properties");
    const auto properties = properties_of(given.is_object() ? given.get_object() : json::object());
    Bytes routing_key = call->text_field("routing_key").value_or("");
    if (properties.has_error() || routing_key.size() > 255) {
        call->bad_request(
            properties.has_error() ? properties.error().message : "routing_key is too long");
        return false;
    }
    const auto scan = amqp::scan_properties(*properties);
    if (!scan) {
        call->bad_request("properties are malformed");
        return false;
    }
    Bytes exchange = exchange_named(call);
    auto checked =
        check_publish_properties(*scan, call->visitor.name, is_impersonator(call->visitor));
    if (checked.has_error()) {
        // The core looks at the user's rights first.
        job.methods.emplace_back(refused_publish(
            std::move(exchange), std::move(routing_key), std::move(checked).error()));
        return true;
    }
    MessageParts parts{
        exchange, routing_key, *properties, payload->size(), scan->priority, scan->persistent()};
    if (scan->has(amqp::property::kExpiration))
        parts.expiration_ms = std::get<std::uint64_t>(parse_expiration(scan->expiration));
    job.publish = MessageBuilder::build(call->api.caller.pool(), parts, *payload);
    return true;
}

void publish(const CallPtr& call) {
    if (!call->may_enter(call->vhost)) return call->refuse("Access refused.");
    if (!find_exchange(call)) return;
    if (!call->require({"routing_key", "properties", "payload", "payload_encoding"})) return;
    const NodeFacts facts = call->api.node_facts();
    if (facts.memory_alarm || facts.disk_alarm)
        return call->fail(503, "service_unavailable", "publishers are blocked by an alarm");
    AmqpJob job;
    if (!add_message(call, job)) return;
    call->amqp(std::move(job), Call::Tone::with_code, [call](const AmqpOutcome& outcome) {
        if (outcome.refused) return call->bad_request("rejected");
        call->value(json::object{{"routed", !outcome.returned}});
    });
}

constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/exchanges", Access::manager, list_exchanges},
    {Verb::get, "/exchanges/{vhost}", Access::vhost, list_exchanges},
    {Verb::get, "/exchanges/{vhost}/{exchange}", Access::vhost, get_exchange},
    {Verb::put, "/exchanges/{vhost}/{exchange}", Access::vhost, put_exchange},
    {Verb::del, "/exchanges/{vhost}/{exchange}", Access::vhost, delete_exchange},
    {Verb::post, "/exchanges/{vhost}/{exchange}/publish", Access::vhost, publish},
};

}  // namespace

std::span<const Endpoint> exchange_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
