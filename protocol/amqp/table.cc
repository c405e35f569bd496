#include "protocol/amqp/table.h"

#include <algorithm>
#include <vector>

#include "protocol/base/assert.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

namespace lvt::amqp {
namespace {

constexpr std::size_t kUnknownTag = ~std::size_t{0};
constexpr std::size_t kLengthPrefixed = kUnknownTag - 1;

/// How many octets follow the tag.
constexpr std::size_t value_bytes(char tag) {
    switch (tag) {
        case 'V': return 0;
        case 't':
        case 'b':
        case 'B': return 1;
        case 's':
        case 'u': return 2;
        case 'I':
        case 'i':
        case 'f': return 4;
        case 'D': return 5;
        case 'l':
        case 'L':
        case 'd':
        case 'T': return 8;
        case 'S':
        case 'A':
        case 'F':
        case 'x': return kLengthPrefixed;
        default: return kUnknownTag;
    }
}

/// Takes tag and value off the front of `in`. False where the tag is unknown; a value that is too short fails `in`.
bool take_value(ByteReader& in, FieldValue& out) {
    out.tag = static_cast<char>(in.u8());
    if (!in.ok()) return true;
    const std::size_t size = value_bytes(out.tag);
    if (size == kUnknownTag) return false;
    out.raw = size == kLengthPrefixed ? in.long_string() : in.view(size);
    return true;
}

AmqpError malformed(const char* text) { return AmqpError{ReplyCode::syntax_error, text}; }

/// The inside of a table (named) or an array (not named), `depth` levels deep.
AmqpResult<void> validate_entries(ByteView bytes, bool named, int depth) {
    if (depth > kNestingMax) return malformed("field table nests too deeply");
    ByteReader in(bytes);
    FieldValue value;
    while (!in.done()) {
        if (named) in.short_string();
        if (!take_value(in, value)) return malformed("unknown type in a field table");
        if (!in.ok()) return malformed("field table ends inside a value");
        if (value.tag == 'F' || value.tag == 'A') {
            auto inside = validate_entries(value.raw, value.tag == 'F', depth + 1);
            if (inside.has_error()) return inside;
        }
    }
    if (!in.ok()) return malformed("field table ends inside a name");
    return {};
}

}  // namespace

std::optional<std::int64_t> FieldValue::integer() const {
    switch (tag) {
        case 'b': return static_cast<std::int8_t>(raw[0]);
        case 'B': return static_cast<std::uint8_t>(raw[0]);
        case 's': return static_cast<std::int16_t>(load_big_endian<std::uint16_t>(raw.data()));
        case 'u': return load_big_endian<std::uint16_t>(raw.data());
        case 'I': return static_cast<std::int32_t>(load_big_endian<std::uint32_t>(raw.data()));
        case 'i': return load_big_endian<std::uint32_t>(raw.data());
        case 'l':
        case 'L': return static_cast<std::int64_t>(load_big_endian<std::uint64_t>(raw.data()));
        default: return std::nullopt;
    }
}

std::optional<ByteView> FieldValue::string() const {
    if (tag == 'S' || tag == 'x') return raw;
    return std::nullopt;
}

std::optional<bool> FieldValue::boolean() const {
    if (tag == 't') return raw[0] != 0;
    return std::nullopt;
}

std::optional<ByteView> FieldValue::table() const {
    if (tag == 'F') return raw;
    return std::nullopt;
}

std::optional<ByteView> FieldValue::array() const {
    if (tag == 'A') return raw;
    return std::nullopt;
}

const char* FieldValue::type_name() const {
    switch (tag) {
        case 't': return "bool";
        case 'b': return "byte";
        case 'B': return "unsignedbyte";
        case 's': return "short";
        case 'u': return "unsignedshort";
        case 'I': return "signedint";
        case 'i': return "unsignedint";
        case 'l':
        case 'L': return "long";
        case 'f': return "float";
        case 'd': return "double";
        case 'D': return "decimal";
        case 'S': return "longstr";
        case 'A': return "array";
        case 'T': return "timestamp";
        case 'F': return "table";
        case 'x': return "binary";
        default: return "void";
    }
}

TableView::Iterator::Iterator(ByteView rest) : rest_(rest) { ++*this; }

TableView::Iterator& TableView::Iterator::operator++() {
    at_end_ = rest_.empty();
    if (at_end_) return *this;
    ByteReader in(rest_);
    entry_.first = in.short_string();
    ASSERT(take_value(in, entry_.second) && in.ok());
    rest_ = in.rest();
    return *this;
}

std::optional<FieldValue> TableView::find(ByteView name) const {
    for (const auto& [entry_name, value] : *this) {
        if (entry_name == name) return value;
    }
    return std::nullopt;
}

FieldValue ArrayView::next(ByteView& rest) {
    ByteReader in(rest);
    FieldValue value;
    ASSERT(take_value(in, value) && in.ok());
    rest = in.rest();
    return value;
}

AmqpResult<void> validate_table(ByteView bytes) { return validate_entries(bytes, true, 1); }

AmqpResult<Table> Table::decode(ByteView bytes) {
    auto valid = validate_table(bytes);
    if (valid.has_error()) return std::move(valid).error();
    Table table;
    table.bytes_ = bytes;
    return table;
}

void append_value(Bytes& out, const FieldValue& value) {
    ByteWriter writer(out);
    writer.u8(static_cast<std::uint8_t>(value.tag));
    const std::size_t size = value_bytes(value.tag);
    if (size == kLengthPrefixed) {
        writer.long_string(value.raw);
    } else {
        ASSERT(size == value.raw.size());
        writer.raw(value.raw);
    }
}

Table& Table::add_value(ByteView name, const FieldValue& value) {
    ByteWriter(bytes_).short_string(name);
    append_value(bytes_, value);
    return *this;
}

Table& Table::add_string(ByteView name, ByteView value) { return add_value(name, {'S', value}); }

Table& Table::add_bool(ByteView name, bool value) {
    return add_value(name, {'t', value ? ByteView("\1", 1) : ByteView("\0", 1)});
}

Table& Table::add_int(ByteView name, std::int32_t value) {
    char octets[4];
    store_big_endian(octets, static_cast<std::uint32_t>(value));
    return add_value(name, {'I', ByteView(octets, sizeof octets)});
}

Table& Table::add_long(ByteView name, std::int64_t value) {
    char octets[8];
    store_big_endian(octets, static_cast<std::uint64_t>(value));
    return add_value(name, {'l', ByteView(octets, sizeof octets)});
}

Table& Table::add_timestamp(ByteView name, std::uint64_t value) {
    char octets[8];
    store_big_endian(octets, value);
    return add_value(name, {'T', ByteView(octets, sizeof octets)});
}

Table& Table::add_table(ByteView name, const Table& value) {
    return add_value(name, {'F', value.bytes()});
}

Table sorted_by_name(const TableView& table) {
    std::vector<TableView::Entry> entries;
    for (const auto& entry : table) entries.push_back(entry);
    std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
        return a.first < b.first;
    });
    Table out;
    for (const auto& [name, value] : entries) out.add_value(name, value);
    return out;
}

}  // namespace lvt::amqp
