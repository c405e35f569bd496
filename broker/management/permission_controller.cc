// /permissions and /topic-permissions, of all, of a user, of a virtual host.
#include "broker/core/topology.h"
#include "broker/management/json_values.h"
#include "broker/management/management_api.h"

namespace lvt::broker {

namespace json = boost::json;
using http::Verb;

namespace {

json::object permissions_json(ByteView user, ByteView vhost, const Permissions& permissions) {
    return {
        {"user", json_text(user)},
        {"vhost", json_text(vhost)},
        {"configure", json_text(permissions.configure.source())},
        {"write", json_text(permissions.write.source())},
        {"read", json_text(permissions.read.source())}};
}

json::object topic_json(
    ByteView user, ByteView vhost, ByteView exchange, const TopicPermissions& permissions) {
    return {
        {"user", json_text(user)},
        {"vhost", json_text(vhost)},
        {"exchange", json_text(exchange)},
        {"write", json_text(permissions.write_source)},
        {"read", json_text(permissions.read_source)}};
}

/// Those that fit; an empty name fits all.
void answer_permissions(const CallPtr& call, ByteView user_name, ByteView vhost_name) {
    std::vector<json::object> rows;
    for (const auto& [name, user] : call->api.core.topology().users()) {
        if (!user_name.empty() && name != user_name) continue;
        for (const auto& [vhost, permissions] : user.permissions)
            if (vhost_name.empty() || vhost == vhost_name)
                rows.push_back(permissions_json(name, vhost, permissions));
    }
    call->list(std::move(rows));
}

void answer_topics(const CallPtr& call, ByteView user_name, ByteView vhost_name) {
    std::vector<json::object> rows;
    for (const auto& [name, user] : call->api.core.topology().users()) {
        if (!user_name.empty() && name != user_name) continue;
        for (const auto& [vhost, exchanges] : user.topic_permissions) {
            if (!vhost_name.empty() && vhost != vhost_name) continue;
            for (const auto& [exchange, permissions] : exchanges)
                rows.push_back(topic_json(name, vhost, exchange, permissions));
        }
    }
    call->list(std::move(rows));
}

void list_permissions(const CallPtr& call) { answer_permissions(call, {}, {}); }
void list_topics(const CallPtr& call) { answer_topics(call, {}, {}); }
void list_vhost_permissions(const CallPtr& call) { answer_permissions(call, {}, call->vhost); }
void list_vhost_topics(const CallPtr& call) { answer_topics(call, {}, call->vhost); }

/// Null: there is none, and the client has been told.
const User* find_user(const CallPtr& call, std::size_t place) {
    const User* const user = call->api.core.topology().find_user(call->names[place]);
    if (!user) call->not_found();
    return user;
}

void list_user_permissions(const CallPtr& call) {
    if (find_user(call, 0)) answer_permissions(call, call->names[0], {});
}
void list_user_topics(const CallPtr& call) {
    if (find_user(call, 0)) answer_topics(call, call->names[0], {});
}

void get_permission(const CallPtr& call) {
    const User* const user = find_user(call, 1);
    if (!user) return;
    const auto found = user->permissions.find(call->vhost);
    if (found == user->permissions.end()) return call->not_found();
    call->object(permissions_json(user->name, call->vhost, found->second));
}

/// Null and told where there is none: a change of what does not exist is a bad request.
const User* changed_user(const CallPtr& call) {
    const User* const user = call->api.core.topology().find_user(call->names[1]);
    if (!user) call->bad_request("vhost_or_user_not_found");
    return user;
}

void put_permission(const CallPtr& call) {
    const User* const user = changed_user(call);
    if (!user || !call->require({"configure", "write", "read"})) return;
    const bool existed = user->permissions.contains(call->vhost);
    call->put(
        {PutPermissions{
            user->name,
            call->vhost,
            call->text_field("configure").value_or(""),
            call->text_field("write").value_or(""),
            call->text_field("read").value_or("")}},
        existed);
}

void delete_permission(const CallPtr& call) {
    const User* const user = find_user(call, 1);
    if (!user) return;
    if (!user->permissions.contains(call->vhost)) return call->not_found();
    call->remove(DeletePermissions{user->name, call->vhost});
}

void get_topic(const CallPtr& call) {
    const User* const user = find_user(call, 1);
    if (!user) return;
    const auto found = user->topic_permissions.find(call->vhost);
    if (found == user->topic_permissions.end()) return call->not_found();
    answer_topics(call, user->name, call->vhost);
}

void put_topic(const CallPtr& call) {
    const User* const user = changed_user(call);
    if (!user || !call->require({"exchange", "write", "read"})) return;
    const Bytes exchange = call->text_field("exchange").value_or("");
    const auto found = user->topic_permissions.find(call->vhost);
    const bool existed = found != user->topic_permissions.end() && found->second.contains(exchange);
    call->put(
        {PutTopicPermissions{
            user->name,
            call->vhost,
            exchange,
            call->text_field("write").value_or(""),
            call->text_field("read").value_or("")}},
        existed);
}

void delete_topics(const CallPtr& call) {
    const User* const user = find_user(call, 1);
    if (!user) return;
    const Bytes exchange = call->names.size() > 2 ? Bytes(call->names[2]) : Bytes();
    if (!user->topic_permissions.contains(call->vhost)) return call->not_found();
    call->remove(DeleteTopicPermissions{user->name, call->vhost, exchange});
}

constexpr Access kAdmin = Access::administrator;
constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/permissions", kAdmin, list_permissions},
    {Verb::get, "/permissions/{vhost}/{user}", kAdmin, get_permission},
    {Verb::put, "/permissions/{vhost}/{user}", kAdmin, put_permission},
    {Verb::del, "/permissions/{vhost}/{user}", kAdmin, delete_permission},
    {Verb::get, "/topic-permissions", kAdmin, list_topics},
    {Verb::get, "/topic-permissions/{vhost}/{user}", kAdmin, get_topic},
    {Verb::put, "/topic-permissions/{vhost}/{user}", kAdmin, put_topic},
    {Verb::del, "/topic-permissions/{vhost}/{user}", kAdmin, delete_topics},
    {Verb::del, "/topic-permissions/{vhost}/{user}/{exchange}", kAdmin, delete_topics},
    {Verb::get, "/vhosts/{vhost}/permissions", kAdmin, list_vhost_permissions},
    {Verb::get, "/vhosts/{vhost}/topic-permissions", kAdmin, list_vhost_topics},
    {Verb::get, "/users/{user}/permissions", kAdmin, list_user_permissions},
    {Verb::get, "/users/{user}/topic-permissions", kAdmin, list_user_topics},
};

}  // namespace

std::span<const Endpoint> permission_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
