// /users, /whoami, /user-limits.
#include "broker/auth/password_hash.h"
#include "broker/core/topology.h"
#include "broker/management/json_values.h"
#include "broker/management/management_api.h"
#include "broker/management/table_json.h"

#include <fmt/format.h>

namespace lvt::broker {

namespace json = boost::json;
using http::Verb;

namespace {

json::array tags_json(const std::vector<Bytes>& tags) {
    json::array out;
    for (const Bytes& tag : tags) out.push_back(json_text(tag));
    return out;
}

json::object user_json(const User& user) {
    return {
        {"name", json_text(user.name)},
        {"password_hash", json_text(user.password_hash)},
        {"hashing_algorithm", json_text(hashing_algorithm(user.password_hash))},
        {"tags", tags_json(user.tags)},
        {"limits", json_of(user.limits)}};
}

/// Null: there is none, and the client has been told.
const User* find_user(const CallPtr& call) {
    const User* const user = call->api.core.topology().find_user(call->names[0]);
    if (!user) call->not_found();
    return user;
}

void who_am_i(const CallPtr& call) {
    // Old clients look for `administrator`.
    call->object(
        {{"name", json_text(call->visitor.name)},
         {"tags", tags_json(call->visitor.tags)},
         {"administrator", call->visitor.administrator}});
}

void list_users(const CallPtr& call) {
    std::vector<json::object> rows;
    for (const auto& [name, user] : call->api.core.topology().users())
        rows.push_back(user_json(user));
    call->list(std::move(rows));
}

void list_users_without_permissions(const CallPtr& call) {
    std::vector<json::object> rows;
    for (const auto& [name, user] : call->api.core.topology().users())
        if (user.permissions.empty()) rows.push_back(user_json(user));
    call->list(std::move(rows));
}

void get_user(const CallPtr& call) {
    if (const User* const user = find_user(call)) call->object(user_json(*user));
}

/// A list, or a text with commas.
std::vector<Bytes> tags_of(const json::value& value) {
    std::vector<Bytes> out;
    const auto add = [&](std::string_view text) {
        while (text.starts_with(' ')) text.remove_prefix(1);
        while (text.ends_with(' ')) text.remove_suffix(1);
        if (!text.empty()) out.emplace_back(text);
    };
    if (const json::array* const all = value.if_array()) {
        for (const json::value& one : *all)
            if (one.is_string()) add(one.get_string());
    } else if (value.is_string()) {
        std::string_view text = value.get_string();
        while (!text.empty()) {
            const std::size_t comma = std::min(text.find(','), text.size());
            add(text.substr(0, comma));
            text.remove_prefix(std::min(comma + 1, text.size()));
        }
    }
    return out;
}

void put_user(const CallPtr& call) {
    const User* const known = call->api.core.topology().find_user(call->names[0]);
    if (!call->require({"tags"})) return;
    PutUser put{call->names[0], {}, tags_of(call->body.at("tags"))};
    const auto hash = call->text_field("password_hash");
    if (hash) {
        const Bytes algorithm = call->text_field("hashing_algorithm").value_or("");
        if (!hash->empty() && !is_password_hash(*hash, algorithm))
            return call->bad_request("{not_base64,password_hash}");
        put.password_hash = *hash;
    } else if (const auto password = call->text_field("password")) {
        if (password->empty()) return call->bad_request("password may not be empty");
        put.password_hash = hash_password(*password, call->api.random.bytes(4));
    } else if (known) {
        put.password_hash = known->password_hash;
    }
    call->put({std::move(put)}, known != nullptr);
}

void delete_user(const CallPtr& call) {
    if (find_user(call)) call->remove(DeleteUser{call->names[0]});
}

void delete_users(const CallPtr& call) {
    if (!call->require({"users"})) return;
    std::vector<MetadataCommand> commands;
    if (const json::array* const all = call->body.at("users").if_array()) {
        for (const json::value& one : *all)
            if (one.is_string()) commands.push_back(DeleteUser{Bytes(one.get_string())});
    }
    call->administer(
        ChangeDefinitions{std::move(commands), ChangeDefinitions::Require::nothing},
        [call](const AdminReply&) { call->done(204); });
}

json::object limits_json(const User& user) {
    return {{"user", json_text(user.name)}, {"value", json_of(user.limits)}};
}

void list_limits(const CallPtr& call) {
    std::vector<json::object> rows;
    for (const auto& [name, user] : call->api.core.topology().users())
        if (!user.limits.empty()) rows.push_back(limits_json(user));
    call->list(std::move(rows));
}

void get_limits(const CallPtr& call) {
    const User* const user = find_user(call);
    if (!user) return;
    std::vector<json::object> rows;
    if (!user->limits.empty()) rows.push_back(limits_json(*user));
    call->list(std::move(rows));
}

amqp::Table other_limits(const User& user, const std::string& limit) {
    amqp::Table out;
    for (const auto& [name, value] : user.limits.view())
        if (name != limit) out.add_value(name, value);
    return out;
}

void set_limits(const CallPtr& call, amqp::Table limits) {
    call->administer(
        ChangeDefinitions{
            {PutLimits{true, call->names[0], std::move(limits)}},
            ChangeDefinitions::Require::nothing},
        [call](const AdminReply&) { call->done(204); });
}

void put_limit(const CallPtr& call) {
    const User* const user = find_user(call);
    if (!user || !call->require({"value"})) return;
    const auto value = call->number_field("value");
    if (!value) return call->bad_request("value must be an integer");
    amqp::Table limits = other_limits(*user, call->names[1]);
    limits.add_long(call->names[1], *value);
    set_limits(call, std::move(limits));
}

void delete_limit(const CallPtr& call) {
    const User* const user = find_user(call);
    if (user) set_limits(call, other_limits(*user, call->names[1]));
}

constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/whoami", Access::manager, who_am_i},
    {Verb::get, "/users", Access::administrator, list_users},
    {Verb::get,
     "/users/without-permissions",
     Access::administrator,
     list_users_without_permissions},
    {Verb::post, "/users/bulk-delete", Access::administrator, delete_users},
    {Verb::get, "/users/{user}", Access::administrator, get_user},
    {Verb::put, "/users/{user}", Access::administrator, put_user},
    {Verb::del, "/users/{user}", Access::administrator, delete_user},
    {Verb::get, "/user-limits", Access::manager, list_limits},
    {Verb::get, "/user-limits/{user}", Access::manager, get_limits},
    {Verb::put, "/user-limits/{user}/{limit}", Access::administrator, put_limit},
    {Verb::del, "/user-limits/{user}/{limit}", Access::administrator, delete_limit},
};

}  // namespace

std::span<const Endpoint> user_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
