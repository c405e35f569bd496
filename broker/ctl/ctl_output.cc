#include "broker/ctl/ctl_output.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace lvt::broker {
namespace {

namespace json = boost::json;

/// Erlang's way to write a value inside another one.
std::string term(const json::value& value);

/// [NAME, TYPE, VALUE], as an AMQP table's entry comes.
bool is_table_entry(const json::value& value) {
    const json::array* const entry = value.if_array();
    return entry && entry->size() == 3 && (*entry)[0].is_string() && (*entry)[1].is_string();
}

std::string list(const json::array& array) {
    std::string out = "[";
    for (const json::value& element : array) {
        if (out.size() > 1) out += ',';
        if (is_table_entry(element)) {
            const json::array& entry = element.get_array();
            out.append("{").append(term(entry[0])).append(",").append(term(entry[2])).append("}");
        } else {
            out += term(element);
        }
    }
    return out + "]";
}

std::string term(const json::value& value) {
    if (value.is_array()) return list(value.get_array());
    return json::serialize(value);
}

std::string csv_field(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    return out + "\"";
}

const json::value& field(const json::value& row, const std::string& column) {
    static const json::value kAbsent = "";
    const json::object* const object = row.if_object();
    const json::value* const found = object ? object->if_contains(column) : nullptr;
    return found ? *found : kAbsent;
}

void print_separated(
    std::ostream& out, const json::array& rows, const std::vector<std::string>& columns, bool csv,
    bool headers) {
    const auto print_line = [&](auto&& text_of) {
        for (std::size_t i = 0; i < columns.size(); ++i) {
            if (i > 0) out << (csv ? ',' : '\t');
            const std::string text = text_of(columns[i]);
            out << (csv ? csv_field(text) : text);
        }
        out << '\n';
    };
    if (headers && !rows.empty()) print_line([](const std::string& column) { return column; });
    for (const json::value& row : rows)
        print_line([&](const std::string& column) { return cell_text(field(row, column)); });
}

}  // namespace

std::string cell_text(const json::value& value) {
    if (value.is_null()) return {};
    if (value.is_string()) return std::string{value.get_string()};
    if (const json::array* array = value.if_array()) {
        // Words stand without quotes at the outside: "[administrator]".
        std::string out = "[";
        bool words = true;
        for (const json::value& element : *array) {
            words = words && element.is_string();
            if (out.size() > 1) out += ", ";
            if (element.is_string()) out += std::string_view{element.get_string()};
        }
        return words ? out + "]" : list(*array);
    }
    return json::serialize(value);
}

void print_rows(
    std::ostream& out, const json::array& rows, const std::vector<std::string>& columns,
    const CtlOptions& options) {
    if (options.formatter != Formatter::json) {
        const bool csv = options.formatter == Formatter::csv;
        print_separated(out, rows, columns, csv, options.table_headers);
        return;
    }
    out << "[\n";
    for (std::size_t i = 0; i < rows.size(); ++i) {
        json::object shown;
        for (const std::string& column : columns) shown[column] = field(rows[i], column);
        out << (i > 0 ? "," : "") << json::serialize(shown) << '\n';
    }
    out << "]\n";
}

void print_message(std::ostream& out, const std::string& text, const CtlOptions& options) {
    if (options.formatter == Formatter::json)
        out << json::serialize(json::object{{"result", "ok"}, {"message", text}}) << '\n';
    else
        out << text << '\n';
}

}  // namespace lvt::broker
