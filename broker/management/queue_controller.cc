// /queues: listing, declaring, deleting, purging, getting.
#include "broker/core/topology.h"
#include "broker/management/fields.h"
#include "broker/management/management_api.h"
#include "broker/management/message_json.h"

namespace lvt::broker {

namespace json = boost::json;
using http::Verb;

namespace {

/// Null: there is none, and the client has been told.
const Queue* find_queue(const CallPtr& call) {
    const Queue* const queue = call->find_vhost()->find_queue(call->names[1]);
    if (!queue) call->not_found();
    return queue;
}

void list_queues(const CallPtr& call) { answer_rows_of_vhosts<QueueSource>(call); }

/// A queue whose home is down is 404, as with RabbitMQ; listings have it.
void get_from_home(const CallPtr& call, cluster::NodeId home) {
    call->ask_members(home, [call](std::vector<MemberSaid> said) {
        if (said.empty() || !said.front().told) return call->not_found();
        call->pass_on(std::move(*said.front().told));
    });
}

void get_queue(const CallPtr& call) {
    const Queue* const queue = find_queue(call);
    if (!queue) return;
    if (!call->api.members.is_here(*queue) && call->is_of_all())
        return get_from_home(call, queue->home);
    json::object out = row_object(*call, *queue);
    json::array consumers;
    const ColumnContext context{call->api.pids};
    const FieldChoice<ConsumerRow> all{Shape(http::Query())};
    for (const Consumer* const consumer : queue->machine.consumers())
        consumers.push_back(all.object(ConsumerRow{*queue, *consumer}, context));
    out["consumer_details"] = std::move(consumers);
    out["deliveries"] = json::array();
    out["incoming"] = json::array();
    call->object(std::move(out));
}

void put_queue(const CallPtr& call) {
    auto arguments = call->table_field("arguments");
    if (!arguments) return;
    amqp::QueueDeclare declare;
    declare.queue = call->names[1];
    declare.durable = call->flag_field("durable").value_or(false);
    declare.auto_delete = call->flag_field("auto_delete").value_or(false);
    declare.arguments = std::move(*arguments);
    const bool existed = call->find_vhost()->find_queue(call->names[1]) != nullptr;
    AmqpJob job;
    job.methods.emplace_back(std::move(declare));
    call->amqp(std::move(job), Call::Tone::plain, [call, existed](const AmqpOutcome&) {
        call->done(existed ? 204 : 201);
    });
}

void delete_queue(const CallPtr& call) {
    if (!find_queue(call)) return;
    amqp::QueueDelete remove;
    remove.queue = call->names[1];
    remove.if_empty = call->query.flag("if-empty");
    remove.if_unused = call->query.flag("if-unused");
    AmqpJob job;
    job.methods.emplace_back(std::move(remove));
    call->amqp(std::move(job), Call::Tone::plain, [call](const AmqpOutcome&) { call->done(204); });
}

void purge_queue(const CallPtr& call) {
    if (!find_queue(call)) return;
    amqp::QueuePurge purge;
    purge.queue = call->names[1];
    AmqpJob job;
    job.methods.emplace_back(std::move(purge));
    call->amqp(
        std::move(job), Call::Tone::with_code, [call](const AmqpOutcome&) { call->done(204); });
}

/// Nothing: there is no such word.
bool read_ack_mode(ByteView mode, AmqpJob& job) {
    job.acks_at_once = mode == "ack_requeue_false";
    job.get_end = mode.ends_with("_false") ? GetEnd::discard : GetEnd::requeue;
    return job.acks_at_once || mode == "ack_requeue_true" || mode == "reject_requeue_true" ||
           mode == "reject_requeue_false";
}

void get_messages(const CallPtr& call) {
    if (!call->may_enter(call->vhost)) return call->refuse("Access refused.");
    if (!find_queue(call) || !call->require({"count", "encoding"})) return;
    Bytes mode = call->text_field("ackmode").value_or("");
    // Clients of old say it so.
    if (const auto requeue = call->flag_field("requeue"); requeue && mode.empty())
        mode = *requeue ? "ack_requeue_true" : "ack_requeue_false";
    if (mode.empty() && !call->require({"ackmode"})) return;
    AmqpJob job;
    const auto count = call->number_field("count");
    const Bytes encoding = call->text_field("encoding").value_or("");
    if (!count || *count < 0) return call->bad_request("{not_integer,count}");
    if (encoding != "auto" && encoding != "base64")
        return call->bad_request("Unsupported encoding. Please use auto or base64.");
    if (!read_ack_mode(mode, job)) return call->bad_request("Unsupported ackmode");
    job.get_queue = call->names[1];
    job.gets_max = static_cast<std::uint64_t>(*count);
    const auto truncate = call->number_field("truncate");
    const GetForm form{
        encoding == "base64",
        truncate && *truncate >= 0 ? static_cast<std::uint64_t>(*truncate) : ~std::uint64_t{0}};
    call->amqp(std::move(job), Call::Tone::with_code, [call, form](AmqpOutcome outcome) {
        auto got = std::make_shared<std::vector<GotMessage>>(std::move(outcome.got));
        call->respond([got, form] {
            json::array all;
            for (const GotMessage& one : *got) all.push_back(json_of(one, form));
            return json_response(200, std::move(all));
        });
    });
}

/// sync, cancel_sync: there are no mirrors.
void act_on_queue(const CallPtr& call) {
    if (!find_queue(call)) return;
    const Bytes action = call->text_field("action").value_or("");
    if (action == "sync" || action == "cancel_sync") return call->done(204);
    call->bad_request("unknown_action");
}

constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/queues", Access::manager, list_queues},
    {Verb::get, "/queues/{vhost}", Access::vhost, list_queues},
    {Verb::get, "/queues/{vhost}/{queue}", Access::vhost, get_queue},
    {Verb::put, "/queues/{vhost}/{queue}", Access::vhost, put_queue},
    {Verb::del, "/queues/{vhost}/{queue}", Access::vhost, delete_queue},
    {Verb::del, "/queues/{vhost}/{queue}/contents", Access::vhost, purge_queue},
    {Verb::post, "/queues/{vhost}/{queue}/get", Access::vhost, get_messages},
    {Verb::post, "/queues/{vhost}/{queue}/actions", Access::administrator, act_on_queue},
};

}  // namespace

std::span<const Endpoint> queue_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
