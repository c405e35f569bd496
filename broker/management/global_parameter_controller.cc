// /global-parameters and /cluster-name, which is one of them.
#include "broker/core/topology.h"
#include "broker/management/global_parameters.h"
#include "broker/management/json_values.h"
#include "broker/management/management_api.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace lvt::broker {

namespace json = boost::json;
using http::Verb;

namespace {

constexpr std::size_t kValueBytesMax = 1024 * 1024;

Bytes shown_cluster_name(const Call& call) {
    return cluster_name(call.api.core.topology(), call.api.options.cluster_name);
}

json::object parameter_json(ByteView name, json::value value) {
    return {{"name", json_text(name)}, {"value", std::move(value)}};
}

/// The cluster has a name whether somebody has set it or not.
std::vector<json::object> parameters(const Call& call) {
    std::vector<json::object> rows;
    rows.push_back(parameter_json(kClusterNameParameter, json_text(shown_cluster_name(call))));
    for (const auto& [name, value] : call.api.core.topology().global_parameters()) {
        boost::system::error_code error;
        if (name != kClusterNameParameter)
            rows.push_back(parameter_json(name, json::parse(value, error)));
    }
    return rows;
}

void list_parameters(const CallPtr& call) { call->list(parameters(*call)); }

void get_parameter(const CallPtr& call) {
    for (json::object& row : parameters(*call))
        if (row.at("name").get_string() == call->names[0]) return call->object(std::move(row));
    call->not_found();
}

void put(const CallPtr& call, Bytes name, const json::value& value, bool existed) {
    PutGlobalParameter command{std::move(name), json::serialize(value)};
    if (command.value.size() > kValueBytesMax) return call->bad_request("value is too long");
    call->put({std::move(command)}, existed);
}

void put_parameter(const CallPtr& call) {
    if (!call->require({"value"})) return;
    const Bytes name = call->names[0];
    const json::value value = call->body.at("value");
    if (name == kClusterNameParameter && !value.is_string())
        return call->bad_request("the name of the cluster must be a text");
    put(call, name, value, call->api.core.topology().global_parameters().contains(name));
}

void delete_parameter(const CallPtr& call) { call->remove(DeleteGlobalParameter{call->names[0]}); }

void get_cluster_name(const CallPtr& call) {
    call->object({{"name", json_text(shown_cluster_name(*call))}});
}

void put_cluster_name(const CallPtr& call) {
    if (!call->require({"name"})) return;
    const json::value name = call->body.at("name");
    if (!name.is_string()) return call->bad_request("the name of the cluster must be a text");
    put(call, Bytes(kClusterNameParameter), name, true);
}

constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/global-parameters", Access::policymaker, list_parameters},
    {Verb::get, "/global-parameters/{name}", Access::policymaker, get_parameter},
    {Verb::put, "/global-parameters/{name}", Access::policymaker, put_parameter},
    {Verb::del, "/global-parameters/{name}", Access::policymaker, delete_parameter},
    {Verb::get, "/cluster-name", Access::manager, get_cluster_name},
    {Verb::put, "/cluster-name", Access::administrator, put_cluster_name},
};

}  // namespace

std::span<const Endpoint> global_parameter_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
