#include "broker/metrics/scrape.h"

#include "broker/metrics/object_metrics.h"
#include "protocol/base/assert.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace lvt::broker {

namespace {

/// Objects between two looks at what else there is to do: less than a millisecond.
constexpr std::size_t kStepObjects = 100;

constexpr auto kCounter = MetricType::counter;
constexpr auto kGauge = MetricType::gauge;
constexpr auto kUntyped = MetricType::untyped;

std::string protocol_label() { return label("protocol", "amqp091"); }

const char* endpoint_name(ScrapeRequest::Kind kind) {
    switch (kind) {
        case ScrapeRequest::Kind::aggregated:
            return "aggregated";
        case ScrapeRequest::Kind::per_object:
            return "per-object";
        case ScrapeRequest::Kind::detailed:
            break;
    }
    return "detailed";
}

}  // namespace

/// Samples of single objects, as the walk comes to them.
class Scrape::Objects {
public:
    explicit Objects(Scrape& scrape)
        : scrape_(scrape),
          queues_(begin(queue_metrics())),
          exchanges_(begin(exchange_metrics())),
          channels_(begin(channel_metrics())),
          connections_(begin(connection_metrics())) {
        if (!scrape.wants("channel_metrics")) return;
        unconfirmed_ = scrape.out_.family(
            "channel_messages_unconfirmed", kGauge, "Published but not yet confirmed messages");
        unconfirmed_counts_ = scrape.core_.unconfirmed();
    }

    ObjectWalk::What what() const {
        return {
            !channels_.empty() || !connections_.empty() || unconfirmed_,
            !queues_.empty(),
            !exchanges_.empty(),
            scrape_.request_.vhosts};
    }
    void session(SessionState& session) {
        if (!connections_.empty())
            add(connections_, session, label("channel", scrape_.pid_(session.number)));
        for (const auto& [id, channel] : session.channels) {
            const std::string name = label("channel", scrape_.pid_(channel->incarnation));
            add(channels_, *channel, name);
            if (unconfirmed_) add_unconfirmed(*channel, name);
        }
    }
    void queue(Queue& queue) {
        add(queues_, queue, label("vhost", queue.vhost->name()) + label("queue", queue.name));
    }
    void exchange(VirtualHost& vhost, Exchange* exchange) {
        add(exchanges_,
            {vhost, exchange},
            label("vhost", vhost.name()) +
                label("exchange", exchange ? ByteView(exchange->name()) : ByteView()));
    }
    void vhost(VirtualHost&) {}

private:
    template <class Row>
    using Families = std::vector<std::pair<Exposition::Family, std::uint64_t (*)(const Row&)>>;

    template <class Row>
    Families<Row> begin(std::span<const ObjectMetric<Row>> metrics) {
        Families<Row> families;
        for (const ObjectMetric<Row>& metric : metrics) {
            if (!scrape_.wants(metric.group)) continue;
            families.emplace_back(
                scrape_.out_.family(metric.name, metric.type, metric.help), metric.value);
        }
        return families;
    }
    template <class Row>
    void add(
        const Families<Row>& families, const std::type_identity_t<Row>& row,
        const std::string& labels) {
        for (const auto& [family, value] : families) scrape_.out_.add(family, value(row), labels);
    }
    void add_unconfirmed(const ChannelState& channel, const std::string& name) {
        const auto found = unconfirmed_counts_.find(channel.incarnation);
        const std::uint64_t count = found == unconfirmed_counts_.end() ? 0 : found->second;
        scrape_.out_.add(*unconfirmed_, count, name);
    }

    Scrape& scrape_;
    Families<Queue> queues_;
    Families<MeasuredExchange> exchanges_;
    Families<ChannelState> channels_;
    Families<SessionState> connections_;
    std::optional<Exposition::Family> unconfirmed_;
    std::unordered_map<std::uint64_t, std::uint64_t> unconfirmed_counts_;
};

Scrape::Scrape(
    const Core& core, ScrapeRequest request, ScrapeFacts facts, PidName pid, ToldCounters& told)
    : core_(core),
      request_(std::move(request)),
      facts_(std::move(facts)),
      pid_(std::move(pid)),
      told_(told),
      out_(request_.kind == ScrapeRequest::Kind::detailed ? "rabbitmq_detailed_" : "rabbitmq_") {
    const bool detailed = request_.kind == ScrapeRequest::Kind::detailed;
    if (wants("node_metrics") || wants("node_coarse_metrics")) add_node();
    if (wants("connection_churn_metrics")) add_churn();
    if (wants("auth_attempt_metrics")) add_authentication();
    if (!detailed) {
        add_alarms();
        add_totals();
        add_global();
    }
    if (request_.kind == ScrapeRequest::Kind::aggregated) {
        add_sums();
        return;
    }
    objects_ = std::make_unique<Objects>(*this);
    walk_ = ObjectWalk(objects_->what());
}

Scrape::~Scrape() = default;

bool Scrape::wants(std::string_view group) const {
    if (request_.kind != ScrapeRequest::Kind::detailed) return true;
    return std::find(request_.groups.begin(), request_.groups.end(), group) !=
           request_.groups.end();
}

bool Scrape::resume() {
    return objects_ && walk_.resume(core_.sessions(), core_.topology(), kStepObjects, *objects_);
}

std::string Scrape::text() && { return identity() + std::move(out_).text(); }

/// Under the same names at every address.
std::string Scrape::identity() const {
    Exposition out("rabbitmq_");
    const auto build = out.family("build_info", kUntyped, "RabbitMQ & Erlang/OTP version info");
    out.add(
        build,
        std::uint64_t{1},
        label("rabbitmq_version", facts_.rabbitmq_version) +
            label("prometheus_plugin_version", facts_.rabbitmq_version) +
            label("prometheus_client_version", facts_.product_version) +
            label("erlang_version", "none") + label("product_name", facts_.product_name) +
            label("product_version", facts_.product_version));
    const auto identity =
        out.family("identity_info", kUntyped, "RabbitMQ node & cluster identity info");
    out.add(
        identity,
        std::uint64_t{1},
        label("rabbitmq_node", facts_.node_name) + label("rabbitmq_cluster", facts_.cluster_name) +
            label(
                "rabbitmq_cluster_permanent_id",
                facts_.cluster_id.empty() ? facts_.cluster_name : facts_.cluster_id) +
            label("rabbitmq_endpoint", endpoint_name(request_.kind)));
    std::string text = std::move(out).text();
    if (request_.kind == ScrapeRequest::Kind::detailed) return text;
    Exposition process("process_");
    process.single(
        "start_time_seconds",
        kGauge,
        "Start time of the process since unix epoch in seconds.",
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, facts_.started_at_s)));
    return text + std::move(process).text();
}

void Scrape::add_node() {
    const ScrapeFacts& f = facts_;
    out_.single("process_open_fds", kGauge, "Open file descriptors", f.open_files);
    out_.single("process_max_fds", kGauge, "Open file descriptors limit", f.open_files_max);
    const std::uint64_t sockets = core_.object_totals().connections;
    out_.single("process_open_tcp_sockets", kGauge, "Open TCP sockets", sockets);
    out_.single("process_max_tcp_sockets", kGauge, "Open TCP sockets limit", f.open_files_max);
    out_.single("process_resident_memory_bytes", kGauge, "Memory used in bytes", f.memory_bytes);
    out_.single(
        "resident_memory_limit_bytes",
        kGauge,
        "Memory high watermark in bytes",
        f.memory_limit_bytes);
    out_.single(
        "disk_space_available_bytes", kGauge, "Disk space available in bytes", f.disk_free_bytes);
    out_.single(
        "disk_space_available_limit_bytes",
        kGauge,
        "Free disk space low watermark in bytes",
        f.disk_free_limit_bytes);
    out_.single(
        "erlang_uptime_seconds",
        kGauge,
        "Node uptime",
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, f.uptime_s)));
    if (f.cluster_id.empty()) return;
    out_.single(
        "unreachable_cluster_peers_count",
        kGauge,
        "Members of the cluster that this node cannot reach",
        f.unreachable_peers);
}

void Scrape::add_churn() {
    const BrokerStats& stats = core_.counters();
    out_.single(
        "connections_opened_total",
        kCounter,
        "Total number of connections opened",
        stats.connections.opened);
    out_.single(
        "connections_closed_total",
        kCounter,
        "Total number of connections closed or terminated",
        stats.connections.closed);
    out_.single(
        "channels_opened_total",
        kCounter,
        "Total number of channels opened",
        stats.channels.opened);
    out_.single(
        "channels_closed_total",
        kCounter,
        "Total number of channels closed",
        stats.channels.closed);
    out_.single(
        "queues_declared_total",
        kCounter,
        "Total number of queues declared",
        stats.queues_declared);
    out_.single(
        "queues_created_total", kCounter, "Total number of queues created", stats.queues_created);
    out_.single(
        "queues_deleted_total", kCounter, "Total number of queues deleted", stats.queues_deleted);
}

void Scrape::add_authentication() {
    const BrokerStats& stats = core_.counters();
    const auto add = [&](const char* name, const char* help, std::uint64_t value) {
        out_.add(out_.family(name, kCounter, help), value, protocol_label());
    };
    add("auth_attempts_total",
        "Total number of authorization attempts",
        stats.auth_attempts_succeeded + stats.auth_attempts_failed);
    add("auth_attempts_succeeded_total",
        "Total number of successful authentication attempts",
        stats.auth_attempts_succeeded);
    add("auth_attempts_failed_total",
        "Total number of failed authentication attempts",
        stats.auth_attempts_failed);
}

void Scrape::add_alarms() {
    const std::uint64_t memory = facts_.alarm.memory;
    const std::uint64_t disk = facts_.alarm.disk;
    out_.single(
        "alarms_file_descriptor_limit",
        kUntyped,
        "is 1 if file descriptor limit alarm is in effect",
        std::uint64_t{0});
    out_.single(
        "alarms_free_disk_space_watermark",
        kUntyped,
        "is 1 if free disk space watermark alarm is in effect",
        disk);
    out_.single(
        "alarms_memory_used_watermark",
        kUntyped,
        "is 1 if memory watermark alarm is in effect",
        memory);
}

void Scrape::add_totals() {
    const ObjectTotals totals = core_.object_totals();
    out_.single("connections", kGauge, "Connections currently open", totals.connections);
    out_.single("channels", kGauge, "Channels currently open", totals.channels);
    out_.single("consumers", kGauge, "Consumers currently connected", totals.consumers);
    out_.single("queues", kGauge, "Queues available", totals.queues);
    out_.single("exchanges", kGauge, "Exchanges available", totals.exchanges);
}

/// What may be summed up without looking at each object.
void Scrape::add_sums() {
    const BrokerReading all = core_.stats();
    const auto add = [&](const auto& metrics, std::string_view name, std::uint64_t value) {
        const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const auto& metric) {
            return metric.name == name;
        });
        ASSERT(found != metrics.end());
        out_.single(found->name, found->type, found->help, value);
    };
    const auto queues = queue_metrics();
    const std::uint64_t unacked = all.lengths.value("messages_unacknowledged");
    add(queues, "queue_messages_ready", all.lengths.value("messages_ready"));
    add(queues, "queue_messages_unacked", unacked);
    add(queues, "queue_messages", all.lengths.value("messages"));
    add(queues, "queue_consumers", core_.object_totals().consumers);
    add(queues, "queue_messages_ram_bytes", core_.topology().resident_bytes());
    add(queues, "queue_messages_published_total", all_vhosts().routed);
    const auto channels = channel_metrics();
    const StatsReading& m = all.messages;
    add(channels, "channel_consumers", core_.object_totals().consumers);
    add(channels, "channel_messages_unacked", unacked);
    add(channels, "channel_messages_published_total", m.value("publish"));
    add(channels, "channel_messages_confirmed_total", m.value("confirm"));
    add(channels, "channel_messages_unroutable_returned_total", m.value("return_unroutable"));
    add(channels, "channel_messages_unroutable_dropped_total", m.value("drop_unroutable"));
    const auto told = [&](std::size_t which, std::string_view name) {
        return told_.told(which, m.value(name));
    };
    add(channels, "channel_get_ack_total", m.value("get"));
    add(channels, "channel_get_total", m.value("get_no_ack"));
    add(channels, "channel_messages_delivered_ack_total", told(0, "deliver"));
    add(channels, "channel_messages_delivered_total", m.value("deliver_no_ack"));
    add(channels, "channel_messages_redelivered_total", told(1, "redeliver"));
    add(channels, "channel_messages_acked_total", m.value("ack"));
    add(channels, "channel_get_empty_total", m.value("get_empty"));
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    for (const auto& [name, vhost] : core_.topology().vhosts()) {
        const StatsReading octets = stats_of(*vhost).octets;
        received += octets.value("recv_oct");
        sent += octets.value("send_oct");
    }
    const VhostStats& deleted = core_.counters().deleted_vhosts;
    const auto connections = connection_metrics();
    add(connections, "connection_incoming_bytes_total", received + deleted.closed_recv_oct);
    add(connections, "connection_outgoing_bytes_total", sent + deleted.closed_send_oct);
    add(connections, "connection_channels", core_.object_totals().channels);
}

VhostStats Scrape::all_vhosts() const {
    VhostStats all = core_.counters().deleted_vhosts;
    for (const auto& [name, vhost] : core_.topology().vhosts()) all += vhost->stats;
    return all;
}

}  // namespace lvt::broker
