// /definitions, of the whole broker or of one virtual host.
#include "broker/core/topology.h"
#include "broker/management/definitions.h"
#include "broker/management/management_api.h"

#include <boost/json/serialize.hpp>

namespace lvt::broker {

namespace json = boost::json;
using http::Verb;

namespace {

/// The lists of an exported file that belong to a virtual host.
constexpr std::string_view kVhostLists[] = {
    "parameters", "policies", "queues", "exchanges", "bindings"};

/// Keeps what belongs to the virtual host, whose name is left out where `anonymous`.
json::array of_vhost(json::array& all, ByteView vhost, bool anonymous) {
    json::array out;
    for (json::value& one : all) {
        json::object& object = one.as_object();
        if (object.at("vhost").as_string() != std::string_view(vhost)) continue;
        if (anonymous) object.erase("vhost");
        out.push_back(std::move(one));
    }
    return out;
}

void export_all(const CallPtr& call) {
    const ApiOptions& options = call->api.options;
    json::object file = write_definitions(call->api.core.topology(), options.version);
    file["product_name"] = options.product;
    file["product_version"] = options.version;
    call->object(std::move(file));
}

void export_vhost(const CallPtr& call) {
    json::object file = write_definitions(call->api.core.topology(), call->api.options.version);
    json::object out{{"rabbit_version", call->api.options.version}};
    for (const std::string_view list : kVhostLists)
        out[list] = of_vhost(file.at(list).as_array(), call->vhost, list != "parameters");
    call->object(std::move(out));
}

void import(const CallPtr& call) {
    const Bytes vhost = call->vhost.empty() ? Bytes("/") : call->vhost;
    auto definitions = read_definitions(call->request.body, vhost, call->api.random);
    if (definitions.has_error()) return call->bad_request(definitions.error().message);
    for (const std::string& line : definitions->ignored)
        call->api.log.log(LogLevel::warning, "{}", line);
    call->api.administer(
        ChangeDefinitions{std::move(definitions->commands), ChangeDefinitions::Require::nothing},
        [call](const AdminReply& reply) {
            const std::string fault = fault_of_import(reply);
            if (fault.empty()) return call->done(204);
            call->bad_request(fault);
        });
}

constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/definitions", Access::administrator, export_all},
    {Verb::post, "/definitions", Access::administrator, import},
    {Verb::get, "/all-configuration", Access::administrator, export_all},
    {Verb::post, "/all-configuration", Access::administrator, import},
    {Verb::get, "/definitions/{vhost}", Access::administrator, export_vhost},
    {Verb::post, "/definitions/{vhost}", Access::administrator, import},
};

}  // namespace

std::span<const Endpoint> definition_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
