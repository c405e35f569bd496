#include "broker/app/list_control.h"

#include "broker/app/listing_columns.h"
#include "broker/core/topology.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace lvt::broker {

namespace {

namespace json = boost::json;

/// Values between two looks at what else there is to do: less than a millisecond.
constexpr std::size_t kSliceValues = 2000;
constexpr int kUsageExitCode = 64;

/// Rows on their way to become the text of a JSON array.
template <class Row>
class Rows {
public:
    Rows(std::vector<const Column<Row>*> columns, ColumnContext context)
        : columns_(std::move(columns)),
          context_(std::move(context)),
          slice_rows_(std::max<std::size_t>(1, kSliceValues / columns_.size())) {}

    bool full() const { return rows_ >= slice_rows_; }
    void add(const Row& row) {
        json::object object;
        object.reserve(columns_.size());
        for (const Column<Row>* const column : columns_)
            object.emplace(column->name, column->value(row, context_));
        text_ += text_.size() > 1 ? "," : "";
        text_ += json::serialize(object);
        ++rows_;
    }
    void next_slice() { rows_ = 0; }
    std::string finish() && { return std::move(text_) + "]"; }

private:
    std::vector<const Column<Row>*> columns_;
    ColumnContext context_;
    std::size_t slice_rows_;
    std::size_t rows_ = 0;
    std::string text_ = "[";
};

// Where rows come from. resume() goes on behind the last row, whatever has changed since; true where there is more.

/// A place in a map that may change.
template <class Map>
auto behind(const Map& map, const std::optional<typename Map::key_type>& last) {
    return last ? map.upper_bound(*last) : map.begin();
}

/// Calls add(queue) for those of the virtual host behind `last`.
template <class Row, class Add>
bool resume_queues(
    const Core& core, const Bytes& vhost, std::optional<Bytes>& last, const Rows<Row>& rows,
    Add&& add) {
    const VirtualHost* const host = core.topology().find_vhost(vhost);
    if (!host) return false;
    for (auto at = behind(host->queues(), last); at != host->queues().end(); ++at) {
        if (rows.full()) return true;
        add(*at->second);
        last = at->first;
    }
    return false;
}

struct QueueSource {
    using Row = Queue;
    const Core& core;
    Bytes vhost;
    std::optional<Bytes> last = {};

    bool resume(Rows<Row>& rows) {
        return resume_queues(core, vhost, last, rows, [&](const Queue& queue) { rows.add(queue); });
    }
};

struct ExchangeSource {
    using Row = ExchangeRow;
    const Core& core;
    Bytes vhost;
    std::optional<Bytes> last = {};

    bool resume(Rows<Row>& rows) {
        const VirtualHost* const host = core.topology().find_vhost(vhost);
        if (!host) return false;
        if (!last) rows.add(nullptr);
        for (auto at = behind(host->exchanges(), last); at != host->exchanges().end(); ++at) {
            if (rows.full()) return true;
            rows.add(at->second.get());
            last = at->first;
        }
        return false;
    }
};

/// The default exchange's come first.
struct BindingSource {
    using Row = BindingRow;
    const Core& core;
    Bytes vhost;
    std::optional<Bytes> last_queue = {};
    bool queues_done = false;
    std::optional<Bytes> last_exchange = {};
    std::optional<BindingKey> last_key = {};  // of the exchange behind last_exchange

    bool resume(Rows<Row>& rows) {
        const VirtualHost* const host = core.topology().find_vhost(vhost);
        if (!host) return false;
        if (!queues_done && resume_queues(*host, rows)) return true;
        queues_done = true;
        const auto& exchanges = host->exchanges();
        for (auto at = behind(exchanges, last_exchange); at != exchanges.end(); ++at) {
            if (resume_exchange(*at->second, rows)) return true;
            last_exchange = at->first;
            last_key.reset();
        }
        return false;
    }

private:
    bool resume_queues(const VirtualHost& host, Rows<Row>& rows) {
        const auto& queues = host.queues();
        for (auto at = behind(queues, last_queue); at != queues.end(); ++at) {
            if (rows.full()) return true;
            rows.add({nullptr, nullptr, at->second.get()});
            last_queue = at->first;
        }
        return false;
    }
    bool resume_exchange(const Exchange& exchange, Rows<Row>& rows) {
        const auto& bindings = exchange.bindings();
        for (auto at = behind(bindings, last_key); at != bindings.end(); ++at) {
            if (rows.full()) return true;
            rows.add({&exchange, &at->first, nullptr});
            last_key = at->first;
        }
        return false;
    }
};

/// Calls visit(session) for those that are open, from (lane, slot) on, until `rows` are full.
template <class Row, class Visit>
bool resume_sessions(
    const Core& core, std::size_t& lane, std::size_t& slot, Rows<Row>& rows, Visit&& visit) {
    const auto& sessions = core.sessions();
    for (; lane < sessions.size(); ++lane, slot = 0) {
        for (; slot < sessions[lane].size(); ++slot) {
            if (rows.full()) return true;
            const SessionState* const session = sessions[lane][slot].get();
            if (session && session->vhost) visit(*session);
        }
    }
    return false;
}

struct ConnectionSource {
    using Row = SessionState;
    const Core& core;
    std::size_t lane = 0;
    std::size_t slot = 0;

    bool resume(Rows<Row>& rows) {
        return resume_sessions(
            core, lane, slot, rows, [&](const SessionState& session) { rows.add(session); });
    }
};

struct ChannelSource {
    using Row = ChannelState;
    const Core& core;
    std::size_t lane = 0;
    std::size_t slot = 0;

    bool resume(Rows<Row>& rows) {
        return resume_sessions(core, lane, slot, rows, [&](const SessionState& session) {
            for (const auto& [id, channel] : session.channels) rows.add(*channel);
        });
    }
};

struct ConsumerSource {
    using Row = ConsumerRow;
    const Core& core;
    Bytes vhost;
    std::optional<Bytes> last = {};

    bool resume(Rows<Row>& rows) {
        return resume_queues(core, vhost, last, rows, [&](const Queue& queue) {
            for (const Consumer* const consumer : queue.machine.consumers())
                rows.add({queue, *consumer});
        });
    }
};

/// A listing under way.
template <class Source>
struct Listing {
    Source source;
    Rows<typename Source::Row> rows;
    ControlHandler::Done done;
};

template <class Source>
void go_on(EventLoop& loop, const std::shared_ptr<Listing<Source>>& listing) {
    if (listing->source.resume(listing->rows)) {
        listing->rows.next_slice();
        loop.post([&loop, listing] { go_on(loop, listing); });
        return;
    }
    ControlAnswer answer;
    answer.serialized = std::move(listing->rows).finish();
    listing->done(std::move(answer));
}

/// Empty: one of them is not known.
template <class Row>
std::vector<const Column<Row>*> chosen_columns(const json::object& args) {
    std::vector<const Column<Row>*> chosen;
    const json::value* const asked = args.if_contains("columns");
    if (!asked || !asked->is_array()) {
        for (const Column<Row>& column : columns<Row>()) chosen.push_back(&column);
        return chosen;
    }
    for (const json::value& name : asked->get_array()) {
        const auto all = columns<Row>();
        const auto found = std::find_if(all.begin(), all.end(), [&](const Column<Row>& column) {
            return name.is_string() && name.get_string() == column.name;
        });
        if (found == all.end()) return {};
        chosen.push_back(&*found);
    }
    return chosen;
}

template <class Row>
bool wants(const std::vector<const Column<Row>*>& columns, std::string_view name) {
    return std::any_of(columns.begin(), columns.end(), [&](const Column<Row>* column) {
        return column->name == name;
    });
}

}  // namespace

ListControl::ListControl(const Core& core, EventLoop& loop, PidNames pids)
    : core_(core), loop_(loop), pids_(std::move(pids)) {}

template <class Source>
void ListControl::begin(Source source, const json::object& args, ControlHandler::Done& done) {
    using Row = typename Source::Row;
    auto columns = chosen_columns<Row>(args);
    if (columns.empty()) return done(ControlAnswer::refusal("unknown column", kUsageExitCode));
    ColumnContext context{pids_};
    if (wants(columns, "messages_unconfirmed")) context.unconfirmed = core_.unconfirmed();
    go_on(
        loop_,
        std::make_shared<Listing<Source>>(Listing<Source>{
            std::move(source),
            Rows<Row>(std::move(columns), std::move(context)),
            std::move(done)}));
}

bool ListControl::list(
    const std::string& verb, const json::object& args, ControlHandler::Done& done) {
    const json::value* const given = args.if_contains("vhost");
    const Bytes vhost = given && given->is_string() ? Bytes(given->get_string()) : Bytes("/");
    if (verb == "list_queues")
        begin(QueueSource{core_, vhost}, args, done);
    else if (verb == "list_exchanges")
        begin(ExchangeSource{core_, vhost}, args, done);
    else if (verb == "list_bindings")
        begin(BindingSource{core_, vhost}, args, done);
    else if (verb == "list_connections")
        begin(ConnectionSource{core_}, args, done);
    else if (verb == "list_channels")
        begin(ChannelSource{core_}, args, done);
    else if (verb == "list_consumers")
        begin(ConsumerSource{core_, vhost}, args, done);
    else
        return false;
    return true;
}

}  // namespace lvt::broker
