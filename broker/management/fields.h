// The fields of rows as the HTTP API shows them, and lists of rows as answers. The core's thread only.
#pragma once

#include "broker/management/api_stats.h"
#include "broker/management/call.h"
#include "broker/management/totals.h"

#include <boost/json/serialize.hpp>

#include <algorithm>

namespace lvt::broker {

/// One or more keys of a row's object. Where `put` is null it is rabbitmqctl's column of that name.
template <class Row>
struct Field {
    /// What `columns` calls it, or all its names with blanks between.
    std::string_view name;
    void (*put)(boost::json::object& out, const Row& row, const ColumnContext& context) = nullptr;
};

// All that there are, by Row.
template <class Row>
std::span<const Field<Row>> fields();
template <>
std::span<const Field<Queue>> fields();
template <>
std::span<const Field<ExchangeRow>> fields();
template <>
std::span<const Field<BindingRow>> fields();
template <>
std::span<const Field<SessionState>> fields();
template <>
std::span<const Field<ChannelState>> fields();
template <>
std::span<const Field<ConsumerRow>> fields();

boost::json::value text_or_null(ByteView text);
/// Of Erlang's processes; there are none.
boost::json::object no_garbage_collection();
/// What a URL calls a binding among those of its two ends.
std::string properties_key(const BindingRow& binding);

/// Of the names, which have blanks between.
bool needs_any(const Shape& shape, std::string_view names);

/// The fields that a shape needs, in order.
template <class Row>
class FieldChoice {
public:
    explicit FieldChoice(const Shape& shape) {
        for (const Field<Row>& field : fields<Row>())
            if (needs_any(shape, field.name)) choose(field);
    }
    explicit FieldChoice(std::span<const std::string_view> names) {
        for (const Field<Row>& field : fields<Row>())
            if (std::ranges::find(names, field.name) != names.end()) choose(field);
    }

    std::size_t size() const { return chosen_.size(); }
    boost::json::object object(const Row& row, const ColumnContext& context) const {
        boost::json::object out;
        out.reserve(chosen_.size());
        for (const Chosen& one : chosen_) {
            if (one.column)
                out.emplace(one.column->name, one.column->value(row, context));
            else
                one.field->put(out, row, context);
        }
        return out;
    }

private:
    void choose(const Field<Row>& field) {
        chosen_.push_back({&field, nullptr});
        if (field.put) return;
        for (const Column<Row>& column : columns<Row>())
            if (column.name == field.name) chosen_.back().column = &column;
    }

    struct Chosen {
        const Field<Row>* field;
        const Column<Row>* column;
    };
    std::vector<Chosen> chosen_;
};

/// Rows that each node of a cluster makes of its own; the others are the same on all.
template <class Row>
inline constexpr bool kOfEachNode = false;
template <>
inline constexpr bool kOfEachNode<Queue> = true;
template <>
inline constexpr bool kOfEachNode<SessionState> = true;
template <>
inline constexpr bool kOfEachNode<ChannelState> = true;
template <>
inline constexpr bool kOfEachNode<ConsumerRow> = true;

/// As RabbitMQ shows a queue of a node that is down.
boost::json::object down_queue_object(const Queue& queue, const std::string& node);

/// Makes objects of rows, or their text where nobody has to look at them together.
template <class Row>
class RowSink {
public:
    using Keep = std::function<bool(const Row&)>;

    /// `others`: what other members said; null: they were not asked.
    RowSink(const Call& call, Keep keep, const std::vector<MemberSaid>* others)
        : RowSink(
              call, std::move(keep), shape_for(call, others),
              others ? QueuePlaces(call.api.members.self, *others)
                     : QueuePlaces(call.api.members.self)) {
        raw_ = call.for_member.has_value();
        context_.alarm = call.api.core.alarm().any();
        if (shape_.needs("messages_unconfirmed"))
            context_.unconfirmed = call.api.core.unconfirmed();
    }

    bool full() const { return work_ >= kSliceValues; }
    void next_slice() { work_ = 0; }
    void add(const Row& row) {
        ++work_;
        if (keep_ && !keep_(row)) return;
        if constexpr (std::is_same_v<Row, Queue>) {
            const QueuePlaces::Place place = places_.of(row);
            if (place == QueuePlaces::Place::elsewhere) return;
            if (place == QueuePlaces::Place::down)
                return put(down_queue_object(row, places_.node_of(row)));
        }
        work_ += choice_.size();
        boost::json::object object = choice_.object(row, context_);
        if constexpr (std::is_same_v<Row, ChannelState>)
            if (is_guest(*row.session)) object[kOfGuest] = true;
        put(std::move(object));
    }
    void answer(Call& call, std::optional<MemberArrays> others) && {
        if (!raw_ && shape_.needs_all_rows()) return call.list(std::move(rows_), std::move(others));
        call.text(std::move(text_) + "]");
    }

private:
    RowSink(const Call& call, Keep keep, Shape shape, QueuePlaces places)
        : shape_(std::move(shape)),
          choice_(shape_),
          keep_(std::move(keep)),
          context_{call.api.pids},
          places_(std::move(places)) {}
    static Shape shape_for(const Call& call, const std::vector<MemberSaid>* others) {
        Shape shape(call.query);
        // Also alone in its cluster: an order is not to depend on who is there.
        if (call.for_member || others) shape.merge();
        return shape;
    }
    void put(boost::json::object object) {
        if (!raw_ && shape_.needs_all_rows()) {
            rows_.push_back(std::move(object));
            return;
        }
        if (!raw_) shape_.columns().apply(object);
        text_ += text_.size() > 1 ? "," : "";
        text_ += boost::json::serialize(object);
    }

    Shape shape_;
    FieldChoice<Row> choice_;
    Keep keep_;
    ColumnContext context_;
    QueuePlaces places_;
    /// For another member, who arranges them.
    bool raw_ = false;
    std::size_t work_ = 0;
    std::vector<boost::json::object> rows_;
    std::string text_ = "[";
};

/// One source of rows behind the other, as of each virtual host.
template <class Source>
struct Sources {
    using Row = typename Source::Row;
    std::vector<Source> sources;
    std::size_t at = 0;

    template <class Sink>
    bool resume(Sink& sink) {
        for (; at < sources.size(); ++at)
            if (sources[at].resume(sink)) return true;
        return false;
    }
};

/// Of a cluster: the rows of all its nodes, where each makes its own.
template <class Source>
void answer_rows(
    const CallPtr& call, Source source,
    typename RowSink<typename Source::Row>::Keep keep = nullptr) {
    using Sink = RowSink<typename Source::Row>;
    const auto run = [call, source = std::move(source), keep = std::move(keep)](
                         std::vector<MemberSaid>* others) {
        Sink all(*call, keep, others);
        std::optional<MemberArrays> arrays;
        if (others) arrays = arrays_of(*others);
        run_listing(
            call->api.post, source, std::move(all), [call, arrays = std::move(arrays)](Sink sink) {
                std::move(sink).answer(*call, arrays);
            });
    };
    if (!kOfEachNode<typename Source::Row> || !call->is_of_all()) return run(nullptr);
    call->ask_members(std::nullopt, [run](std::vector<MemberSaid> others) { run(&others); });
}

/// The rows of every virtual host that the call is about.
template <class Source>
void answer_rows_of_vhosts(
    const CallPtr& call, typename RowSink<typename Source::Row>::Keep keep = nullptr) {
    Sources<Source> all;
    for (Bytes& vhost : call->visible_vhosts())
        all.sources.push_back(Source{call->api.core, std::move(vhost)});
    answer_rows(call, std::move(all), std::move(keep));
}

/// One row as an object with all its fields.
template <class Row>
boost::json::object row_object(const Call& call, const Row& row) {
    ColumnContext context{call.api.pids, StatsView::of(call.query, call.api.clock.now())};
    context.alarm = call.api.core.alarm().any();
    const Shape shape(call.query);
    if (shape.needs("messages_unconfirmed")) context.unconfirmed = call.api.core.unconfirmed();
    return FieldChoice<Row>(shape).object(row, context);
}

}  // namespace lvt::broker
