#include "broker/management/management_api.h"

#include "broker/http/multipart.h"
#include "protocol/amqp/table.h"

#include <boost/json/parse.hpp>

#include <fstream>
#include <sstream>

namespace lvt::broker {

namespace json = boost::json;

namespace {

/// Where Debian's RabbitMQ keeps its command line tool.
constexpr const char* kRabbitmqadmin = "/usr/bin/rabbitmqadmin";
constexpr std::size_t kToolBytesMax = 1024 * 1024;

int place_of_vhost(std::string_view path) {
    int place = -1;
    for (std::size_t at = path.find('{'); at != std::string_view::npos;
         at = path.find('{', at + 1)) {
        ++place;
        if (path.substr(at).starts_with("{vhost}")) return place;
    }
    return -1;
}

/// "/queues/{vhost}" -> "/queues/{}".
std::string without_names(std::string_view path) {
    std::string out;
    bool inside = false;
    for (const char c : path) {
        if (c == '}') inside = false;
        if (!inside) out += c;
        if (c == '{') inside = true;
    }
    return out;
}

http::Response not_found() {
    return json_response(404, error_body("Object Not Found", "Not Found"));
}

/// Puts headers to whatever is answered.
http::Respond with_headers(http::Respond respond, http::Headers headers) {
    return [respond = std::move(respond),
            headers = std::move(headers)](http::MakeResponse make) mutable {
        respond([make = std::move(make), headers = std::move(headers)] {
            http::Response response = make();
            response.headers.insert(response.headers.end(), headers.begin(), headers.end());
            return response;
        });
    };
}

}  // namespace

std::optional<std::string> read_body(std::string_view text, json::object& out) {
    if (text.empty() || text == "null" || text == "undefined") return std::nullopt;
    json::parse_options options;
    options.max_depth = 2 * amqp::kNestingMax;
    boost::system::error_code error;
    json::value value = json::parse(text, error, {}, options);
    if (error || !value.is_object()) return "not_json";
    out = std::move(value.get_object());
    return std::nullopt;
}

ManagementApi::ManagementApi(Api api) : api_(std::move(api)) {
    for (const auto endpoints :
         {node_endpoints(),
          health_endpoints(),
          queue_endpoints(),
          exchange_endpoints(),
          binding_endpoints(),
          session_endpoints(),
          vhost_endpoints(),
          user_endpoints(),
          permission_endpoints(),
          policy_endpoints(),
          global_parameter_endpoints(),
          definition_endpoints()}) {
        for (const Endpoint& endpoint : endpoints) add(endpoint);
    }
}

void ManagementApi::add(const Endpoint& endpoint) {
    const std::string pattern = without_names(endpoint.path);
    const auto [known, is_new] = known_paths_.emplace(pattern, paths_.size());
    if (is_new) {
        router_.add("/api" + pattern);
        paths_.emplace_back();
    }
    paths_[known->second][endpoint.verb] = {&endpoint, place_of_vhost(endpoint.path)};
}

http::Respond ManagementApi::with_policy(
    const http::Request& request, http::Respond respond) const {
    http::Headers headers = cors_headers(api_.options, request);
    headers.emplace_back("cache-control", "no-cache");
    headers.emplace_back("x-content-type-options", "nosniff");
    return with_headers(std::move(respond), std::move(headers));
}

void ManagementApi::admit(http::Request head, std::function<void()> proceed, http::Respond refuse) {
    refuse = with_policy(head, std::move(refuse));
    auto call = std::make_shared<Call>(api_, std::move(head), std::move(refuse));
    api_.post([call = std::move(call), proceed = std::move(proceed)] {
        if (authenticate(call)) proceed();
    });
}

void ManagementApi::handle(http::Request request, http::Respond respond) {
    respond = with_policy(request, std::move(respond));
    if (is_forged(api_.options, request))
        return respond(
            [] { return json_response(403, error_body("forbidden", "Cross-site request")); });

    std::string_view target = request.target;
    if (!target.starts_with(api_.options.path_prefix)) return respond(not_found);
    target.remove_prefix(api_.options.path_prefix.size());
    if (handle_outside_api(target.substr(0, target.find('?')), respond)) return;
    auto match = router_.match(target);
    if (!match) return respond(not_found);
    const Path& path = paths_[match->pattern];
    if (request.verb == http::Verb::options) {
        return respond([] { return http::Response{200, {}, {}, {}}; });
    }
    // Browsers send definitions as a file of a form.
    if (const std::string_view type = request.header("content-type"); http::is_form(type))
        request.body = std::string(http::form_part(type, request.body, "file").value_or("{"));
    const http::Verb verb = request.verb == http::Verb::head ? http::Verb::get : request.verb;
    const auto found = path.find(verb);
    if (found == path.end()) {
        return respond([] {
            return json_response(405, error_body("Method Not Allowed", "Method Not Allowed"));
        });
    }
    auto call = std::make_shared<Call>(api_, std::move(request), std::move(respond));
    call->names = std::move(match->names);
    begin(std::move(call), found->second);
}

void ManagementApi::answer_member(MemberRequest question, http::Respond respond) {
    http::Request request;
    request.verb = question.verb == "DELETE" ? http::Verb::del : http::Verb::get;
    request.target = question.target;
    request.loopback = true;
    if (!question.reason.empty()) request.headers.emplace_back("x-reason", question.reason);
    auto match = router_.match(request.target);
    if (!match) return respond(not_found);
    const Path& path = paths_[match->pattern];
    const auto found = path.find(request.verb);
    if (found == path.end()) return respond(not_found);
    auto call = std::make_shared<Call>(api_, std::move(request), std::move(respond));
    call->names = std::move(match->names);
    call->for_member = std::move(question);
    begin(std::move(call), found->second);
}

bool ManagementApi::handle_outside_api(std::string_view path, const http::Respond& respond) const {
    if (path != "/cli/rabbitmqadmin") return false;
    std::ifstream file(kRabbitmqadmin);
    std::string text(kToolBytesMax, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    respond([text = std::move(text)] {
        return text.empty() ? not_found() : http::Response{200, {}, "text/plain", text};
    });
    return true;
}

void ManagementApi::begin(CallPtr call, const Choice& choice) {
    // Parsed here, told later: who may not ask learns nothing else.
    const Shape shape(call->query);
    std::optional<ShapeFault> fault;
    if (call->request.verb == http::Verb::get)
        fault = shape.fault();
    else if (const auto wrong = read_body(call->request.body, call->body))
        fault = ShapeFault{"bad_request", *wrong};
    if (choice.vhost_place >= 0) call->vhost = call->names[choice.vhost_place];
    api_.post([call = std::move(call), fault = std::move(fault), choice] {
        const Endpoint& endpoint = *choice.endpoint;
        if (endpoint.access != Access::open) {
            if (!identify(call)) return;
            if (!authorise(call, endpoint.access)) return;
        }
        if (choice.vhost_place >= 0 && !call->find_vhost()) return call->no_such_vhost();
        if (fault) return call->fail(400, fault->error, fault->reason);
        endpoint.run(call);
    });
}

}  // namespace lvt::broker
