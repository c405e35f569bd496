#include "broker/management/call.h"

#include "broker/core/topology.h"
#include "broker/management/json_values.h"
#include "broker/management/table_json.h"
#include "broker/management/totals.h"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace lvt::broker {

namespace json = boost::json;

namespace {

constexpr const char* kJson = "application/json";

bool has_tag(const std::vector<Bytes>& tags, std::string_view wanted) {
    return std::find(tags.begin(), tags.end(), wanted) != tags.end();
}

}  // namespace

Visitor Visitor::of(const User& user) {
    Visitor visitor;
    visitor.name = user.name;
    visitor.tags = user.tags;
    visitor.administrator = has_tag(user.tags, "administrator");
    visitor.monitor = visitor.administrator || has_tag(user.tags, "monitoring");
    visitor.policymaker = visitor.administrator || has_tag(user.tags, "policymaker");
    visitor.manager = visitor.monitor || visitor.policymaker || has_tag(user.tags, "management");
    return visitor;
}

Visitor Visitor::the_owner() {
    Visitor visitor;
    visitor.name = "owner of the broker";
    visitor.tags = {"administrator"};
    visitor.administrator = visitor.monitor = visitor.policymaker = visitor.manager = true;
    visitor.owner = true;
    return visitor;
}

json::object error_body(std::string_view error, std::string_view reason) {
    return {{"error", error}, {"reason", json_text(reason)}};
}

http::Response json_response(unsigned status, const json::value& value) {
    return {status, {}, kJson, json::serialize(value)};
}

Call::Call(const Api& api, http::Request request, http::Respond respond)
    : api(api),
      request(std::move(request)),
      query(this->request.target),
      respond_(std::move(respond)) {}

bool Call::may_enter(ByteView vhost_name) const {
    if (visitor.owner) return true;
    const User* const user = api.core.topology().find_user(visitor.name);
    return user && user->permissions.contains(vhost_name);
}

bool Call::may_see(ByteView vhost_name) const { return visitor.monitor || may_enter(vhost_name); }

std::vector<Bytes> Call::visible_vhosts() const {
    if (!vhost.empty()) return {vhost};
    std::vector<Bytes> out;
    for (const auto& [name, host] : api.core.topology().vhosts())
        if (may_see(name)) out.push_back(name);
    return out;
}

const VirtualHost* Call::find_vhost() const { return api.core.topology().find_vhost(vhost); }

void Call::respond(http::MakeResponse make) { respond_(std::move(make)); }

void Call::done(unsigned status, http::Headers headers) {
    respond([status, headers = std::move(headers)] {
        return http::Response{status, headers, {}, {}};
    });
}

void Call::value(json::value value, unsigned status) {
    // What a function keeps must be copyable, and this is not to be copied.
    auto shared = std::make_shared<json::value>(std::move(value));
    respond([shared, status] { return json_response(status, *shared); });
}

void Call::object(json::object value) {
    auto shared = std::make_shared<json::object>(std::move(value));
    respond([shared, self = shared_from_this()] {
        Shape(self->query).columns().apply(*shared);
        return json_response(200, std::move(*shared));
    });
}

void Call::list(std::vector<json::object> rows, std::optional<MemberArrays> others) {
    auto shared = std::make_shared<std::vector<json::object>>(std::move(rows));
    respond([shared, others = std::move(others), self = shared_from_this()] {
        Shape shape(self->query);
        if (others) {
            shape.merge();
            for (const std::string& array : *others) append_objects(*shared, array);
            fold_guests(*shared);
        }
        const auto arranged = shape.arrange(std::move(*shared));
        if (arranged.has_value()) return json_response(200, *arranged);
        return json_response(400, error_body(arranged.error().error, arranged.error().reason));
    });
}

void Call::ask_members(std::optional<cluster::NodeId> only, Members::Done done) {
    MemberRequest question;
    question.verb = request.verb == http::Verb::del ? "DELETE" : "GET";
    question.target = request.target.substr(api.options.path_prefix.size());
    question.user = visitor.name;
    question.owner = visitor.owner;
    question.reason = request.header("x-reason");
    api.members.ask(InquiryKind::http, encode(question), only, std::move(done));
}

void Call::pass_on(MemberSaid::Told told) {
    auto shared = std::make_shared<MemberSaid::Told>(std::move(told));
    respond([shared] {
        return http::Response{
            shared->code, {}, shared->text.empty() ? "" : kJson, std::move(shared->text)};
    });
}

void Call::text(std::string json) {
    auto shared = std::make_shared<std::string>(std::move(json));
    respond([shared] { return http::Response{200, {}, kJson, std::move(*shared)}; });
}

void Call::fail(unsigned status, std::string_view error, std::string_view reason) {
    value(error_body(error, reason), status);
}

void Call::no_such_vhost() {
    const bool makes = request.verb == http::Verb::put || request.verb == http::Verb::post;
    if (makes) return fail(404, "not_found", "vhost_not_found");
    not_found();
}

std::optional<Bytes> Call::text_field(std::string_view key) const {
    const json::value* const value = body.if_contains(key);
    if (!value || !value->is_string()) return std::nullopt;
    return Bytes(value->get_string());
}

std::optional<bool> Call::flag_field(std::string_view key) const {
    const json::value* const value = body.if_contains(key);
    if (!value) return std::nullopt;
    if (const bool* const flag = value->if_bool()) return *flag;
    const json::string* const text = value->if_string();
    if (text && *text == "true") return true;
    if (text && *text == "false") return false;
    return std::nullopt;
}

std::optional<std::int64_t> Call::number_field(std::string_view key) const {
    const json::value* const value = body.if_contains(key);
    if (!value) return std::nullopt;
    if (const json::string* const text = value->if_string()) {
        std::int64_t number = 0;
        const auto [end, error] =
            std::from_chars(text->data(), text->data() + text->size(), number);
        if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
        return number;
    }
    boost::system::error_code error;
    const auto number = value->to_number<std::int64_t>(error);
    if (error) return std::nullopt;
    return number;
}

bool Call::require(std::initializer_list<std::string_view> keys) {
    std::string missing;
    for (const std::string_view key : keys) {
        const json::value* const value = body.if_contains(key);
        if (value && !value->is_null()) continue;
        missing += fmt::format("{}{{key_missing,{}}}", missing.empty() ? "" : ",", key);
    }
    if (!missing.empty()) bad_request("[" + missing + "]");
    return missing.empty();
}

std::optional<amqp::Table> Call::table_field(std::string_view key) {
    const json::value* const value = body.if_contains(key);
    if (!value || value->is_null()) return amqp::Table();
    if (value->is_array() && value->get_array().empty()) return amqp::Table();
    auto table = table_of(*value);
    if (table.has_value()) return std::move(*table);
    bad_request(fmt::format("{} {}", key, table.error().message));
    return std::nullopt;
}

void Call::administer(AdminRequest request, std::function<void(const AdminReply&)> changed) {
    api.administer(
        std::move(request),
        [self = shared_from_this(), changed = std::move(changed)](const AdminReply& reply) {
            switch (reply.outcome) {
                case AdminOutcome::done:
                    return changed(reply);
                case AdminOutcome::not_found:
                    return self->not_found();
                case AdminOutcome::no_such_user:
                    return self->bad_request("no_such_user");
                case AdminOutcome::no_such_vhost:
                    return self->no_such_vhost();
                case AdminOutcome::unavailable:
                    return self->fail(503, "service_unavailable", reply.text);
                default:
                    return self->bad_request(reply.text);
            }
        });
}

void Call::put(std::vector<MetadataCommand> commands, bool existed) {
    administer(
        ChangeDefinitions{std::move(commands), ChangeDefinitions::Require::nothing},
        [this, existed](const AdminReply&) { done(existed ? 204 : 201); });
}

void Call::remove(MetadataCommand command) {
    administer(
        ChangeDefinitions{{std::move(command)}, ChangeDefinitions::Require::present},
        [this](const AdminReply&) { done(204); });
}

void Call::amqp(AmqpJob job, Tone tone, std::function<void(AmqpOutcome)> finished) {
    job.user = visitor.name;
    job.owner = visitor.owner;
    if (job.vhost.empty()) job.vhost = vhost;
    api.caller.run(
        std::move(job),
        [self = shared_from_this(), tone, finished = std::move(finished)](AmqpOutcome outcome) {
            if (!outcome.error) return finished(std::move(outcome));
            const amqp::AmqpError& error = *outcome.error;
            const bool plain = tone == Tone::plain;
            switch (error.code) {
                case amqp::ReplyCode::not_found:
                    return self->fail(404, "not_found", plain ? error.text : error.reply_text());
                case amqp::ReplyCode::access_refused:
                    return self->refuse(plain ? Bytes("Access refused.") : error.reply_text());
                case amqp::ReplyCode::not_allowed:  // of the virtual host
                    return self->refuse("Access refused.");
                default:
                    return self->bad_request(
                        plain
                            ? error.text
                            : fmt::format(
                                  "{} {}", static_cast<unsigned>(error.code), error.reply_text()));
            }
        });
}

}  // namespace lvt::broker
