// Columns of connections, channels and consumers.
#include "broker/core/tls_peer.h"
#include "broker/core/virtual_host.h"
#include "broker/management/json_values.h"
#include "broker/management/listing_columns.h"

#include <fmt/format.h>

#include <charconv>

namespace lvt::broker {

HostAndPort::HostAndPort(ByteView text) {
    const std::size_t colon = text.rfind(':');
    host = text.substr(0, colon);
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    if (colon == ByteView::npos) return;
    const ByteView digits = text.substr(colon + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), port);
}

std::string connection_name(const SessionState& session) {
    return fmt::format("{} -> {}", session.peer, session.local);
}

std::string channel_name(const ChannelState& channel) {
    return fmt::format("{} ({})", connection_name(*channel.session), channel.id.value());
}

namespace {

namespace json = boost::json;
using Context = ColumnContext;

/// RabbitMQ's words. "blocking": there is an alarm, but it has not published since; "flow": it is not read, the disk is behind.
json::value state(const SessionState& session, const Context& context) {
    if (session.closing) return "closing";
    if (session.blocked) return "blocked";
    if (context.alarm) return "blocking";
    return session.throttled ? "flow" : "running";
}

std::uint64_t in_hand(const ChannelState& channel) {
    std::uint64_t count = channel.gets.count();
    for (const auto& consumer : channel.consumers)
        if (consumer) count += consumer->unacked.count();
    return count;
}

std::uint64_t consumer_count(const ChannelState& channel) {
    std::uint64_t count = 0;
    for (const auto& consumer : channel.consumers) count += consumer && consumer->queue;
    return count;
}

/// What the transaction under way settles.
std::uint64_t uncommitted_settles(const ChannelState& channel) {
    std::uint64_t count = 0;
    for (const Settle& settle : channel.transaction.settles) count += settle.count;
    return count;
}

std::uint64_t load(const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
}

template <Bytes TlsPeer::*kMember>
json::value of_tls(const SessionState& session, const Context&) {
    return session.tls ? json_text(*session.tls.*kMember) : json::value("");
}

constexpr Column<SessionState> kConnectionColumns[] = {
    {"pid", [](const SessionState& s, const Context& c) -> json::value { return c.pids.of(s); }},
    {"name",
     [](const SessionState& s, const Context&) -> json::value {
         return json_text(connection_name(s));
     }},
    {"port",
     [](const SessionState& s, const Context&) -> json::value {
         return HostAndPort(s.local).port;
     }},
    {"host",
     [](const SessionState& s, const Context&) -> json::value {
         return json_text(HostAndPort(s.local).host);
     }},
    {"peer_port",
     [](const SessionState& s, const Context&) -> json::value { return HostAndPort(s.peer).port; }},
    {"peer_host",
     [](const SessionState& s, const Context&) -> json::value {
         return json_text(HostAndPort(s.peer).host);
     }},
    {"ssl", [](const SessionState& s, const Context&) -> json::value { return s.tls != nullptr; }},
    {"ssl_protocol", of_tls<&TlsPeer::protocol>},
    {"ssl_key_exchange", of_tls<&TlsPeer::key_exchange>},
    {"ssl_cipher", of_tls<&TlsPeer::cipher>},
    {"ssl_hash", of_tls<&TlsPeer::hash>},
    {"peer_cert_subject", of_tls<&TlsPeer::subject>},
    {"peer_cert_issuer", of_tls<&TlsPeer::issuer>},
    {"peer_cert_validity", of_tls<&TlsPeer::validity>},
    {"state", state},
    {"channels",
     [](const SessionState& s, const Context&) -> json::value { return s.channels.size(); }},
    {"protocol",
     [](const SessionState&, const Context&) -> json::value {
         return json::array{0, 9, 1};
     }},
    {"auth_mechanism",
     [](const SessionState& s, const Context&) -> json::value { return json_text(s.mechanism); }},
    {"user",
     [](const SessionState& s, const Context&) -> json::value { return json_text(s.user); }},
    {"vhost",
     [](const SessionState& s, const Context&) -> json::value {
         return json_text(s.vhost->name());
     }},
    {"timeout", [](const SessionState& s, const Context&) -> json::value { return s.heartbeat_s; }},
    {"frame_max", [](const SessionState& s, const Context&) -> json::value { return s.frame_max; }},
    {"channel_max",
     [](const SessionState& s, const Context&) -> json::value { return s.channel_max; }},
    {"client_properties",
     [](const SessionState& s, const Context&) -> json::value {
         return json_table(s.client_properties);
     }},
    {"recv_oct",
     [](const SessionState& s, const Context&) -> json::value { return load(s.stats->recv_oct); }},
    {"recv_cnt",
     [](const SessionState& s, const Context&) -> json::value { return load(s.stats->recv_cnt); }},
    {"send_oct",
     [](const SessionState& s, const Context&) -> json::value { return load(s.stats->send_oct); }},
    {"send_cnt",
     [](const SessionState& s, const Context&) -> json::value { return load(s.stats->send_cnt); }},
    {"send_pend",
     [](const SessionState& s, const Context&) -> json::value { return load(s.stats->send_pend); }},
    {"connected_at",
     [](const SessionState& s, const Context&) -> json::value { return s.connected_at.count(); }},
};

constexpr Column<ChannelState> kChannelColumns[] = {
    {"pid", [](const ChannelState& ch, const Context& c) -> json::value { return c.pids.of(ch); }},
    {"connection",
     [](const ChannelState& ch, const Context& c) -> json::value {
         return c.pids.of(*ch.session);
     }},
    {"name",
     [](const ChannelState& ch, const Context&) -> json::value {
         return json_text(channel_name(ch));
     }},
    {"number", [](const ChannelState& ch, const Context&) -> json::value { return ch.id.value(); }},
    {"user",
     [](const ChannelState& ch, const Context&) -> json::value {
         return json_text(ch.session->user);
     }},
    {"vhost",
     [](const ChannelState& ch, const Context&) -> json::value {
         return json_text(ch.session->vhost->name());
     }},
    {"transactional",
     [](const ChannelState& ch, const Context&) -> json::value {
         return ch.mode == ChannelMode::transaction;
     }},
    {"confirm",
     [](const ChannelState& ch, const Context&) -> json::value {
         return ch.mode == ChannelMode::confirm;
     }},
    {"consumer_count",
     [](const ChannelState& ch, const Context&) -> json::value { return consumer_count(ch); }},
    {"messages_unacknowledged",
     [](const ChannelState& ch, const Context&) -> json::value { return in_hand(ch); }},
    {"messages_uncommitted",
     [](const ChannelState& ch, const Context&) -> json::value {
         return ch.transaction.publishes.size();
     }},
    {"acks_uncommitted",
     [](const ChannelState& ch, const Context&) -> json::value { return uncommitted_settles(ch); }},
    {"messages_unconfirmed",
     [](const ChannelState& ch, const Context& c) -> json::value {
         const auto found = c.unconfirmed.find(ch.incarnation);
         return found == c.unconfirmed.end() ? 0 : found->second;
     }},
    {"prefetch_count",
     [](const ChannelState& ch, const Context&) -> json::value { return ch.prefetch; }},
    {"global_prefetch_count",
     [](const ChannelState& ch, const Context&) -> json::value { return ch.credit.limit; }},
};

constexpr Column<ConsumerRow> kConsumerColumns[] = {
    {"queue_name",
     [](const ConsumerRow& r, const Context&) -> json::value { return json_text(r.queue.name); }},
    {"channel_pid",
     [](const ConsumerRow& r, const Context& c) -> json::value {
         return c.pids.of(*r.consumer.channel);
     }},
    {"consumer_tag",
     [](const ConsumerRow& r, const Context&) -> json::value { return json_text(r.consumer.tag); }},
    {"ack_required",
     [](const ConsumerRow& r, const Context&) -> json::value { return !r.consumer.no_ack; }},
    {"prefetch_count",
     [](const ConsumerRow& r, const Context&) -> json::value { return r.consumer.prefetch.limit; }},
    {"active",
     [](const ConsumerRow& r, const Context&) -> json::value {
         return QueueMachine::is_active(r.consumer);
     }},
    {"activity_status",
     [](const ConsumerRow& r, const Context&) -> json::value {
         if (!r.queue.settings.single_active_consumer) return "up";
         return QueueMachine::is_active(r.consumer) ? "single_active" : "waiting";
     }},
    {"arguments",
     [](const ConsumerRow& r, const Context&) -> json::value {
         return json_table(r.consumer.arguments);
     }},
};

}  // namespace

template <>
std::span<const Column<SessionState>> columns() {
    return kConnectionColumns;
}
template <>
std::span<const Column<ChannelState>> columns() {
    return kChannelColumns;
}
template <>
std::span<const Column<ConsumerRow>> columns() {
    return kConsumerColumns;
}

}  // namespace lvt::broker
