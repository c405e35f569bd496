#include "broker/core/argument_text.h"

#include "protocol/base/byte_reader.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>

namespace lvt::broker {

using amqp::FieldValue;

namespace {

/// The shortest that reads back the same, always with a point.
Bytes floating(double value) {
    Bytes text = fmt::format("{}", value);
    if (std::isfinite(value) && text.find('.') == Bytes::npos) {
        const std::size_t exponent = text.find('e');
        text.insert(exponent == Bytes::npos ? text.size() : exponent, ".0");
    }
    return text;
}

Bytes array_term(ByteView bytes) {
    Bytes out = "[";
    amqp::ArrayView(bytes).for_each([&](const FieldValue& value) {
        if (out.size() > 1) out += ',';
        out += fmt::format("{{{},{}}}", value.type_name(), erlang_term(value));
    });
    return out + ']';
}

Bytes table_term(ByteView bytes) {
    Bytes out = "[";
    for (const auto& [name, value] : amqp::TableView(bytes)) {
        if (out.size() > 1) out += ',';
        out +=
            fmt::format("{{{},{},{}}}", erlang_binary(name), value.type_name(), erlang_term(value));
    }
    return out + ']';
}

}  // namespace

Bytes erlang_binary(ByteView text) {
    return text.empty() ? Bytes("<<>>") : fmt::format("<<\"{}\">>", text);
}

Bytes erlang_term(const FieldValue& value) {
    const auto string = value.string();
    return string ? erlang_binary(*string) : erlang_text(value);
}

Bytes erlang_text(const FieldValue& value) {
    if (const auto integer = value.integer()) return std::to_string(*integer);
    if (const auto string = value.string()) return Bytes(*string);
    if (const auto boolean = value.boolean()) return *boolean ? "true" : "false";
    if (const auto table = value.table()) return table_term(*table);
    if (const auto array = value.array()) return array_term(*array);
    const char* const raw = value.raw.data();
    switch (value.tag) {
        case 'T':
            return std::to_string(load_big_endian<std::uint64_t>(raw));
        case 'd':
            return floating(std::bit_cast<double>(load_big_endian<std::uint64_t>(raw)));
        case 'f':
            return floating(std::bit_cast<float>(load_big_endian<std::uint32_t>(raw)));
        case 'D': {
            const auto scale = static_cast<unsigned char>(raw[0]);
            return fmt::format("{{{},{}}}", scale, load_big_endian<std::uint32_t>(raw + 1));
        }
        default:
            return "undefined";
    }
}

}  // namespace lvt::broker
