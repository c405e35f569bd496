#include "broker/management/table_json.h"

#include "broker/management/json_values.h"
#include "protocol/base/byte_writer.h"

#include <boost/json/array.hpp>

#include <bit>

namespace lvt::broker {
namespace {

namespace json = boost::json;

Bytes u64_bytes(std::uint64_t value) {
    Bytes out;
    ByteWriter(out).u64(value);
    return out;
}

/// A FieldValue that owns its bytes.
struct Value {
    char tag = 'V';
    Bytes raw;

    amqp::FieldValue view() const { return {tag, raw}; }
};

Value value_of(const json::value& value, int depth);

Bytes entries_of(const json::object& object, int depth) {
    amqp::Table table;
    for (const auto& [name, value] : object)
        table.add_value(ByteView(name.data(), name.size()), value_of(value, depth).view());
    return Bytes(table.bytes());
}

/// Beyond the depth there is nothing: Table::decode, which comes last, would not have it anyway.
Value value_of(const json::value& value, int depth) {
    if (depth > amqp::kNestingMax) return {};
    if (const json::string* text = value.if_string())
        return {'S', Bytes(text->data(), text->size())};
    if (const bool* boolean = value.if_bool()) return {'t', Bytes(1, *boolean ? '\1' : '\0')};
    if (const std::int64_t* number = value.if_int64())
        return {'l', u64_bytes(static_cast<std::uint64_t>(*number))};
    if (const std::uint64_t* number = value.if_uint64()) return {'l', u64_bytes(*number)};
    if (const double* number = value.if_double())
        return {'d', u64_bytes(std::bit_cast<std::uint64_t>(*number))};
    if (const json::object* object = value.if_object())
        return {'F', entries_of(*object, depth + 1)};
    if (const json::array* array = value.if_array()) {
        Value out{'A', {}};
        for (const json::value& element : *array)
            amqp::append_value(out.raw, value_of(element, depth + 1).view());
        return out;
    }
    return {};
}

json::value field_json(const amqp::FieldValue& value) {
    if (const auto number = value.integer()) return *number;
    if (const auto text = value.string()) return json_text(*text);
    if (const auto boolean = value.boolean()) return *boolean;
    if (const auto table = value.table()) return json_of(amqp::TableView(*table));
    if (const auto array = value.array()) {
        json::array out;
        amqp::ArrayView(*array).for_each(
            [&](const amqp::FieldValue& element) { out.push_back(field_json(element)); });
        return out;
    }
    std::uint64_t bits = 0;
    for (const char c : value.raw) bits = bits << 8 | static_cast<unsigned char>(c);
    if (value.tag == 'd') return std::bit_cast<double>(bits);
    if (value.tag == 'f') return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (value.tag == 'T') return bits;
    return nullptr;
}

}  // namespace

Result<amqp::Table> table_of(const json::value& value) {
    const json::object* const object = value.if_object();
    if (!object) return Error{ErrorKind::invalid, "must be a JSON object"};
    for (const auto& [name, entry] : *object) {
        if (name.size() > 255) return Error{ErrorKind::invalid, "a key is longer than 255 octets"};
    }
    auto table = amqp::Table::decode(entries_of(*object, 1));
    if (table.has_error()) return Error{ErrorKind::invalid, table.error().text};
    return std::move(*table);
}

json::object json_of(amqp::TableView table) {
    json::object out;
    for (const auto& [name, value] : table) out[json_text(name)] = field_json(value);
    return out;
}

json::object json_of(const amqp::Table& table) { return json_of(table.view()); }

}  // namespace lvt::broker
