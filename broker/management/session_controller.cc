// /connections, /channels, /consumers.
#include "broker/core/topology.h"
#include "broker/management/fields.h"
#include "broker/management/json_values.h"
#include "broker/management/management_api.h"

#include <fmt/format.h>

namespace lvt::broker {

namespace json = boost::json;
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
    const bool clustered = call->api.members.ask != nullptr;
    answer_rows(call, ChannelSource{call->api.core, clustered}, visible<ChannelState>(call));
}

void list_connections_of_user(const CallPtr& call) {
    answer_rows(
        call,
        ConnectionSource{call->api.core},
        [shown = visible<SessionState>(call), user = call->names[0]](const SessionState& session) {
            return session.user == user && shown(session);
        });
}

/// Another member may have it.
void ask_elsewhere(const CallPtr& call) {
    if (!call->is_of_all()) return call->not_found();
    call->ask_members(std::nullopt, [call](std::vector<MemberSaid> said) {
        if (MemberArrays rows = arrays_of(said); !rows.empty())
            return call->list({}, std::move(rows));
        for (MemberSaid& one : said)
            if (one.told && one.told->code != 404) return call->pass_on(std::move(*one.told));
        call->not_found();
    });
}

/// Null: there is none here that the user may see, and the client is told by somebody else.
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
    ask_elsewhere(call);
    return nullptr;
}

void get_connection(const CallPtr& call) {
    if (const SessionState* const session = find_session(call))
        call->object(row_object(*call, *session));
}

void close(const CallPtr& call, std::vector<std::uint64_t> numbers, std::function<void()> then) {
    const std::string_view given = call->request.header("x-reason");
    call->administer(
        CloseConnections{
            std::move(numbers),
            false,
            Bytes(given.empty() ? "Closed via management plugin" : given)},
        [then = std::move(then)](const AdminReply&) { then(); });
}

void delete_connection(const CallPtr& call) {
    if (const SessionState* const session = find_session(call)) {
        if (!call->visitor.administrator && session->user != call->visitor.name)
            return call->refuse(kNotForYou);
        close(call, {session->number}, [call] { call->done(204); });
    }
}

void delete_connections_of_user(const CallPtr& call) {
    if (!call->visitor.administrator && call->names[0] != call->visitor.name)
        return call->refuse(kNotForYou);
    std::vector<std::uint64_t> numbers;
    for (const auto& lane : call->api.core.sessions())
        for (const auto& session : lane)
            if (session && session->user == call->names[0]) numbers.push_back(session->number);
    close(call, std::move(numbers), [call] {
        if (!call->is_of_all()) return call->done(204);
        call->ask_members(
            std::nullopt, [call](const std::vector<MemberSaid>&) { call->done(204); });
    });
}

void list_connection_channels(const CallPtr& call) {
    const SessionState* const session = find_session(call);
    if (!session) return;
    // All are here.
    using Sink = RowSink<ChannelState>;
    const auto of_session = [number = session->number](const ChannelState& channel) {
        return channel.session->number == number;
    };
    run_listing(
        call->api.post,
        ChannelSource{call->api.core},
        Sink(*call, of_session, nullptr),
        [call](Sink sink) { std::move(sink).answer(*call, std::nullopt); });
}

/// The client's, or its guests' where another member asks: null where there is none here.
const ChannelState* find_channel(const CallPtr& call) {
    for (const auto& lane : call->api.core.sessions()) {
        for (const auto& session : lane) {
            const bool listed = session && session->vhost &&
                                (!session->internal || (call->for_member && is_guest(*session)));
            if (!listed || !call->names[0].starts_with(connection_name(*session))) continue;
            for (const auto& [id, channel] : session->channels)
                if (channel_name(*channel) == call->names[0]) return channel.get();
        }
    }
    return nullptr;
}

/// With what is counted of it at other nodes.
void get_channel_of_all(const CallPtr& call, std::vector<json::object> rows) {
    call->ask_members(std::nullopt, [call, rows](const std::vector<MemberSaid>& said) mutable {
        bool refused = false;
        for (const MemberSaid& one : said) {
            refused |= one.told && one.told->code == 401;
            if (one.told && one.told->code == 200)
                append_objects(rows, fmt::format("[{}]", one.told->text));
        }
        fold_guests(rows);
        if (!rows.empty()) return call->object(std::move(rows.front()));
        if (refused) return call->refuse(kNotForYou);
        call->not_found();
    });
}

void get_channel(const CallPtr& call) {
    std::vector<json::object> rows;
    if (const ChannelState* const channel = find_channel(call)) {
        if (!visible<ChannelState>(call)(*channel)) return call->refuse(kNotForYou);
        rows.push_back(row_object(*call, *channel));
        // Known by it, whatever columns are asked.
        rows.front()["name"] = json_text(call->names[0]);
        if (is_guest(*channel->session)) rows.front()[kOfGuest] = true;
    }
    if (call->is_of_all()) return get_channel_of_all(call, std::move(rows));
    if (rows.empty()) return call->not_found();
    if (call->for_member) return call->value(std::move(rows.front()));
    call->object(std::move(rows.front()));
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
