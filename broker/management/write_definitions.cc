#include "broker/auth/password_hash.h"
#include "broker/core/topology.h"
#include "broker/management/definitions.h"
#include "broker/management/table_json.h"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

namespace lvt::broker {
namespace {

namespace json = boost::json;

json::string text(ByteView bytes) { return json::string(bytes.data(), bytes.size()); }

json::array texts(const std::vector<Bytes>& words) {
    json::array out;
    for (const Bytes& word : words) out.push_back(text(word));
    return out;
}

/// Turns each command into an element of the list that it belongs to.
class Writer {
public:
    void operator()(const PutVhost& c) {
        vhosts_.push_back(json::object{
            {"name", text(c.name)},
            {"limits", json::array()},
            {"metadata", json::object{{"description", ""}, {"tags", json::array()}}}});
    }
    void operator()(const PutDelayQueue&) {}  // comes with its exchange
    void operator()(const DescribeVhost& c) {
        json::object& metadata = vhosts_.back().as_object()["metadata"].as_object();
        metadata["description"] = text(c.description);
        metadata["tags"] = texts(c.tags);
        if (!c.default_queue_type.empty())
            metadata["default_queue_type"] = text(c.default_queue_type);
    }
    void operator()(const PutUser& c) {
        users_.push_back(json::object{
            {"name", text(c.name)},
            {"password_hash", text(c.password_hash)},
            {"hashing_algorithm", text(hashing_algorithm(c.password_hash))},
            {"tags", texts(c.tags)},
            {"limits", json::object()}});
    }
    void operator()(const PutLimits& c) {
        if (c.of_user) {
            users_.back().as_object()["limits"] = json_of(c.limits);
            return;
        }
        parameters_.push_back(json::object{
            {"component", "vhost-limits"},
            {"name", "limits"},
            {"value", json_of(c.limits)},
            {"vhost", text(c.name)}});
    }
    void operator()(const PutPermissions& c) {
        permissions_.push_back(json::object{
            {"user", text(c.user)},
            {"vhost", text(c.vhost)},
            {"configure", text(c.configure)},
            {"write", text(c.write)},
            {"read", text(c.read)}});
    }
    void operator()(const PutTopicPermissions& c) {
        topic_permissions_.push_back(json::object{
            {"user", text(c.user)},
            {"vhost", text(c.vhost)},
            {"exchange", text(c.exchange)},
            {"write", text(c.write)},
            {"read", text(c.read)}});
    }
    void operator()(const PutPolicy& c) {
        json::object value{
            {"pattern", text(c.pattern)},
            {"apply-to", text(c.apply_to)},
            {"priority", c.priority},
            {"definition", json_of(c.definition)}};
        if (c.of_operator) {
            parameters_.push_back(json::object{
                {"component", "operator_policy"},
                {"name", text(c.name)},
                {"value", std::move(value)},
                {"vhost", text(c.vhost)}});
            return;
        }
        value["vhost"] = text(c.vhost);
        value["name"] = text(c.name);
        policies_.push_back(std::move(value));
    }
    void operator()(const PutExchange& c) {
        exchanges_.push_back(json::object{
            {"name", text(c.name)},
            {"vhost", text(c.vhost)},
            {"type", text(c.type)},
            {"durable", c.durable},
            {"auto_delete", c.auto_delete},
            {"internal", c.internal},
            {"arguments", json_of(c.arguments)}});
    }
    void operator()(const PutQueue& c) {
        const auto type = c.arguments.find("x-queue-type");
        const auto word = type ? type->string() : std::nullopt;
        queues_.push_back(json::object{
            {"name", text(c.name)},
            {"vhost", text(c.vhost)},
            {"type", text(word.value_or("classic"))},
            {"durable", c.durable},
            {"auto_delete", c.auto_delete},
            {"arguments", json_of(c.arguments)}});
    }
    void operator()(const PutBinding& c) {
        bindings_.push_back(json::object{
            {"source", text(c.source)},
            {"vhost", text(c.vhost)},
            {"destination", text(c.destination)},
            {"destination_type", c.to_queue ? "queue" : "exchange"},
            {"routing_key", text(c.routing_key)},
            {"arguments", json_of(c.arguments)}});
    }
    void operator()(const PutGlobalParameter& c) {
        boost::system::error_code error;
        global_parameters_.push_back(
            json::object{{"name", text(c.name)}, {"value", json::parse(c.value, error)}});
    }
    template <class Other>
    void operator()(const Other&) {}

    json::object file(std::string_view version) {
        return {
            {"rabbit_version", version},
            {"rabbitmq_version", version},
            {"users", std::move(users_)},
            {"vhosts", std::move(vhosts_)},
            {"permissions", std::move(permissions_)},
            {"topic_permissions", std::move(topic_permissions_)},
            {"parameters", std::move(parameters_)},
            {"global_parameters", std::move(global_parameters_)},
            {"policies", std::move(policies_)},
            {"queues", std::move(queues_)},
            {"exchanges", std::move(exchanges_)},
            {"bindings", std::move(bindings_)}};
    }

private:
    json::array users_, vhosts_, permissions_, topic_permissions_, parameters_, policies_, queues_,
        exchanges_, bindings_, global_parameters_;
};

}  // namespace

json::object write_definitions(const Topology& topology, std::string_view version) {
    Writer writer;
    for (const MetadataCommand& command : topology.durable_commands()) std::visit(writer, command);
    return writer.file(version);
}

}  // namespace lvt::broker
