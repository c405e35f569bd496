// The fields of rows as the HTTP API shows them, and lists of rows as answers. The core's thread only.
#pragma once

#include "broker/management/api_stats.h"
#include "broker/management/call.h"

#include <boost/json/serialize.hpp>

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
        for (const Field<Row>& field : fields<Row>()) {
            if (!needs_any(shape, field.name)) continue;
            chosen_.push_back({&field, nullptr});
            if (field.put) continue;
            for (const Column<Row>& column : columns<Row>())
                if (column.name == field.name) chosen_.back().column = &column;
        }
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
    struct Chosen {
        const Field<Row>* field;
        const Column<Row>* column;
    };
    std::vector<Chosen> chosen_;
};

/// Makes objects of rows, or their text where nobody has to look at them together.
template <class Row>
class RowSink {
public:
    using Keep = std::function<bool(const Row&)>;

    RowSink(const Call& call, Keep keep)
        : shape_(call.query), choice_(shape_), keep_(std::move(keep)), context_{call.api.pids} {
        context_.alarm = call.api.core.alarm().any();
        if (shape_.needs("messages_unconfirmed"))
            context_.unconfirmed = call.api.core.unconfirmed();
    }

    bool full() const { return work_ >= kSliceValues; }
    void next_slice() { work_ = 0; }
    void add(const Row& row) {
        ++work_;
        if (keep_ && !keep_(row)) return;
        work_ += choice_.size();
        boost::json::object object = choice_.object(row, context_);
        if (shape_.needs_all_rows()) {
            rows_.push_back(std::move(object));
            return;
        }
        shape_.columns().apply(object);
        text_ += text_.size() > 1 ? "," : "";
        text_ += boost::json::serialize(object);
    }
    void answer(Call& call) && {
        if (shape_.needs_all_rows()) return call.list(std::move(rows_));
        call.text(std::move(text_) + "]");
    }

private:
    Shape shape_;
    FieldChoice<Row> choice_;
    Keep keep_;
    ColumnContext context_;
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

template <class Source>
void answer_rows(
    const CallPtr& call, Source source,
    typename RowSink<typename Source::Row>::Keep keep = nullptr) {
    using Sink = RowSink<typename Source::Row>;
    run_listing(call->api.post, std::move(source), Sink(*call, std::move(keep)), [call](Sink sink) {
        std::move(sink).answer(*call);
    });
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
