// Fields of connections, channels and consumers.
#include "broker/core/guest.h"
#include "broker/core/virtual_host.h"
#include "broker/management/fields.h"
#include "broker/management/json_values.h"
#include "broker/management/table_json.h"

namespace lvt::broker {

namespace json = boost::json;
using Context = ColumnContext;

json::object no_garbage_collection() {
    return {
        {"fullsweep_after", 0},
        {"max_heap_size", 0},
        {"min_bin_vheap_size", 0},
        {"min_heap_size", 0},
        {"minor_gcs", 0}};
}

namespace {

template <class Row>
void put_reductions(json::object& out, const Row&, const Context&) {
    out["reductions"] = 0;
    out["reductions_details"] = no_rate();
}

template <class Row>
void put_garbage_collection(json::object& out, const Row&, const Context&) {
    out["garbage_collection"] = no_garbage_collection();
}

template <class Row>
void put_node(json::object& out, const Row&, const Context& c) {
    out["node"] = c.pids.node;
}

/// A column of rabbitmqctl has "" where there is nothing, the API null.
template <auto& Name>
void put_column_or_null(json::object& out, const SessionState& s, const Context& c) {
    for (const Column<SessionState>& column : columns<SessionState>()) {
        if (column.name != Name) continue;
        json::value value = column.value(s, c);
        const bool nothing = value.is_string() && value.get_string().empty();
        out[Name] = nothing ? json::value(nullptr) : std::move(value);
    }
}

/// As above, with a number.
template <auto& Name>
void put_column_or_zero(json::object& out, const SessionState& s, const Context& c) {
    for (const Column<SessionState>& column : columns<SessionState>()) {
        if (column.name != Name) continue;
        json::value value = column.value(s, c);
        out[Name] = value.is_string() ? json::value(0) : std::move(value);
    }
}

constexpr char kSslProtocol[] = "ssl_protocol";
constexpr char kSslKeyExchange[] = "ssl_key_exchange";
constexpr char kSslCipher[] = "ssl_cipher";
constexpr char kSslHash[] = "ssl_hash";
constexpr char kPeerCertSubject[] = "peer_cert_subject";
constexpr char kPeerCertIssuer[] = "peer_cert_issuer";
constexpr char kPeerCertValidity[] = "peer_cert_validity";
constexpr char kRecvCnt[] = "recv_cnt";
constexpr char kSendCnt[] = "send_cnt";
constexpr char kSendPend[] = "send_pend";

/// The name that the client gave itself.
void put_provided_name(json::object& out, const SessionState& s, const Context&) {
    const auto found = s.client_properties.find("connection_name");
    const auto name = found ? found->string() : std::nullopt;
    if (name) out["user_provided_name"] = json_text(*name);
}

/// A guest's is that of its client.
json::value node_of(const SessionState& s, const Context& c) {
    const auto found = s.internal ? s.client_properties.find(kGuestNode) : std::nullopt;
    const auto node = found ? found->string() : std::nullopt;
    return node ? json_text(*node) : json::string(c.pids.node);
}

json::object connection_details(const SessionState& s) {
    const HostAndPort peer(s.peer);
    return {
        {"name", json_text(connection_name(s))},
        {"peer_host", json_text(peer.host)},
        {"peer_port", peer.port}};
}

constexpr Field<SessionState> kConnectionFields[] = {
    {"name"},
    {"node", put_node<SessionState>},
    {"type",
     [](json::object& out, const SessionState&, const Context&) { out["type"] = "network"; }},
    {"state"},
    {"user"},
    {"user_who_performed_action",
     [](json::object& out, const SessionState& s, const Context&) {
         out["user_who_performed_action"] = json_text(s.user);
     }},
    {"user_provided_name", put_provided_name},
    {"vhost"},
    {"protocol",
     [](json::object& out, const SessionState&, const Context&) {
         out["protocol"] = "AMQP 0-9-1";
     }},
    {"auth_mechanism"},
    {"host"},
    {"port"},
    {"peer_host"},
    {"peer_port"},
    {"ssl"},
    {"ssl_protocol", put_column_or_null<kSslProtocol>},
    {"ssl_key_exchange", put_column_or_null<kSslKeyExchange>},
    {"ssl_cipher", put_column_or_null<kSslCipher>},
    {"ssl_hash", put_column_or_null<kSslHash>},
    {"peer_cert_subject", put_column_or_null<kPeerCertSubject>},
    {"peer_cert_issuer", put_column_or_null<kPeerCertIssuer>},
    {"peer_cert_validity", put_column_or_null<kPeerCertValidity>},
    {"channels"},
    {"channel_max"},
    {"frame_max"},
    {"timeout"},
    {"client_properties",
     [](json::object& out, const SessionState& s, const Context&) {
         out["client_properties"] = json_of(s.client_properties);
     }},
    {"connected_at"},
    {"recv_oct recv_oct_details send_oct send_oct_details",
     [](json::object& out, const SessionState& s, const Context& c) {
         add_stats(out, stats_of(s), c.stats.now, c.stats.octets);
     }},
    {"recv_cnt", put_column_or_zero<kRecvCnt>},
    {"send_cnt", put_column_or_zero<kSendCnt>},
    {"send_pend", put_column_or_zero<kSendPend>},
    {"reductions reductions_details", put_reductions<SessionState>},
    {"garbage_collection", put_garbage_collection<SessionState>},
};

constexpr Field<ChannelState> kChannelFields[] = {
    {"name"},
    {"number"},
    {"node", put_node<ChannelState>},
    {"state",
     [](json::object& out, const ChannelState&, const Context&) { out["state"] = "running"; }},
    {"user"},
    {"user_who_performed_action",
     [](json::object& out, const ChannelState& ch, const Context&) {
         out["user_who_performed_action"] = json_text(ch.session->user);
     }},
    {"vhost"},
    {"connection_details",
     [](json::object& out, const ChannelState& ch, const Context&) {
         out["connection_details"] = connection_details(*ch.session);
     }},
    {"message_stats",
     [](json::object& out, const ChannelState& ch, const Context& c) {
         out["message_stats"] = stats_object(stats_of(ch), c.stats.now, c.stats.messages);
     }},
    {"transactional"},
    {"confirm"},
    {"consumer_count"},
    {"messages_unacknowledged"},
    {"messages_uncommitted"},
    {"messages_unconfirmed"},
    {"acks_uncommitted"},
    {"prefetch_count"},
    {"global_prefetch_count"},
    {"pending_raft_commands",
     [](json::object& out, const ChannelState&, const Context&) {
         out["pending_raft_commands"] = 0;
     }},
    {"reductions reductions_details", put_reductions<ChannelState>},
    {"garbage_collection", put_garbage_collection<ChannelState>},
};

constexpr Field<ConsumerRow> kConsumerFields[] = {
    {"consumer_tag"},
    {"queue",
     [](json::object& out, const ConsumerRow& r, const Context&) {
         out["queue"] = json::object{
             {"name", json_text(r.queue.name)}, {"vhost", json_text(r.queue.vhost->name())}};
     }},
    {"channel_details",
     [](json::object& out, const ConsumerRow& r, const Context& c) {
         const ChannelState& channel = *r.consumer.channel;
         json::object details = connection_details(*channel.session);
         details["connection_name"] = std::move(details["name"]);
         details["name"] = json_text(channel_name(channel));
         details["node"] = node_of(*channel.session, c);
         details["number"] = channel.id.value();
         details["user"] = json_text(channel.session->user);
         out["channel_details"] = std::move(details);
     }},
    {"ack_required"},
    {"exclusive",
     [](json::object& out, const ConsumerRow& r, const Context&) {
         out["exclusive"] = r.consumer.exclusive;
     }},
    {"prefetch_count"},
    {"active"},
    {"activity_status"},
    {"arguments",
     [](json::object& out, const ConsumerRow& r, const Context&) {
         out["arguments"] = json_of(r.consumer.arguments);
     }},
};

}  // namespace

template <>
std::span<const Field<SessionState>> fields() {
    return kConnectionFields;
}
template <>
std::span<const Field<ChannelState>> fields() {
    return kChannelFields;
}
template <>
std::span<const Field<ConsumerRow>> fields() {
    return kConsumerFields;
}

}  // namespace lvt::broker
