#include "broker/management/json_values.h"

#include "protocol/base/utf8.h"

#include <bit>
#include <cstdint>

namespace lvt::broker {

namespace json = boost::json;

namespace {

constexpr ByteView kReplacement = "\xEF\xBF\xBD";

bool is_printable(ByteView bytes) {
    while (!bytes.empty()) {
        const std::size_t size = unicode_sequence_size(bytes);
        if (size == 0 || static_cast<unsigned char>(bytes[0]) < 0x20) return false;
        bytes.remove_prefix(size);
    }
    return true;
}

std::uint64_t big_endian(ByteView raw) {
    std::uint64_t value = 0;
    for (const char octet : raw) value = value << 8 | static_cast<unsigned char>(octet);
    return value;
}

json::value json_field(const amqp::FieldValue& value);

json::array json_elements(ByteView array) {
    json::array all;
    amqp::ArrayView(array).for_each([&](const amqp::FieldValue& element) {
        all.push_back(json::array{element.type_name(), json_field(element)});
    });
    return all;
}

json::value json_field(const amqp::FieldValue& value) {
    switch (value.tag) {
        case 'f':
            return std::bit_cast<float>(static_cast<std::uint32_t>(big_endian(value.raw)));
        case 'd':
            return std::bit_cast<double>(big_endian(value.raw));
        case 'T':
            return big_endian(value.raw);
        case 'D':
            return json::array{
                big_endian(value.raw.substr(0, 1)),
                static_cast<std::int32_t>(big_endian(value.raw.substr(1)))};
        case 'x':
            if (!is_printable(value.raw)) {
                json::array octets;
                for (const char octet : value.raw)
                    octets.push_back(static_cast<unsigned char>(octet));
                return octets;
            }
            return json_text(value.raw);
        default:
            break;
    }
    if (const auto integer = value.integer()) return *integer;
    if (const auto string = value.string()) return json_text(*string);
    if (const auto boolean = value.boolean()) return *boolean;
    if (const auto table = value.table()) return json_table(amqp::TableView(*table));
    if (const auto array = value.array()) return json_elements(*array);
    return "undefined";
}

}  // namespace

json::string json_text(ByteView bytes) {
    json::string out;
    while (!bytes.empty()) {
        std::size_t good = 0;
        while (good < bytes.size()) {
            const std::size_t size = unicode_sequence_size(bytes.substr(good));
            if (size == 0) break;
            good += size;
        }
        out.append(json::string_view(bytes.data(), good));
        bytes.remove_prefix(good);
        if (bytes.empty()) break;
        out.append(json::string_view(kReplacement.data(), kReplacement.size()));
        bytes.remove_prefix(1);
    }
    return out;
}

json::array json_table(amqp::TableView table) {
    json::array all;
    for (const auto& [name, value] : table)
        all.push_back(json::array{json_text(name), value.type_name(), json_field(value)});
    return all;
}

json::array json_table(const amqp::Table& table) { return json_table(table.view()); }

}  // namespace lvt::broker
