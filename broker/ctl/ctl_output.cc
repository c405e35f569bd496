#include "broker/ctl/ctl_output.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace lvt::broker {
namespace {

namespace json = boost::json;

constexpr std::string_view kTypes[] = {
    "bool",
    "byte",
    "unsignedbyte",
    "short",
    "unsignedshort",
    "signedint",
    "unsignedint",
    "long",
    "float",
    "double",
    "decimal",
    "longstr",
    "array",
    "timestamp",
    "table",
    "binary",
    "void"};

bool is_type(const json::value& value) {
    return value.is_string() &&
           std::find(std::begin(kTypes), std::end(kTypes), value.get_string()) != std::end(kTypes);
}

/// [[NAME, TYPE, VALUE], ...] with at least one entry, as an AMQP table comes.
bool is_table(const json::array& array) {
    return !array.empty() && std::all_of(array.begin(), array.end(), [](const json::value& entry) {
        const json::array* const parts = entry.if_array();
        return parts && parts->size() == 3 && (*parts)[0].is_string() && is_type((*parts)[1]);
    });
}

template <class Text>
std::string joined(const json::array& array, Text&& text) {
    std::string out;
    for (const json::value& element : array)
        out.append(out.empty() ? "" : ",").append(text(element));
    return out;
}

std::string table_term(const json::value& table);

/// Erlang's way to write a value of an AMQP type.
std::string term(std::string_view type, const json::value& value) {
    if (type == "table") return table_term(value);
    if (type == "void") return "undefined";
    const json::array* const array = value.if_array();
    if (type == "array" && array)
        return "[" +
               joined(
                   *array,
                   [](const json::value& element) {
                       const json::array* const parts = element.if_array();
                       return parts && parts->size() == 2 && is_type((*parts)[0])
                                  ? term((*parts)[0].get_string(), (*parts)[1])
                                  : json::serialize(element);
                   }) +
               "]";
    const auto plain = [](const json::value& one) { return json::serialize(one); };
    if (type == "binary")
        return "<<" + (array ? joined(*array, plain) : json::serialize(value)) + ">>";
    if (type == "decimal" && array) return "{" + joined(*array, plain) + "}";
    return json::serialize(value);
}

std::string table_term(const json::value& table) {
    const json::array* const array = table.if_array();
    if (!array) return json::serialize(table);
    return "[" +
           joined(
               *array,
               [](const json::value& entry) {
                   const json::array& parts = entry.as_array();
                   return "{" + json::serialize(parts.at(0)) + "," +
                          term(parts.at(1).as_string(), parts.at(2)) + "}";
               }) +
           "]";
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
    const json::array* const array = value.if_array();
    if (!array) return json::serialize(value);
    if (is_table(*array)) return table_term(value);
    const auto all_of = [&](auto&& test) {
        return !array->empty() && std::all_of(array->begin(), array->end(), test);
    };
    // A tuple: {0,9,1}.
    if (all_of([](const json::value& one) { return one.is_number(); }))
        return "{" + joined(*array, [](const json::value& one) { return json::serialize(one); }) +
               "}";
    // Words stand without quotes: [administrator, monitoring].
    std::string out = "[";
    for (const json::value& element : *array)
        out.append(out.size() > 1 ? ", " : "").append(cell_text(element));
    return out + "]";
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
        out << json::serialize(json::object{{"message", text}}) << '\n';
    else
        out << text << '\n';
}

}  // namespace lvt::broker
