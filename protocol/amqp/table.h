// Field tables and arrays (spec 4.2.5.5), in the dialect that RabbitMQ speaks, as views over their bytes.
//
//   table = { short-string name, value } *          array = { value } *
//   value = tag octet, then by tag:
//     t bool  b i8  B u8  s i16  u u16  I i32  i u32  l i64  L i64  f float  d double
//     D decimal (scale u8, i32)  S long string  A array (u32 length)  T timestamp u64  F table (u32 length)
//     x byte array (u32 length)  V void
//
// The bytes of a received table are kept and re-emitted as they are; values are decoded when somebody asks.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <utility>

#include "protocol/amqp/amqp_error.h"
#include "protocol/base/bytes.h"

namespace lvt::amqp {

/// How deep tables and arrays may nest. Deeper is a syntax_error.
inline constexpr int kNestingMax = 64;

/// One value of a validated table; a view, valid as long as the table's bytes.
struct FieldValue {
    char tag = 'V';
    /// What follows the tag: for S, x, A and F without the length.
    ByteView raw;

    /// b B s u I i l L: any width, by value. Nothing for other tags, T among them.
    std::optional<std::int64_t> integer() const;
    /// S and x.
    std::optional<ByteView> string() const;
    std::optional<bool> boolean() const;
    /// The inside of a table (F), for TableView.
    std::optional<ByteView> table() const;
    /// The inside of an array (A), for ArrayView.
    std::optional<ByteView> array() const;
    /// RabbitMQ's word for the type in reply texts: longstr, signedint, long, bool, table, ...
    const char* type_name() const;
};

/// Iterates over the bytes of a table that was validated before (Table::decode). Valid as long as they are.
class TableView {
public:
    using Entry = std::pair<ByteView, FieldValue>;

    class Iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Entry;
        using difference_type = std::ptrdiff_t;
        using pointer = const Entry*;
        using reference = const Entry&;

        Iterator() = default;
        explicit Iterator(ByteView rest);
        const Entry& operator*() const { return entry_; }
        const Entry* operator->() const { return &entry_; }
        Iterator& operator++();
        bool operator==(const Iterator& other) const { return at_end_ == other.at_end_; }

    private:
        ByteView rest_;
        Entry entry_;
        bool at_end_ = true;
    };

    explicit TableView(ByteView bytes) : bytes_(bytes) {}
    Iterator begin() const { return Iterator(bytes_); }
    Iterator end() const { return Iterator(); }
    /// The first entry of that name.
    std::optional<FieldValue> find(ByteView name) const;

private:
    ByteView bytes_;
};

/// The values of a validated array, in order.
class ArrayView {
public:
    explicit ArrayView(ByteView bytes) : bytes_(bytes) {}
    /// Calls `visit(FieldValue)` for each.
    template <class Visit>
    void for_each(Visit&& visit) const {
        ByteView rest = bytes_;
        while (!rest.empty()) visit(next(rest));
    }

private:
    static FieldValue next(ByteView& rest);
    ByteView bytes_;
};

/// An owned, validated table.
class Table {
public:
    Table() = default;
    /// Copies and validates. syntax_error (502, closes the connection) where it is malformed or nests deeper than kNestingMax.
    static AmqpResult<Table> decode(ByteView bytes);

    /// Without the length prefix.
    ByteView bytes() const { return bytes_; }
    bool empty() const { return bytes_.empty(); }
    TableView view() const { return TableView(bytes_); }
    std::optional<FieldValue> find(ByteView name) const { return view().find(name); }

    // Builders; each appends an entry.
    Table& add_string(ByteView name, ByteView value);            // S
    Table& add_bool(ByteView name, bool value);                  // t
    Table& add_int(ByteView name, std::int32_t value);           // I
    Table& add_long(ByteView name, std::int64_t value);          // l
    Table& add_timestamp(ByteView name, std::uint64_t value);    // T
    Table& add_table(ByteView name, const Table& value);         // F
    Table& add_value(ByteView name, const FieldValue& value);    // any, as it stands

    bool operator==(const Table&) const = default;

private:
    Bytes bytes_;
};

/// Appends tag, length where the tag has one, and value: an element of an array that is being built.
void append_value(Bytes& out, const FieldValue& value);

/// The same entries in the order of their names; equal names stay as they stand.
Table sorted_by_name(const TableView& table);

/// Checks the inside of a table without copying it; the same errors as Table::decode.
AmqpResult<void> validate_table(ByteView bytes);

}  // namespace lvt::amqp
