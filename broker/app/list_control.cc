#include "broker/app/list_control.h"

#include "broker/management/listing.h"
#include "broker/management/totals.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace lvt::broker {

namespace {

namespace json = boost::json;

constexpr int kUsageExitCode = 64;

/// Of a queue whose home is down.
constexpr std::array<std::string_view, 7> kKnownOfDown{
    "name", "vhost", "durable", "auto_delete", "arguments", "pid", "type"};

/// Queues that are listed.
struct QueueStates {
    bool online = true;
    bool offline = true;
};

bool is_set(const json::object& args, std::string_view key) {
    const json::value* const value = args.if_contains(key);
    return value && value->is_bool() && value->get_bool();
}

/// Both unless one is asked for.
QueueStates states_of(const json::object& args) {
    const QueueStates asked{is_set(args, "online"), is_set(args, "offline")};
    return asked.online || asked.offline ? asked : QueueStates{};
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

/// Rows on their way to become the text of a JSON array.
template <class Row>
class Rows {
public:
    Rows(
        std::vector<const Column<Row>*> columns, ColumnContext context, QueuePlaces places,
        QueueStates states)
        : columns_(std::move(columns)),
          context_(std::move(context)),
          slice_rows_(std::max<std::size_t>(1, kSliceValues / columns_.size())),
          places_(std::move(places)),
          states_(states) {}

    bool full() const { return rows_ >= slice_rows_; }
    void add(const Row& row) {
        ++rows_;
        if constexpr (std::is_same_v<Row, Queue>) {
            const QueuePlaces::Place place = places_.of(row);
            if (place == QueuePlaces::Place::down) return add_down(row);
            if (place == QueuePlaces::Place::elsewhere || !states_.online) return;
        }
        json::object object;
        object.reserve(columns_.size() + 1);
        for (const Column<Row>* const column : columns_)
            object.emplace(column->name, column->value(row, context_));
        if constexpr (std::is_same_v<Row, ChannelState>)
            if (is_guest(*row.session)) object[kOfGuest] = true;
        add(object);
    }
    void next_slice() { rows_ = 0; }
    std::string finish() && { return std::move(text_) + "]"; }

private:
    void add(const json::object& object) {
        text_ += text_.size() > 1 ? "," : "";
        text_ += json::serialize(object);
    }
    /// As rabbitmqctl: what its home alone knows is empty.
    void add_down(const Queue& queue) {
        if (!states_.offline) return;
        const PidNames pids{places_.node_of(queue), 0};
        const ColumnContext context{pids};
        json::object object;
        for (const Column<Queue>* const column : columns_) {
            const bool known = std::ranges::find(kKnownOfDown, column->name) != kKnownOfDown.end();
            object[column->name] = column->name == "state" ? json::value("down")
                                   : known                 ? column->value(queue, context)
                                                           : json::value("");
        }
        add(object);
    }

    std::vector<const Column<Row>*> columns_;
    ColumnContext context_;
    std::size_t slice_rows_;
    QueuePlaces places_;
    QueueStates states_;
    std::size_t rows_ = 0;
    std::string text_ = "[";
};

/// Of rows with names, which are not wanted unless `named`.
std::string with_guests_folded(const std::string& array, bool named) {
    std::vector<json::object> rows;
    append_objects(rows, array);
    fold_guests(rows);
    std::string out = "[";
    for (json::object& row : rows) {
        if (!named) row.erase("name");
        out += out.size() > 1 ? "," : "";
        out += json::serialize(row);
    }
    return out + "]";
}

}  // namespace

ListControl::ListControl(const Core& core, EventLoop& loop, PidNames pids, Members members)
    : core_(core), loop_(loop), pids_(std::move(pids)), members_(std::move(members)) {}

/// What a listing is to hold.
struct ListControl::Wanted {
    json::object args;
    QueuePlaces places;
    /// Made by others.
    MemberArrays arrays = {};
};

template <class Source>
void ListControl::run(Source source, Wanted wanted, const ControlHandler::Done& done) {
    using Row = typename Source::Row;
    auto columns = chosen_columns<Row>(wanted.args);
    if (columns.empty()) return done(ControlAnswer::refusal("unknown column", kUsageExitCode));
    ColumnContext context{pids_};
    context.alarm = core_.alarm().any();
    if (wants(columns, "messages_unconfirmed")) context.unconfirmed = core_.unconfirmed();
    run_listing(
        [&loop = loop_](std::function<void()> slice) { loop.post(std::move(slice)); },
        std::move(source),
        Rows<Row>(
            std::move(columns),
            std::move(context),
            std::move(wanted.places),
            states_of(wanted.args)),
        [done, arrays = std::move(wanted.arrays)](Rows<Row> rows) {
            ControlAnswer answer;
            answer.serialized = std::move(rows).finish();
            for (const std::string& array : arrays) append_rows(answer.serialized, array);
            done(std::move(answer));
        });
}

template <class Source>
void ListControl::begin(Source source, const json::object& args, const ControlHandler::Done& done) {
    run(std::move(source), {args, QueuePlaces(members_.self)}, done);
}

/// Every node makes the rows of what is on it.
template <class Source>
void ListControl::begin_for_all(
    const std::string& verb, Source source, const json::object& args,
    const ControlHandler::Done& done) {
    if (!members_.ask || is_set(args, "local")) return begin(std::move(source), args, done);
    // Who is down must be known all the same.
    const char* const asked = states_of(args).online ? verb.c_str() : "ping";
    members_.ask(
        InquiryKind::control,
        json::serialize(json::object{{"verb", asked}, {"args", args}}),
        std::nullopt,
        [this, source = std::move(source), args, done](std::vector<MemberSaid> others) {
            QueuePlaces places(members_.self, others);
            run(source, {args, std::move(places), arrays_of(others)}, done);
        });
}

/// What a channel has at other nodes is counted there, and known by the channel's name.
void ListControl::list_channels(const json::object& args, const ControlHandler::Done& done) {
    const auto columns = chosen_columns<ChannelState>(args);
    const bool counts =
        wants(columns, "consumer_count") || wants(columns, "messages_unacknowledged");
    if (!members_.ask || !counts)
        return begin_for_all("list_channels", ChannelSource{core_}, args, done);
    const ChannelSource source{core_, true};
    if (is_set(args, "local")) return begin(source, args, done);
    json::object asked = args;
    const bool named = wants(columns, "name");
    if (!named) asked.at("columns").as_array().emplace_back("name");
    begin_for_all("list_channels", source, asked, [done, named](ControlAnswer answer) {
        if (answer.error.empty()) answer.serialized = with_guests_folded(answer.serialized, named);
        done(std::move(answer));
    });
}

bool ListControl::list(
    const std::string& verb, const json::object& args, ControlHandler::Done& done) {
    const json::value* const given = args.if_contains("vhost");
    const Bytes vhost = given && given->is_string() ? Bytes(given->get_string()) : Bytes("/");
    if (verb == "list_queues")
        begin_for_all(verb, QueueSource{core_, vhost}, args, done);
    else if (verb == "list_exchanges")
        begin(ExchangeSource{core_, vhost}, args, done);
    else if (verb == "list_bindings")
        begin(BindingSource{core_, vhost}, args, done);
    else if (verb == "list_connections")
        begin_for_all(verb, ConnectionSource{core_}, args, done);
    else if (verb == "list_channels")
        list_channels(args, done);
    else if (verb == "list_consumers")
        begin_for_all(verb, ConsumerSource{core_, vhost}, args, done);
    else
        return false;
    return true;
}

}  // namespace lvt::broker
