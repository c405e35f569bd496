// /policies, /operator-policies, /parameters.
#include "broker/core/topology.h"
#include "broker/management/json_values.h"
#include "broker/management/management_api.h"
#include "broker/management/table_json.h"

#include <fmt/format.h>

namespace lvt::broker {

namespace json = boost::json;
using http::Verb;

namespace {

constexpr std::string_view kOperatorPolicy = "operator_policy";
constexpr std::string_view kVhostLimits = "vhost-limits";

json::object definition_json(const Policy& policy) {
    return {
        {"pattern", json_text(policy.pattern)},
        {"apply-to", json_text(policy.apply_to)},
        {"definition", json_of(policy.definition)},
        {"priority", policy.priority}};
}

json::object policy_json(ByteView vhost, ByteView name, const Policy& policy) {
    json::object out{{"vhost", json_text(vhost)}, {"name", json_text(name)}};
    for (auto& [key, value] : definition_json(policy)) out[key] = std::move(value);
    return out;
}

const Policies& policies_of(const Call& call, ByteView vhost, bool of_operator) {
    const VhostDefinitions& all = call.api.core.topology().definitions(vhost);
    return of_operator ? all.operator_policies : all.policies;
}

template <bool OfOperator>
void list_policies(const CallPtr& call) {
    std::vector<json::object> rows;
    for (const Bytes& vhost : call->visible_vhosts())
        for (const auto& [name, policy] : policies_of(*call, vhost, OfOperator))
            rows.push_back(policy_json(vhost, name, policy));
    call->list(std::move(rows));
}

template <bool OfOperator>
void get_policy(const CallPtr& call) {
    const Policies& all = policies_of(*call, call->vhost, OfOperator);
    const auto found = all.find(call->names[1]);
    if (found == all.end()) return call->not_found();
    call->object(policy_json(call->vhost, found->first, found->second));
}

/// What a faulty policy is answered with.
void refuse_policy(const CallPtr& call, ByteView fault) {
    call->bad_request(fmt::format("Validation failed\n\n{}\n", fault));
}

void put_policy_from(
    const CallPtr& call, const json::object& given, const Bytes& name, bool of_operator) {
    PutPolicy policy;
    policy.vhost = call->vhost;
    policy.name = name;
    policy.of_operator = of_operator;
    // The value of a parameter stands one level deeper than that of a policy.
    call->body = given;
    if (!call->require({"pattern", "definition"})) return;
    policy.pattern = call->text_field("pattern").value_or("");
    policy.apply_to = call->text_field("apply-to").value_or("all");
    if (call->body.contains("priority")) {
        const auto priority = call->number_field("priority");
        if (!priority || *priority < INT32_MIN || *priority > INT32_MAX)
            return refuse_policy(call, "priority should be number");
        policy.priority = static_cast<std::int32_t>(*priority);
    }
    auto definition = call->table_field("definition");
    if (!definition) return;
    policy.definition = std::move(*definition);
    if (const Bytes fault = fault_in_policy(policy); !fault.empty())
        return refuse_policy(call, fault);
    const bool existed = policies_of(*call, call->vhost, of_operator).contains(name);
    call->put({std::move(policy)}, existed);
}

template <bool OfOperator>
void put_policy(const CallPtr& call) {
    put_policy_from(call, json::object(call->body), call->names[1], OfOperator);
}

template <bool OfOperator>
void delete_policy(const CallPtr& call) {
    call->remove(DeletePolicy{call->vhost, call->names[1], OfOperator});
}

json::object parameter_json(ByteView component, ByteView vhost, ByteView name, json::object value) {
    return {
        {"value", std::move(value)},
        {"vhost", json_text(vhost)},
        {"component", component},
        {"name", json_text(name)}};
}

std::vector<json::object> parameters(const Call& call, std::string_view component) {
    std::vector<json::object> rows;
    for (const Bytes& vhost : call.visible_vhosts()) {
        if (component.empty() || component == kOperatorPolicy) {
            for (const auto& [name, policy] : policies_of(call, vhost, true))
                rows.push_back(
                    parameter_json(kOperatorPolicy, vhost, name, definition_json(policy)));
        }
        const amqp::Table& limits = call.api.core.topology().definitions(vhost).limits;
        if ((component.empty() || component == kVhostLimits) && !limits.empty())
            rows.push_back(parameter_json(kVhostLimits, vhost, "limits", json_of(limits)));
    }
    return rows;
}

void list_parameters(const CallPtr& call) {
    call->list(parameters(*call, call->names.empty() ? std::string_view() : call->names[0]));
}

void get_parameter(const CallPtr& call) {
    for (json::object& row : parameters(*call, call->names[0]))
        if (row.at("name").get_string() == call->names[2]) return call->object(std::move(row));
    call->not_found();
}

void put_parameter(const CallPtr& call) {
    if (!call->require({"value"})) return;
    const json::value value = call->body.at("value");
    const std::string& component = call->names[0];
    if (component == kOperatorPolicy && value.is_object())
        return put_policy_from(call, value.get_object(), call->names[2], true);
    if (component == kVhostLimits && call->names[2] == "limits") {
        auto limits = table_of(value);
        if (limits.has_error())
            return call->bad_request("Validation failed\n\nvalue " + limits.error().message + "\n");
        PutLimits put{false, call->vhost, std::move(*limits)};
        if (const Bytes fault = fault_in_limits(put); !fault.empty())
            return call->bad_request(fmt::format("Validation failed\n\n{}\n", fault));
        const bool existed = !call->api.core.topology().definitions(call->vhost).limits.empty();
        return call->put({std::move(put)}, existed);
    }
    call->bad_request(fmt::format("Validation failed\n\ncomponent {} not found\n", component));
}

void delete_parameter(const CallPtr& call) {
    if (call->names[0] == kOperatorPolicy)
        return call->remove(DeletePolicy{call->vhost, call->names[2], true});
    if (call->names[0] == kVhostLimits && call->names[2] == "limits")
        return call->remove(PutLimits{false, call->vhost, {}});
    call->not_found();
}

constexpr Access kPolicies = Access::policymaker;
constexpr std::string_view kOne = "/policies/{vhost}/{policy}";
constexpr std::string_view kOneOfOperator = "/operator-policies/{vhost}/{policy}";
constexpr std::string_view kParameter = "/parameters/{component}/{vhost}/{parameter}";

constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/policies", Access::manager, list_policies<false>},
    {Verb::get, "/policies/{vhost}", Access::vhost, list_policies<false>},
    {Verb::get, kOne, kPolicies, get_policy<false>},
    {Verb::put, kOne, kPolicies, put_policy<false>},
    {Verb::del, kOne, kPolicies, delete_policy<false>},
    {Verb::get, "/operator-policies", Access::manager, list_policies<true>},
    {Verb::get, "/operator-policies/{vhost}", Access::vhost, list_policies<true>},
    {Verb::get, kOneOfOperator, Access::administrator, get_policy<true>},
    {Verb::put, kOneOfOperator, Access::administrator, put_policy<true>},
    {Verb::del, kOneOfOperator, Access::administrator, delete_policy<true>},
    {Verb::get, "/parameters", kPolicies, list_parameters},
    {Verb::get, "/parameters/{component}", kPolicies, list_parameters},
    {Verb::get, "/parameters/{component}/{vhost}", kPolicies, list_parameters},
    {Verb::get, kParameter, kPolicies, get_parameter},
    {Verb::put, kParameter, kPolicies, put_parameter},
    {Verb::del, kParameter, kPolicies, delete_parameter},
};

}  // namespace

std::span<const Endpoint> policy_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
