// /vhosts, /vhost-limits, /aliveness-test.
#include "broker/core/topology.h"
#include "broker/management/api_stats.h"
#include "broker/management/fields.h"
#include "broker/management/json_values.h"
#include "broker/management/management_api.h"
#include "broker/management/table_json.h"

namespace lvt::broker {

namespace json = boost::json;
using http::Verb;

namespace {

constexpr const char* kAlivenessQueue = "aliveness-test";

json::array texts(const std::vector<Bytes>& words) {
    json::array out;
    for (const Bytes& word : words) out.push_back(json_text(word));
    return out;
}

json::object vhost_json(const Call& call, const VirtualHost& host) {
    const VhostDefinitions& about = call.api.core.topology().definitions(host.name());
    const std::string type =
        about.default_queue_type.empty() ? "undefined" : std::string(about.default_queue_type);
    json::object out{
        {"name", json_text(host.name())},
        {"description", json_text(about.description)},
        {"tags", texts(about.tags)},
        {"default_queue_type", type},
        {"metadata",
         json::object{{"description", json_text(about.description)}, {"tags", texts(about.tags)}}},
        {"tracing", host.tracing},
        {"cluster_state", json::object{{call.api.options.node_name, "running"}}}};
    put_vhost_stats(out, host, StatsView::of(call.query, call.api.clock.now()));
    return out;
}

void list_vhosts(const CallPtr& call) {
    std::vector<json::object> rows;
    for (const auto& [name, host] : call->api.core.topology().vhosts())
        if (call->may_see(name)) rows.push_back(vhost_json(*call, *host));
    call->list(std::move(rows));
}

void get_vhost(const CallPtr& call) { call->object(vhost_json(*call, *call->find_vhost())); }

/// A text with commas, or a list of texts.
std::vector<Bytes> words_of(const json::value& value) {
    std::vector<Bytes> out;
    if (const json::array* const all = value.if_array()) {
        for (const json::value& one : *all)
            if (one.is_string()) out.emplace_back(one.get_string());
        return out;
    }
    std::string_view text = value.is_string() ? std::string_view(value.get_string()) : "";
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        if (comma > 0) out.emplace_back(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return out;
}

void put_vhost(const CallPtr& call) {
    const Bytes name = call->names[0];
    const bool existed = call->api.core.topology().find_vhost(name) != nullptr;
    const VhostDefinitions& known = call->api.core.topology().definitions(name);
    DescribeVhost about{name, known.description, known.tags, known.default_queue_type};
    if (const auto text = call->text_field("description")) about.description = *text;
    if (const auto text = call->text_field("default_queue_type")) about.default_queue_type = *text;
    if (const json::value* const tags = call->body.if_contains("tags"))
        about.tags = words_of(*tags);
    const auto tracing = call->flag_field("tracing");
    std::vector<MetadataCommand> commands;
    if (!existed) commands.push_back(PutVhost{name});
    commands.push_back(std::move(about));
    // Who makes a virtual host may use it, as with RabbitMQ.
    if (!existed && !call->visitor.owner)
        commands.push_back(PutPermissions{call->visitor.name, name, ".*", ".*", ".*"});
    call->administer(
        ChangeDefinitions{std::move(commands), ChangeDefinitions::Require::nothing},
        [call, existed, tracing, name](const AdminReply&) {
            if (!tracing) return call->done(existed ? 204 : 201);
            call->administer(SetTracing{name, *tracing}, [call, existed](const AdminReply&) {
                call->done(existed ? 204 : 201);
            });
        });
}

void delete_vhost(const CallPtr& call) {
    if (!call->api.core.topology().find_vhost(call->names[0])) return call->not_found();
    call->remove(DeleteVhost{call->names[0]});
}

void list_limits(const CallPtr& call) {
    std::vector<json::object> rows;
    for (const Bytes& name : call->visible_vhosts()) {
        const amqp::Table& limits = call->api.core.topology().definitions(name).limits;
        if (!limits.empty())
            rows.push_back({{"vhost", json_text(name)}, {"value", json_of(limits)}});
    }
    call->list(std::move(rows));
}

/// The limits without the one that the path names.
amqp::Table other_limits(const CallPtr& call) {
    amqp::Table out;
    const amqp::Table& known = call->api.core.topology().definitions(call->vhost).limits;
    for (const auto& [name, value] : known.view())
        if (name != call->names[1]) out.add_value(name, value);
    return out;
}

void put_limit(const CallPtr& call) {
    if (!call->require({"value"})) return;
    const auto value = call->number_field("value");
    if (!value) return call->bad_request("value must be an integer");
    amqp::Table limits = other_limits(call);
    limits.add_long(call->names[1], *value);
    call->administer(
        ChangeDefinitions{
            {PutLimits{false, call->vhost, std::move(limits)}},
            ChangeDefinitions::Require::nothing},
        [call](const AdminReply&) { call->done(204); });
}

void delete_limit(const CallPtr& call) {
    call->administer(
        ChangeDefinitions{
            {PutLimits{false, call->vhost, other_limits(call)}},
            ChangeDefinitions::Require::nothing},
        [call](const AdminReply&) { call->done(204); });
}

/// A message goes through a queue of its own and comes back.
void test_aliveness(const CallPtr& call) {
    amqp::QueueDeclare declare;
    declare.queue = kAlivenessQueue;
    AmqpJob job;
    job.methods.emplace_back(std::move(declare));
    const MessageParts parts{"", kAlivenessQueue, ByteView("\0\0", 2), 12};
    job.publish = MessageBuilder::build(call->api.caller.pool(), parts, "test_message");
    job.get_queue = kAlivenessQueue;
    job.gets_max = 1;
    job.acks_at_once = true;
    call->amqp(std::move(job), Call::Tone::with_code, [call](const AmqpOutcome& outcome) {
        if (outcome.got.empty()) return call->value(json::object{{"status", "failed"}});
        call->value(json::object{{"status", "ok"}});
    });
}

constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/vhosts", Access::manager, list_vhosts},
    {Verb::get, "/vhosts/{vhost}", Access::administrator, get_vhost},
    {Verb::put, "/vhosts/{name}", Access::administrator, put_vhost},
    {Verb::del, "/vhosts/{name}", Access::administrator, delete_vhost},
    {Verb::get, "/vhost-limits", Access::manager, list_limits},
    {Verb::get, "/vhost-limits/{vhost}", Access::visible_vhost, list_limits},
    {Verb::put, "/vhost-limits/{vhost}/{limit}", Access::administrator, put_limit},
    {Verb::del, "/vhost-limits/{vhost}/{limit}", Access::administrator, delete_limit},
    {Verb::get, "/aliveness-test/{vhost}", Access::vhost, test_aliveness},
};

}  // namespace

std::span<const Endpoint> vhost_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
