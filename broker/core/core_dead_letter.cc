// Dead lettering: where a message goes that its queue gives up, and what its headers tell of it (RabbitMQ 3.10's form).
#include "broker/core/core_state.h"
#include "broker/core/message_copy.h"
#include "protocol/amqp/properties.h"

#include <algorithm>
#include <map>

namespace lvt::broker {

using amqp::FieldValue;
using amqp::Properties;
using amqp::Table;
using amqp::TableView;

namespace {

constexpr const char* kDeaths = "x-death";

const char* name_of(DeathReason reason) {
    switch (reason) {
        case DeathReason::rejected:
            return "rejected";
        case DeathReason::expired:
            return "expired";
        case DeathReason::maxlen:
            return "maxlen";
        case DeathReason::delivery_limit:
            return "delivery_limit";
    }
    return "";
}

bool is_text(const std::optional<FieldValue>& value, ByteView text) {
    return value && value->string() && *value->string() == text;
}

/// The tables of the x-death array that came with the message.
std::vector<ByteView> deaths_of(TableView headers) {
    std::vector<ByteView> out;
    const auto found = headers.find(kDeaths);
    if (!found || !found->array()) return out;
    amqp::ArrayView(*found->array()).for_each([&](const FieldValue& value) {
        if (value.table()) out.push_back(*value.table());
    });
    return out;
}

/// The headers of a message about to leave `queue`.
class DeathHeaders {
public:
    DeathHeaders(const Queue& queue, const Message& message, DeathReason reason, Milliseconds wall)
        : queue_(queue), message_(message), reason_(name_of(reason)), wall_(wall) {
        const auto headers = Properties(message.properties()).headers();
        if (headers) before_ = TableView(*headers);
    }

    Table build(bool drop_cc) const {
        const std::vector<ByteView> deaths = deaths_of(before_);
        Bytes array;
        if (deaths.empty())
            amqp::append_value(array, {'F', first_death().bytes()});
        else
            append_deaths(array, deaths);
        Table out;
        for (const auto& [name, value] : before_) {
            if (name == kDeaths || (drop_cc && (name == "CC" || name == "BCC"))) continue;
            out.add_value(name, value);
        }
        out.add_value(kDeaths, {'A', array});
        // What is there and makes no sense counts as told.
        if (!before_.find(kDeaths)) {
            out.add_string("x-first-death-exchange", message_.exchange());
            out.add_string("x-first-death-queue", queue_.name);
            out.add_string("x-first-death-reason", reason_);
        }
        // RabbitMQ keeps the tables that it changes in the order of their keys.
        return amqp::sorted_by_name(out.view());
    }

private:
    /// count first, then what happened.
    Table first_death() const {
        Table out;
        out.add_long("count", 1);
        out.add_string("reason", reason_);
        out.add_string("queue", queue_.name);
        constexpr std::int64_t kMillisecondsInASecond = 1000;
        out.add_timestamp(
            "time", static_cast<std::uint64_t>(wall_.count() / kMillisecondsInASecond));
        out.add_string("exchange", message_.exchange());
        Bytes keys;
        amqp::append_value(keys, {'S', message_.routing_key()});
        if (const auto cc = before_.find("CC"); cc && cc->array()) {
            amqp::ArrayView(*cc->array()).for_each([&](const FieldValue& key) {
                amqp::append_value(keys, key);
            });
        }
        out.add_value("routing-keys", {'A', keys});
        if (const auto expiration = Properties(message_.properties()).expiration()) {
            out.add_string("original-expiration", *expiration);
        }
        return out;
    }

    /// Newest first: the one of this queue and reason moves to the front and counts up.
    void append_deaths(Bytes& array, const std::vector<ByteView>& deaths) const {
        const std::vector<Table> grouped = grouped_deaths(deaths);
        const auto same = [&](const Table& death) {
            return is_text(death.find("queue"), queue_.name) &&
                   is_text(death.find("reason"), reason_);
        };
        const auto found = std::find_if(grouped.begin(), grouped.end(), same);
        Table newest = found == grouped.end() ? first_death() : counted_up(*found);
        newest = amqp::sorted_by_name(newest.view());
        amqp::append_value(array, {'F', newest.bytes()});
        for (const Table& death : grouped) {
            if (!same(death)) amqp::append_value(array, {'F', death.bytes()});
        }
    }

    /// RabbitMQ before 3.5 wrote an entry a death, without a count: those of one queue and reason become one. And where there are
    /// several, RabbitMQ turns them round each time.
    static std::vector<Table> grouped_deaths(const std::vector<ByteView>& deaths) {
        if (deaths.size() == 1) return {*Table::decode(deaths.front())};
        const auto text = [](ByteView death, ByteView name) {
            const auto value = TableView(death).find(name);
            return value ? value->string().value_or(ByteView()) : ByteView();
        };
        std::map<std::pair<ByteView, ByteView>, std::int64_t> entries;
        std::vector<std::pair<ByteView, std::int64_t*>> firsts;
        for (const ByteView death : deaths) {
            std::int64_t& count = entries[{text(death, "queue"), text(death, "reason")}];
            if (++count == 1) firsts.emplace_back(death, &count);
        }
        std::vector<Table> out;
        for (const auto& [death, count] : firsts) {
            const Table table = *Table::decode(death);
            out.push_back(table.find("count") ? table : with_count(table, *count));
        }
        std::reverse(out.begin(), out.end());
        return out;
    }

    static Table counted_up(const Table& death) {
        const auto count = death.find("count");
        return with_count(death, count ? count->integer().value_or(0) + 1 : 1);
    }

    /// In the place of the count that it has, else first.
    static Table with_count(const Table& death, std::int64_t count) {
        Table out;
        if (!death.find("count")) out.add_long("count", count);
        for (const auto& [name, value] : death.view()) {
            if (name == "count")
                out.add_long(name, count);
            else
                out.add_value(name, value);
        }
        return out;
    }

    const Queue& queue_;
    const Message& message_;
    const char* reason_;
    Milliseconds wall_;
    TableView before_{ByteView()};
};

/// The message has been in that queue before, and no client rejected it since: it would go round for ever.
bool goes_round(TableView headers, ByteView queue) {
    for (const ByteView death : deaths_of(headers)) {
        const TableView view(death);
        if (is_text(view.find("reason"), "rejected")) return false;
        if (is_text(view.find("queue"), queue)) return true;
    }
    return false;
}

}  // namespace

void CoreState::discard(Queue& queue, QueuedMessage entry, DeathReason reason) {
    if (queue.settings.dead_letter_exchange)
        dead_letter(queue, *entry.message, reason);
    else
        count_death(queue, reason, false);
    if (!settles_later(queue, entry.seq, entry.message))
        settle_on_disk(queue, entry.seq, *entry.message);
}

/// The copy and the settle of the original stand in one commit (design rule 10).
void CoreState::dead_letter(Queue& queue, const Message& message, DeathReason reason) {
    count_death(queue, reason, true);
    VirtualHost& vhost = *queue.vhost;
    const Bytes exchange_name = *queue.settings.dead_letter_exchange;
    Exchange* const exchange = exchange_name.empty() ? nullptr : vhost.find_exchange(exchange_name);
    if (!exchange && !exchange_name.empty()) return;
    const auto& key = queue.settings.dead_letter_routing_key;
    const Table headers = DeathHeaders(queue, message, reason, now_.wall).build(key.has_value());
    amqp::PropertiesBuilder properties{Properties(message.properties())};
    properties.set_headers(headers).clear(amqp::property::kExpiration);
    const Bytes built = properties.build();
    MessageParts parts;
    parts.exchange = exchange_name;
    parts.routing_key = key ? ByteView(*key) : message.routing_key();
    parts.properties = built;
    parts.body_size = message.body().size();
    parts.priority = message.priority();
    parts.persistent = message.persistent();
    const auto accepts = [&](Queue& target, const Message& copy) {
        if (reason != DeathReason::rejected && goes_round(headers.view(), target.name))
            return false;
        // The length of the queue itself is what it goes for.
        return !target.refuses_when_full || &target == &queue || !refuses(target, copy);
    };
    MessagePtr copy = MessageBuilder::build(pool_, parts, message.body());
    if (message.hides_bcc() && !key) copy.mutable_get()->hide_bcc();
    forward(vhost, exchange, std::move(copy), accepts);
}

/// Quorum queues tell a consumer how often the message was handed out before.
MessagePtr CoreState::with_delivery_count(const QueuedMessage& entry) {
    const Message& message = *entry.message;
    const Table before = headers_as_seen(message);
    Table headers;
    for (const auto& [name, value] : before.view()) {
        if (name != "x-delivery-count") headers.add_value(name, value);
    }
    headers.add_long("x-delivery-count", entry.delivery_count);
    amqp::PropertiesBuilder changed{Properties(message.properties())};
    changed.set_headers(amqp::sorted_by_name(headers.view()));
    return with_properties(pool_, message, changed.build());
}

}  // namespace lvt::broker
