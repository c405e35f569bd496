// /overview, /nodes and what the API says of itself.
#include "broker/core/topology.h"
#include "broker/management/api_stats.h"
#include "broker/management/global_parameters.h"
#include "broker/management/json_values.h"
#include "broker/management/management_api.h"
#include "broker/management/node_facts.h"
#include "broker/management/totals.h"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace lvt::broker {

namespace json = boost::json;
using http::Verb;

namespace {

/// Tools take a count of 0 for a missing one, so nothing that a RabbitMQ always has may be 0 here. Erlang's processes have no like.
constexpr std::uint64_t kProcesses = 1;
constexpr std::uint64_t kProcessesMax = 1048576;

json::object enabled(std::string_view name, std::string_view description) {
    return {{"name", name}, {"description", description}, {"enabled", true}};
}

json::array exchange_types() {
    return {
        enabled("direct", "Routes by equal routing keys"),
        enabled("fanout", "Routes to all bound queues"),
        enabled("headers", "Routes by message headers"),
        enabled("topic", "Routes by patterns of routing keys"),
        enabled("x-consistent-hash", "Spreads routing keys over the bound queues"),
        enabled("x-delayed-message", "Holds messages back, then routes as another type"),
        enabled("x-random", "Routes to one bound queue at random")};
}

void add_listeners(json::array& out, const std::string& node, const NodeFacts& facts) {
    for (const ListeningAt& one : facts.listeners) {
        out.push_back(json::object{
            {"node", node},
            {"protocol", one.protocol},
            {"ip_address", one.address},
            {"port", one.port},
            {"socket_opts",
             json::object{
                 {"backlog", 1024},
                 {"nodelay", true},
                 {"linger", json::array{true, 0}},
                 {"exit_on_close", false}}}});
    }
}

void add_contexts(
    json::array& out, const std::string& node, const NodeFacts& facts, bool with_node) {
    for (const ListeningAt& one : facts.listeners) {
        if (!one.protocol.starts_with("http")) continue;
        json::object context;
        if (with_node) {
            context["ssl_opts"] = json::array();
            context["node"] = node;
        }
        const bool metrics = one.protocol == "http/prometheus";
        context["description"] = metrics ? "RabbitMQ Prometheus" : "RabbitMQ Management";
        context["path"] = "/";
        context["cowboy_opts"] = "[]";
        context["ip"] = one.address;
        context["port"] = std::to_string(one.port);
        if (one.protocol != "http") context["protocol"] = "'" + one.protocol + "'";
        out.push_back(std::move(context));
    }
}

json::object overview_json(const CallPtr& call) {
    const ApiOptions& options = call->api.options;
    json::object out{
        {"management_version", options.version},
        {"rates_mode", "basic"},
        {"sample_retention_policies",
         json::object{
             {"global", json::array{600, 3600, 28800, 86400}},
             {"basic", json::array{600, 3600}},
             {"detailed", json::array{600}}}},
        {"exchange_types", exchange_types()},
        {"product_version", options.version},
        {"product_name", options.product},
        {"rabbitmq_version", options.version},
        {"cluster_name", json_text(cluster_name(call->api.core.topology(), options.cluster_name))},
        {"erlang_version", "none"},
        {"erlang_full_version", "none"},
        {"release_series_support_status", "supported"},
        {"disable_stats", false},
        {"enable_queue_totals", false},
        {"statistics_db_event_queue", 0},
        {"node", options.node_name}};
    put_broker_stats(out, call->api.core, StatsView::of(call->query, call->api.clock.now()));
    if (call->visitor.monitor) {
        json::array listeners;
        json::array contexts;
        for (const MemberFacts& one : call->api.member_facts()) {
            if (!one.running || !one.facts) continue;
            add_listeners(listeners, one.name, *one.facts);
            add_contexts(contexts, one.name, *one.facts, true);
        }
        out["listeners"] = std::move(listeners);
        out["contexts"] = std::move(contexts);
    }
    return out;
}

/// What another node counts of itself. All know the same queues and exchanges.
void add_counts(json::object& overview, const json::object& other) {
    const auto add = [&](const char* key, const auto& wanted) {
        const json::value* const more = other.if_contains(key);
        if (!more || !more->is_object() || !overview.contains(key)) return;
        json::object counts;
        for (const auto& [name, count] : more->get_object())
            if (wanted(name)) counts[name] = count;
        add_numbers(overview.at(key).as_object(), counts);
    };
    for (const char* const key : {"message_stats", "queue_totals", "churn_rates"})
        add(key, [](std::string_view) { return true; });
    add("object_totals",
        [](std::string_view name) { return name != "queues" && name != "exchanges"; });
}

/// Those of members that are down are left out, as by RabbitMQ.
std::uint64_t queues_of_running(const Call& call, const std::vector<MemberSaid>& others) {
    std::uint64_t all = call.api.core.object_totals().queues;
    const bool complete =
        std::ranges::all_of(others, [](const MemberSaid& one) { return one.told.has_value(); });
    if (complete) return all;
    const QueuePlaces places(call.api.members.self, others);
    call.api.core.topology().for_each_queue([&](const Queue& queue) {
        if (places.of(queue) == QueuePlaces::Place::down) --all;
    });
    return all;
}

void get_overview(const CallPtr& call) {
    if (!call->is_of_all()) return call->object(overview_json(call));
    call->ask_members(std::nullopt, [call](const std::vector<MemberSaid>& others) {
        json::object out = overview_json(call);
        out.at("object_totals").as_object()["queues"] = queues_of_running(*call, others);
        for (const MemberSaid& one : others) {
            boost::system::error_code error;
            const json::value counts = json::parse(one.told ? one.told->text : "", error);
            if (!error && counts.is_object()) add_counts(out, counts.get_object());
        }
        call->object(std::move(out));
    });
}

void put(json::object& out, std::string_view name, json::value value) {
    out[name] = std::move(value);
    out[std::string(name) + "_details"] = no_rate();
}

/// What RabbitMQ counts of Erlang and of its own store; there is no like here.
void put_foreign_counts(json::object& out) {
    for (const char* const name :
         {"gc_num",
          "gc_bytes_reclaimed",
          "context_switches",
          "io_read_count",
          "io_read_bytes",
          "io_write_count",
          "io_write_bytes",
          "io_sync_count",
          "io_seek_count",
          "io_reopen_count",
          "mnesia_ram_tx_count",
          "mnesia_disk_tx_count",
          "msg_store_read_count",
          "msg_store_write_count",
          "queue_index_write_count",
          "queue_index_read_count"})
        put(out, name, 0);
    for (const char* const name :
         {"io_read_avg_time", "io_write_avg_time", "io_sync_avg_time", "io_seek_avg_time"})
        put(out, name, 0.0);
    json::object lengths;
    for (const char* const name :
         {"connection_closed",
          "channel_closed",
          "consumer_deleted",
          "exchange_deleted",
          "queue_deleted",
          "vhost_deleted",
          "node_node_deleted",
          "channel_consumer_deleted"})
        lengths[name] = 0;
    out["metrics_gc_queue_length"] = std::move(lengths);
    out["ra_open_file_metrics"] = json::object{{"ra_log_wal", 0}, {"ra_log_segment_writer", 0}};
    out["cluster_links"] = json::array();
}

json::object memory_json(const NodeFacts& facts) {
    json::object out;
    for (const char* const name :
         {"connection_readers",
          "connection_writers",
          "connection_channels",
          "connection_other",
          "queue_procs",
          "queue_slave_procs",
          "quorum_queue_procs",
          "quorum_queue_dlx_procs",
          "stream_queue_procs",
          "stream_queue_replica_reader_procs",
          "stream_queue_coordinator_procs",
          "plugins",
          "metrics",
          "mgmt_db",
          "mnesia",
          "quorum_ets",
          "other_ets",
          "binary",
          "msg_index",
          "code",
          "atom",
          "other_system",
          "allocated_unused",
          "reserved_unallocated"})
        out[name] = 0;
    out["other_proc"] = facts.memory_bytes;
    out["strategy"] = "rss";
    out["total"] = json::object{
        {"erlang", facts.memory_bytes},
        {"rss", facts.memory_bytes},
        {"allocated", facts.memory_bytes}};
    return out;
}

json::array texts(const std::vector<std::string>& words) {
    json::array out;
    for (const std::string& word : words) out.emplace_back(word);
    return out;
}

/// As RabbitMQ shows a node that is down, or has told nothing yet.
json::object absent_node_json(const MemberFacts& member) {
    return {
        {"name", member.name},
        {"type", "disc"},
        {"running", false},
        {"mem_alarm", false},
        {"disk_free_alarm", false},
        {"partitions", json::array()}};
}

/// What every node tells of itself.
json::object told_node_json(
    const std::string& name, const ToldFacts& facts, std::uint64_t sockets_used) {
    json::array contexts;
    add_contexts(contexts, name, facts, false);
    json::object out{
        {"name", name},
        {"type", "disc"},
        {"running", facts.accepts_clients},
        {"partitions", json::array()},
        {"os_pid", std::to_string(facts.pid)},
        {"fd_total", facts.files_max},
        {"sockets_total", facts.files_max},
        {"mem_limit", facts.memory_limit_bytes},
        {"mem_alarm", facts.memory_alarm},
        {"disk_free_limit", facts.disk_free_limit_bytes},
        {"disk_free_alarm", facts.disk_alarm},
        {"proc_total", kProcessesMax},
        {"rates_mode", "basic"},
        {"uptime", facts.uptime_ms},
        {"run_queue", 0},
        {"processors", facts.processors},
        {"contexts", std::move(contexts)},
        {"applications",
         json::array{json::object{
             {"name", "rabbit"}, {"description", facts.product}, {"version", facts.version}}}},
        {"enabled_plugins", json::array{"rabbitmq_management"}},
        {"mem_calculation_strategy", "rss"}};
    put(out, "mem_used", facts.memory_bytes);
    put(out, "fd_used", std::max<std::uint64_t>(1, facts.files_open));
    put(out, "sockets_used", sockets_used);
    put(out, "proc_used", kProcesses);
    put(out, "disk_free", facts.disk_free_bytes);
    put_foreign_counts(out);
    return out;
}

json::object node_json(const Call& call) {
    const ApiOptions& options = call.api.options;
    const ToldFacts facts{call.api.node_facts(), options.product, options.version};
    json::object all;
    put_broker_stats(all, call.api.core, StatsView::of(call.query, call.api.clock.now()));
    const json::value& connections = all.at("object_totals").at("connections");
    json::object out = told_node_json(
        options.node_name,
        facts,
        std::max<std::uint64_t>(1, connections.to_number<std::uint64_t>()));
    out["exchange_types"] = exchange_types();
    out["auth_mechanisms"] =
        json::array{enabled("PLAIN", "SASL PLAIN"), enabled("AMQPLAIN", "AMQPLAIN")};
    out["log_files"] = json::array{"<stderr>"};
    out["db_dir"] = options.data_dir;
    out["config_files"] = texts(options.config_files);
    out["net_ticktime"] = 60;
    for (auto& [name, value] : all.at("churn_rates").as_object()) out[name] = std::move(value);
    if (call.query.flag("memory")) out["memory"] = memory_json(facts);
    return out;
}

json::object member_json(const Call& call, const MemberFacts& member) {
    if (member.itself) return node_json(call);
    if (!member.running || !member.facts) return absent_node_json(member);
    // What it counts itself is not known here.
    return told_node_json(member.name, *member.facts, 1);
}

void list_nodes(const CallPtr& call) {
    std::vector<json::object> rows;
    for (const MemberFacts& one : call->api.member_facts()) rows.push_back(member_json(*call, one));
    call->list(std::move(rows));
}

bool is_this_node(const CallPtr& call) {
    if (call->names[0] == call->api.options.node_name) return true;
    call->not_found();
    return false;
}

std::optional<MemberFacts> member_named(const CallPtr& call) {
    for (MemberFacts& one : call->api.member_facts())
        if (one.name == call->names[0]) return std::move(one);
    return std::nullopt;
}

void get_node(const CallPtr& call) {
    const std::optional<MemberFacts> member = member_named(call);
    if (!member) return call->not_found();
    call->object(member_json(*call, *member));
}

void get_node_memory(const CallPtr& call) {
    const std::optional<MemberFacts> member = member_named(call);
    if (!member) return call->not_found();
    if (member->itself) return call->object({{"memory", memory_json(call->api.node_facts())}});
    if (!member->facts) return call->object({{"memory", "not_available"}});
    call->object({{"memory", memory_json(*member->facts)}});
}

void list_extensions(const CallPtr& call) {
    call->value(json::array{json::object{{"javascript", "dispatcher.js"}}});
}

void get_auth(const CallPtr& call) {
    call->object({{"enable_uaa", false}, {"uaa_client_id", ""}, {"uaa_location", ""}});
}

json::object feature_flag(std::string_view name, std::string_view description) {
    return {
        {"name", name},
        {"desc", description},
        {"doc_url", ""},
        {"state", "enabled"},
        {"stability", "stable"},
        {"provided_by", "rabbit"}};
}

void list_feature_flags(const CallPtr& call) {
    call->list(
        {feature_flag("classic_mirrored_queue_version", "Queue versions in policies"),
         feature_flag("drop_unroutable_metric", "Dropped unroutable publishes are counted"),
         feature_flag("empty_basic_get_metric", "Gets of empty queues are counted"),
         feature_flag("implicit_default_bindings", "Default bindings are not stored"),
         feature_flag("maintenance_mode_status", "Maintenance mode"),
         feature_flag("quorum_queue", "Queues of type quorum"),
         feature_flag("stream_queue", "Queues of type stream"),
         feature_flag("user_limits", "Limits of users"),
         feature_flag("virtual_host_metadata", "Descriptions and tags of virtual hosts")});
}

json::object attempts_json(std::string_view protocol, const AuthAttempts& attempts) {
    return {
        {"protocol", protocol},
        {"auth_attempts", attempts.succeeded + attempts.failed},
        {"auth_attempts_failed", attempts.failed},
        {"auth_attempts_succeeded", attempts.succeeded}};
}

AuthAttempts amqp_attempts(const Call& call) {
    const BrokerStats& stats = call.api.core.counters();
    return {stats.auth_attempts_succeeded, stats.auth_attempts_failed};
}

void list_auth_attempts(const CallPtr& call) {
    if (!is_this_node(call)) return;
    AuthAttempts amqp = amqp_attempts(*call);
    amqp.succeeded -= call->api.forgotten_amqp_attempts->succeeded;
    amqp.failed -= call->api.forgotten_amqp_attempts->failed;
    std::vector<json::object> rows;
    rows.push_back(attempts_json("http", *call->api.attempts));
    rows.push_back(attempts_json("amqp091", amqp));
    call->list(std::move(rows));
}

/// Who tried from where is in the log alone, as it is with RabbitMQ unless told otherwise.
void list_auth_attempts_by_source(const CallPtr& call) {
    if (is_this_node(call)) call->list({});
}

void forget_auth_attempts(const CallPtr& call) {
    if (!is_this_node(call)) return;
    *call->api.attempts = {};
    *call->api.forgotten_amqp_attempts = amqp_attempts(*call);
    call->done(204);
}

/// Asked for what is so already, or has nothing to do here.
void do_nothing(const CallPtr& call) { call->done(204); }

constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/overview", Access::manager, get_overview},
    {Verb::get, "/nodes", Access::monitor, list_nodes},
    {Verb::get, "/nodes/{node}", Access::monitor, get_node},
    {Verb::get, "/nodes/{node}/memory", Access::monitor, get_node_memory},
    {Verb::get, "/extensions", Access::manager, list_extensions},
    {Verb::get, "/auth", Access::open, get_auth},
    {Verb::get, "/auth/attempts/{node}", Access::monitor, list_auth_attempts},
    {Verb::del, "/auth/attempts/{node}", Access::monitor, forget_auth_attempts},
    {Verb::get, "/auth/attempts/{node}/source", Access::monitor, list_auth_attempts_by_source},
    {Verb::del, "/auth/attempts/{node}/source", Access::monitor, forget_auth_attempts},
    {Verb::get, "/feature-flags", Access::administrator, list_feature_flags},
    {Verb::put, "/feature-flags/{flag}/enable", Access::administrator, do_nothing},
    {Verb::del, "/reset", Access::administrator, do_nothing},
    {Verb::del, "/reset/{node}", Access::administrator, do_nothing},
    {Verb::post, "/rebalance/queues", Access::administrator, do_nothing},
};

}  // namespace

std::span<const Endpoint> node_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
