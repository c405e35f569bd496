#include "broker/app/list_control.h"

#include "broker/management/listing.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace lvt::broker {

namespace {

namespace json = boost::json;

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

}  // namespace

ListControl::ListControl(const Core& core, EventLoop& loop, PidNames pids)
    : core_(core), loop_(loop), pids_(std::move(pids)) {}

template <class Source>
void ListControl::begin(Source source, const json::object& args, ControlHandler::Done& done) {
    using Row = typename Source::Row;
    auto columns = chosen_columns<Row>(args);
    if (columns.empty()) return done(ControlAnswer::refusal("unknown column", kUsageExitCode));
    ColumnContext context{pids_};
    context.alarm = core_.alarm().any();
    if (wants(columns, "messages_unconfirmed")) context.unconfirmed = core_.unconfirmed();
    run_listing(
        [&loop = loop_](std::function<void()> slice) { loop.post(std::move(slice)); },
        std::move(source),
        Rows<Row>(std::move(columns), std::move(context)),
        [done = std::move(done)](Rows<Row> rows) {
            ControlAnswer answer;
            answer.serialized = std::move(rows).finish();
            done(std::move(answer));
        });
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
