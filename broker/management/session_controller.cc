// /connections, /channels, /consumers.
#include "broker/core/topology.h"
#include "broker/management/fields.h"
#include "broker/management/management_api.h"

namespace lvt::broker {

using http::Verb;

namespace {

constexpr const char* kNotForYou = "User not authorised to access object";

const SessionState& session_of(const SessionState& session) { return session; }
const SessionState& session_of(const ChannelState& channel) { return *channel.session; }

/// Who does not watch the broker sees what is its own.
template <class Row>
std::function<bool(const Row&)> visible(const CallPtr& call) {
    return [monitor = call->visitor.monitor, user = call->visitor.name, vhost = call->vhost](
               const Row& row) {
        const SessionState& session = session_of(row);
        return (monitor || session.user == user) &&
               (vhost.empty() || session.vhost->name() == vhost);
    };
}

void list_connections(const CallPtr& call) {
    answer_rows(call, ConnectionSource{call->api.core}, visible<SessionState>(call));
}

void list_channels(const CallPtr& call) {
    answer_rows(call, ChannelSource{call->api.core}, visible<ChannelState>(call));
}

void list_connections_of_user(const CallPtr& call) {
    answer_rows(
        call,
        ConnectionSource{call->api.core},
        [shown = visible<SessionState>(call), user = call->names[0]](const SessionState& session) {
            return session.user == user && shown(session);
        });
}

/// Null: there is none that the user may see, and the client has been told.
const SessionState* find_session(const CallPtr& call) {
    for (const auto& lane : call->api.core.sessions()) {
        for (const auto& session : lane) {
            if (!session || !session->vhost || session->internal) continue;
            if (connection_name(*session) != call->names[0]) continue;
            if (call->visitor.monitor || session->user == call->visitor.name) return session.get();
            call->refuse(kNotForYou);
            return nullptr;
        }
    }
    call->not_found();
    return nullptr;
}

void get_connection(const CallPtr& call) {
    if (const SessionState* const session = find_session(call))
        call->object(row_object(*call, *session));
}

void close(const CallPtr& call, std::vector<std::uint64_t> numbers) {
    const std::string_view given = call->request.header("x-reason");
    call->administer(
        CloseConnections{
            std::move(numbers),
            false,
            Bytes(given.empty() ? "Closed via management plugin" : given)},
        [call](const AdminReply&) { call->done(204); });
}

void delete_connection(const CallPtr& call) {
    if (const SessionState* const session = find_session(call)) {
        if (!call->visitor.administrator && session->user != call->visitor.name)
            return call->refuse(kNotForYou);
        close(call, {session->number});
    }
}

void delete_connections_of_user(const CallPtr& call) {
    if (!call->visitor.administrator && call->names[0] != call->visitor.name)
        return call->refuse(kNotForYou);
    std::vector<std::uint64_t> numbers;
    for (const auto& lane : call->api.core.sessions())
        for (const auto& session : lane)
            if (session && session->user == call->names[0]) numbers.push_back(session->number);
    close(call, std::move(numbers));
}

void list_connection_channels(const CallPtr& call) {
    const SessionState* const session = find_session(call);
    if (!session) return;
    answer_rows(
        call,
        ChannelSource{call->api.core},
        [number = session->number](const ChannelState& channel) {
            return channel.session->number == number;
        });
}

void get_channel(const CallPtr& call) {
    const auto shown = visible<ChannelState>(call);
    for (const auto& lane : call->api.core.sessions()) {
        for (const auto& session : lane) {
            if (!session || !session->vhost || session->internal) continue;
            if (!call->names[0].starts_with(connection_name(*session))) continue;
            for (const auto& [id, channel] : session->channels) {
                if (channel_name(*channel) != call->names[0]) continue;
                if (!shown(*channel)) return call->refuse(kNotForYou);
                return call->object(row_object(*call, *channel));
            }
        }
    }
    call->not_found();
}

void list_consumers(const CallPtr& call) {
    if (!call->vhost.empty() && !call->may_see(call->vhost)) return call->list({});
    answer_rows_of_vhosts<ConsumerSource>(call);
}

constexpr Endpoint kEndpoints[] = {
    {Verb::get, "/connections", Access::manager, list_connections},
    {Verb::get, "/connections/username/{user}", Access::manager, list_connections_of_user},
    {Verb::del, "/connections/username/{user}", Access::manager, delete_connections_of_user},
    {Verb::get, "/connections/{connection}", Access::manager, get_connection},
    {Verb::del, "/connections/{connection}", Access::manager, delete_connection},
    {Verb::get, "/connections/{connection}/channels", Access::manager, list_connection_channels},
    {Verb::get, "/vhosts/{vhost}/connections", Access::vhost, list_connections},
    {Verb::get, "/vhosts/{vhost}/channels", Access::vhost, list_channels},
    {Verb::get, "/channels", Access::manager, list_channels},
    {Verb::get, "/channels/{channel}", Access::manager, get_channel},
    {Verb::get, "/consumers", Access::manager, list_consumers},
    {Verb::get, "/consumers/{vhost}", Access::manager, list_consumers},
};

}  // namespace

std::span<const Endpoint> session_endpoints() { return kEndpoints; }

}  // namespace lvt::broker
