// rabbitmq_global_...: counters that outlive connections and queues.
#include "broker/metrics/scrape.h"

#include <fmt/format.h>

namespace lvt::broker {

namespace {

constexpr auto kCounter = MetricType::counter;
constexpr auto kGauge = MetricType::gauge;

std::string protocol_label() { return label("protocol", "amqp091"); }

const char* type_name(std::size_t type) {
    return type == 0 ? "rabbit_classic_queue" : "rabbit_quorum_queue";
}

}  // namespace

void Scrape::add_global() {
    const VhostStats all = all_vhosts();
    const auto add = [&](const char* name, MetricType type, const char* help, std::uint64_t value) {
        out_.add(out_.family(name, type, help), value, protocol_label());
    };
    add("global_publishers",
        kGauge,
        "Current number of publishers",
        core_.counters().publishers.open());
    add("global_consumers", kGauge, "Current number of consumers", core_.object_totals().consumers);
    add("global_messages_received_total",
        kCounter,
        "Total number of messages received from publishers",
        all.publishes.publish);
    add("global_messages_received_confirm_total",
        kCounter,
        "Total number of messages received from publishers expecting confirmations",
        all.received_confirm);
    add("global_messages_confirmed_total",
        kCounter,
        "Total number of messages confirmed to publishers",
        all.publishes.confirm);
    add("global_messages_routed_total",
        kCounter,
        "Total number of messages routed to queues or streams",
        all.routed);
    add("global_messages_unroutable_dropped_total",
        kCounter,
        "Total number of messages published as non-mandatory into an exchange and dropped as "
        "unroutable",
        all.publishes.drop_unroutable);
    add("global_messages_unroutable_returned_total",
        kCounter,
        "Total number of messages published as mandatory into an exchange and returned to the "
        "publisher as unroutable",
        all.publishes.return_unroutable);
    add_global_deliveries(all);
    add_dead_letters();
    add_sizes();
}

void Scrape::add_global_deliveries(const VhostStats& all) {
    struct Kind {
        const char* name;
        const char* help;
        std::uint64_t (*value)(const DeliveryStats&);
    };
    constexpr Kind kKinds[] = {
        {"delivered_total",
         "Total number of messages delivered to consumers",
         [](const DeliveryStats& d) { return d.deliver_get(); }},
        {"delivered_consume_auto_ack_total",
         "Total number of messages delivered to consumers using basic.consume with automatic "
         "acknowledgment",
         [](const DeliveryStats& d) { return d.deliver_no_ack; }},
        {"delivered_consume_manual_ack_total",
         "Total number of messages delivered to consumers using basic.consume with manual "
         "acknowledgment",
         [](const DeliveryStats& d) { return d.deliver; }},
        {"delivered_get_auto_ack_total",
         "Total number of messages delivered to consumers using basic.get with automatic "
         "acknowledgment",
         [](const DeliveryStats& d) { return d.get_no_ack; }},
        {"delivered_get_manual_ack_total",
         "Total number of messages delivered to consumers using basic.get with manual "
         "acknowledgment",
         [](const DeliveryStats& d) { return d.get; }},
        {"get_empty_total",
         "Total number of times basic.get operations fetched no message",
         [](const DeliveryStats& d) { return d.get_empty; }},
        {"redelivered_total",
         "Total number of messages redelivered to consumers",
         [](const DeliveryStats& d) { return d.redeliver; }},
        {"acknowledged_total",
         "Total number of messages acknowledged by consumers",
         [](const DeliveryStats& d) { return d.ack; }},
    };
    std::size_t which = 2;  // behind those of add_sums()
    for (const Kind& kind : kKinds) {
        const auto family =
            out_.family(fmt::format("global_messages_{}", kind.name), kCounter, kind.help);
        for (std::size_t type = 0; type < all.deliveries.size(); ++type) {
            out_.add(
                family,
                told_.told(which++, kind.value(all.deliveries[type])),
                protocol_label() + label("queue_type", type_name(type)));
        }
    }
}

void Scrape::add_dead_letters() {
    struct Reason {
        const char* name;
        const char* why;
    };
    // By DeathReason.
    constexpr Reason kReasons[] = {
        {"rejected", "basic.reject or basic.nack"},
        {"expired", "message TTL exceeded"},
        {"maxlen", "overflow drop-head or reject-publish-dlx"},
        {"delivery_limit", "delivery-limit exceeded"}};
    constexpr const char* kStrategies[] = {"disabled", "at_most_once"};
    const auto& counts = core_.counters().dead_lettered;
    for (std::size_t reason = 0; reason < std::size(kReasons); ++reason) {
        const auto family = out_.family(
            fmt::format("global_messages_dead_lettered_{}_total", kReasons[reason].name),
            kCounter,
            fmt::format("Total number of messages dead-lettered due to {}", kReasons[reason].why));
        for (std::size_t type = 0; type < 2; ++type) {
            for (std::size_t strategy = 0; strategy < 2; ++strategy) {
                out_.add(
                    family,
                    counts[reason][type][strategy],
                    label("queue_type", type_name(type)) +
                        label("dead_letter_strategy", kStrategies[strategy]));
            }
        }
    }
}

/// The dashboard compares the upper ends as text.
void Scrape::add_sizes() {
    constexpr const char* kEnds[] = {
        "100.0", "1000.0", "10000.0", "100000.0", "1e+06", "1e+07", "5e+07", "1e+08", "+Inf"};
    const MessageSizes& sizes = core_.counters().sizes;
    static_assert(std::size(kEnds) == std::tuple_size_v<decltype(sizes.counts)>);
    const auto family = out_.family(
        "message_size_bytes", MetricType::histogram, "Size of messages received from publishers");
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < std::size(kEnds); ++i) {
        count += sizes.counts[i];
        out_.add(family, count, protocol_label() + label("le", kEnds[i]), "_bucket");
    }
    out_.add(family, sizes.sum, protocol_label(), "_sum");
    out_.add(family, count, protocol_label(), "_count");
}

}  // namespace lvt::broker
