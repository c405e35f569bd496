// /bindings, and those of one queue or exchange.
#include "broker/core/topology.h"
#include "broker/http/path.h"
#include "broker/management/fields.h"
#include "broker/management/management_api.h"

namespace lvt::broker {

namespace json = boost::json;
using http::Verb;

namespace {

Bytes exchange_name(const std::string& name) {
    return name == "amq.default" ? Bytes() : Bytes(name);
}

ByteView source_of(const BindingRow& row) {
    return row.key ? ByteView(row.source->name()) : ByteView();
}
ByteView destination_of(const BindingRow& row) {
    return row.key ? ByteView(row.key->destination) : ByteView(row.queue->name);
}
bool is_to_queue(const BindingRow& row) { return !row.key || row.key->to_queue; }

/// The two ends that a path names: /bindings/{vhost}/e/{source}/{kind}/{destination}.
struct Ends {
    Bytes source;
    bool to_queue = true;
    Bytes destination;

    explicit Ends(const Call& call)
        : source(exchange_name(call.names[1])), to_queue(call.names[2] == "q") {
        destination = to_queue ? Bytes(call.names[3]) : exchange_name(call.names[3]);
    }
    bool fit(const BindingRow& row) const {
        return source_of(row) == source && is_to_queue(row) == to_queue &&
               destination_of(row) == destination;
    }
};

/// Both are there; else the client has been told.
bool ends_exist(const CallPtr& call, const Ends& ends) {
    const VirtualHost& host = *call->find_vhost();
    const bool known_kind = call->names[2] == "q" || call->names[2] == "e";
    const bool source = ends.source.empty() || host.find_exchange(ends.source);
    const bool destination = ends.to_queue
                                 ? host.find_queue(ends.destination) != nullptr
                                 : ends.destination.empty() || host.find_exchange(ends.destination);
    if (known_kind && source && destination) return true;
    call->not_found();
    return false;
}

void list_bindings(const CallPtr& call) { answer_rows_of_vhosts<BindingSource>(call); }

// Whether the ends are there does not matter to lists: those have no bindings.

void list_queue_bindings(const CallPtr& call) {
    answer_rows_of_vhosts<BindingSource>(
        call, [name = Bytes(call->names[1])](const BindingRow& row) {
            return is_to_queue(row) && destination_of(row) == name;
        });
}

void list_bindings_from(const CallPtr& call) {
    const Bytes name = exchange_name(call->names[1]);
    answer_rows_of_vhosts<BindingSource>(
        call, [name](const BindingRow& row) { return source_of(row) == name; });
}

void list_bindings_to(const CallPtr& call) {
    const Bytes name = exchange_name(call->names[1]);
    answer_rows_of_vhosts<BindingSource>(call, [name](const BindingRow& row) {
        return !is_to_queue(row) && destination_of(row) == name;
    });
}

void list_bindings_between(const CallPtr& call) {
    answer_rows_of_vhosts<BindingSource>(
        call, [ends = Ends(*call)](const BindingRow& row) { return ends.fit(row); });
}

template <class ToQueue, class ToExchange>
amqp::Method method_between(const Ends& ends, Bytes routing_key, amqp::Table arguments) {
    if (ends.to_queue) {
        ToQueue method;
        method.queue = ends.destination;
        method.exchange = ends.source;
        method.routing_key = std::move(routing_key);
        method.arguments = std::move(arguments);
        return method;
    }
    ToExchange method;
    method.destination = ends.destination;
    method.source = ends.source;
    method.routing_key = std::move(routing_key);
    method.arguments = std::move(arguments);
    return method;
}

void create_binding(const CallPtr& call) {
    if (!call->may_enter(call->vhost)) return call->refuse("Access refused.");
    const Ends ends(*call);
    if (!ends_exist(call, ends)) return;
    auto arguments = call->table_field("arguments");
    if (!arguments) return;
    const Bytes routing_key = call->text_field("routing_key").value_or("");
    const BindingKey key{ends.to_queue, ends.destination, routing_key, Bytes(arguments->bytes())};
    const std::string where =
        http::percent_encoded(ends.destination) + "/" + properties_key({nullptr, &key});
    AmqpJob job;
    job.methods.push_back(method_between<amqp::QueueBind, amqp::ExchangeBind>(
        ends, routing_key, std::move(*arguments)));
    call->amqp(std::move(job), Call::Tone::plain, [call, where](const AmqpOutcome&) {
        call->done(201, {{"location", where}});
    });
}

/// The binding that the path's last name stands for, in two spellings: clients encode the key once or twice. Nothing: the client has
/// been told that there is none.
std::optional<BindingRow> find_binding(const CallPtr& call, const Ends& ends) {
    const VirtualHost* const host = call->find_vhost();
    const std::string& name = call->names[4];
    const auto is_it = [&](const BindingRow& row) {
        const std::string key = properties_key(row);
        return ends.fit(row) && (key == name || http::percent_decoded(key) == name);
    };
    if (ends.source.empty()) {
        const Queue* const queue = host->find_queue(ends.destination);
        const BindingRow row{nullptr, nullptr, queue, host};
        if (queue && ends.to_queue && is_it(row)) return row;
    } else if (const Exchange* const source = host->find_exchange(ends.source)) {
        const BindingKey first{ends.to_queue, ends.destination, {}, {}};
        for (auto at = source->bindings().lower_bound(first); at != source->bindings().end();
             ++at) {
            const BindingRow row{source, &at->first, nullptr, host};
            if (!ends.fit(row)) break;
            if (is_it(row)) return row;
        }
    }
    call->not_found();
    return std::nullopt;
}

void get_binding(const CallPtr& call) {
    const auto row = find_binding(call, Ends(*call));
    if (row) call->object(row_object(*call, *row));
}

void delete_binding(const CallPtr& call) {
    const Ends ends(*call);
    const auto row = find_binding(call, ends);
    if (!row) return;
    auto arguments = amqp::Table::decode(row->key ? ByteView(row->key->arguments) : ByteView());
    if (arguments.has_error()) return call->bad_request(arguments.error().text);
    AmqpJob job;
    job.methods.push_back(method_between<amqp::QueueUnbind, amqp::ExchangeUnbind>(
        ends, row->key ? row->key->routing_key : row->queue->name, std::move(*arguments)));
    call->amqp(std::move(job), Call::Tone::plain, [call](const AmqpOutcome&) { call->done(204); });
}

constexpr std::string_view kBetween = "/bindings/{vhost}/e/{source}/{kind}/{destination}";
constexpr std::string_view kOne = "/bindings/{vhost}/e/{source}/{kind}/{destination}/{key}";

constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/bindings", Access::manager, list_bindings},
    {Verb::get, "/bindings/{vhost}", Access::vhost, list_bindings},
    {Verb::get, kBetween, Access::vhost, list_bindings_between},
    {Verb::post, kBetween, Access::vhost, create_binding},
    {Verb::get, kOne, Access::vhost, get_binding},
    {Verb::del, kOne, Access::vhost, delete_binding},
    {Verb::get, "/queues/{vhost}/{queue}/bindings", Access::vhost, list_queue_bindings},
    {Verb::get, "/exchanges/{vhost}/{exchange}/bindings/source", Access::vhost, list_bindings_from},
    {Verb::get,
     "/exchanges/{vhost}/{exchange}/bindings/destination",
     Access::vhost,
     list_bindings_to},
};

}  // namespace

std::span<const Endpoint> binding_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
